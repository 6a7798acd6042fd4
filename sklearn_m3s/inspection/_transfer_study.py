"""Train models on one data set and test them on another."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils._param_validation import HasMethods

from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._blocks import (
    STUDY_RULES,
    Fold,
    Row,
    Seed,
    Table,
    Videos,
    check_study,
    describe_for,
    make_folds,
    predict_rows,
    take_videos,
)
from sklearn_m3s.inspection._intervals import draw_counts, make_table


class _DataSet(NamedTuple):
    X: Videos
    y: np.ndarray
    groups: ArrayLike | None
    folds: list[Fold]


@check_arguments(
    models=[Mapping, HasMethods(["fit", "predict"])],
    data_sets=[Mapping],
    **STUDY_RULES | {"cv": [Integral, HasMethods(["split"]), None]},
)
def transfer_study(
    models: BaseEstimator | Mapping[str, BaseEstimator],
    data_sets: Mapping[str, Any],
    *,
    cv: int | BaseCrossValidator | None = None,
    n_bootstrap: int = 1000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: bool | int = False,
) -> Table:
    """Train models on each data set, and test them on every other.

    Parameters
    ----------
    models : regressor, or dict of str to regressor
        Models by name. A single model is called ``"model"``. Clones of the models are fitted.
    data_sets : dict of str to tuple or Bunch
        Two data sets or more, by name: ``(X, y)``, ``(X, y, groups)``, or a Bunch with the keys
        ``videos`` and ``scores``, or ``data`` and ``target``, and optionally ``groups``. `X` are
        videos, or features with the same columns in all data sets. For groups, see
        :func:`~sklearn_m3s.inspection.evaluate`. Groups of two data sets are different even if they
        have the same name.
    cv : int, cross-validation generator or None, default=None
        Folds within each data set, as for :func:`~sklearn_m3s.inspection.evaluate`.
    n_bootstrap : int, default=1000
        Number of bootstrap samples of the videos of each data set, or of its groups. 0 gives no
        intervals.
    n_jobs : int, default=None
        Number of fits at a time; see joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap and of grouped folds. The models keep their own seeds.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits. The tiers have their own `verbose`.

    Returns
    -------
    DataFrame
        One row for each model and pair of data sets, with the index levels ``model``, ``test`` and
        ``train``, and the columns of :func:`~sklearn_m3s.inspection.ablation_study`. If the
        training and the test set are the same, the row is cross-validated within this data set.
        ``delta_spearman`` is the difference from this row, on the same test videos.
        ``table["spearman"].unstack("train")`` is the matrix of each model.

    Raises
    ------
    ValueError
        If there are fewer than two data sets, or one is not as described; if the columns of
        features differ between data sets; if scores are not finite; if there are fewer videos or
        groups than folds; if a group is on both sides of a fold.
    VideoError
        If videos cannot be read. The descriptions of the others are in the cache, if there is one.

    Notes
    -----
    Between two data sets, a model learns from all videos of one and predicts all videos of the
    other. Within a data set, it learns from fewer videos: those of the training folds. Each video
    is described once by all tiers of a model. The same tier of another model reuses its rows.

    References
    ----------
    Constantin et al.: Overview of the MediaEval 2023 Predicting Video Memorability task. That task
    replaced prediction within a data set by generalisation to another.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s.inspection import transfer_study
    >>> rng = np.random.default_rng(0)
    >>> sets = {}
    >>> for name, weights in {"faces": [1, 1, 0], "scenes": [0, 1, 1]}.items():
    ...     X = rng.normal(size=(200, 3))
    ...     sets[name] = X, X @ weights
    >>> table = transfer_study(Ridge(), sets, n_bootstrap=100, random_state=0)
    >>> matrix = table["spearman"].unstack("train").loc["model"]
    >>> bool(matrix.loc["faces", "faces"] > matrix.loc["faces", "scenes"])
    True
    """
    models = dict(models) if isinstance(models, Mapping) else {"model": models}
    sets = _check_sets(data_sets, cv, random_state)
    if not models:
        raise ValueError("models is empty: pass one model or more")
    X = _join({name: data.X for name, data in sets.items()})
    y = np.concatenate([data.y for data in sets.values()])
    bounds = np.cumsum([len(data.y) for data in sets.values()])[:-1]
    rows = dict(zip(sets, np.split(np.arange(len(y)), bounds), strict=True))
    counts = np.hstack(
        [draw_counts(len(d.y), n_bootstrap, random_state, d.groups) for d in sets.values()]
    )
    folds: list[Fold] = []
    # The indices of folds by training and test set. A model of one whole data set serves all other
    # sets: one fold with all of their videos. Within a set, cross-validation adds its folds.
    cells: dict[tuple[str, str], list[int]] = {}
    for train, data in sets.items():
        cells |= {(train, test): [len(folds)] for test in sets}
        folds.append((rows[train], np.setdiff1d(np.arange(len(y)), rows[train])))
        cells[train, train] = [len(folds) + i for i in range(len(data.folds))]
        folds += [(rows[train][learnt], rows[train][held_out]) for learnt, held_out in data.folds]
    for model in models.values():
        X = describe_for(model, X)
    predictions, sizes = predict_rows(
        {name: Row(["videos"], model) for name, model in models.items()},
        lambda fold: {"videos": (take_videos(X, fold[0]), take_videos(X, fold[1]))},
        y,
        folds,
        n_jobs,
        verbose,
    )
    tables = {}
    for name in models:
        for test in sets:
            chosen = {train: cells[train, test] for train in sets}
            tables[name, test] = make_table(
                {
                    train: [_cut(*predictions[name][i], rows[test]) for i in places]
                    for train, places in chosen.items()
                },
                {train: sizes[name][places] for train, places in chosen.items()},
                y,
                counts,
                reference=test,
            )
    return import_optional("pandas", "inspection").concat(tables, names=["model", "test", "train"])


def _check_sets(data_sets: Mapping[str, Any], cv: Any, random_state: Seed) -> dict[str, _DataSet]:
    if len(data_sets) < 2:
        raise ValueError(f"data_sets has {len(data_sets)} data sets: pass two or more")
    sets = {}
    for name, data in data_sets.items():
        try:
            X, y, groups = _unpack(data)
            y = check_study(X, y)
            sets[name] = _DataSet(X, y, groups, make_folds(cv, X, y, groups, random_state))
        except ValueError as error:
            raise ValueError(f"data_sets[{name!r}]: {error}") from error
    return sets


def _unpack(data: Any) -> tuple[Videos, ArrayLike, ArrayLike | None]:
    if isinstance(data, Mapping):
        for X, y in (("videos", "scores"), ("data", "target")):
            if X in data and y in data:
                return data[X], data[y], data.get("groups")
    elif isinstance(data, tuple | list) and len(data) in (2, 3):
        X, y, *groups = data
        return X, y, groups[0] if groups else None
    raise ValueError(
        f"a {type(data).__name__} that is not a data set: pass (X, y), (X, y, groups), or a Bunch "
        "of videos and scores, or of data and target"
    )


def _join(parts: dict[str, Any]) -> Videos:
    """Return the videos of all data sets in one list, or their matrices in one matrix."""
    matrices = list(parts.values())
    if any(getattr(X, "ndim", 1) != 2 for X in matrices):
        return [video for X in matrices for video in X]
    columns = {name: list(getattr(X, "columns", range(X.shape[1]))) for name, X in parts.items()}
    first, *others = columns
    for other in others:
        if columns[other] != columns[first]:
            raise ValueError(
                f"data_sets[{other!r}] has other columns than data_sets[{first!r}] "
                f"({len(columns[other])} and {len(columns[first])}): pass the same features in both"
            )
    if all(hasattr(X, "iloc") for X in matrices):
        return import_optional("pandas", "inspection").concat(matrices, ignore_index=True)
    return np.vstack(matrices)


def _cut(test: np.ndarray, predicted: np.ndarray, rows: np.ndarray) -> tuple[Any, Any]:
    """Return the test videos that are in `rows`, and their predictions."""
    inside = np.isin(test, rows)
    return test[inside], predicted[inside]
