"""Compare a model with itself without each tier, and with each tier alone."""

from collections.abc import Iterable

from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods

from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._blocks import (
    STUDY_RULES,
    CrossValidation,
    Row,
    Seed,
    Study,
    Table,
    Videos,
)
from sklearn_m3s.inspection._intervals import draw_counts, make_table


@check_arguments(model=[HasMethods(["fit"])], tiers=["array-like", None], **STUDY_RULES)
def ablation_study(
    model: Pipeline,
    X: Videos,
    y: ArrayLike,
    *,
    tiers: Iterable[str] | None = None,
    cv: CrossValidation = None,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: bool | int = False,
) -> Table:
    """Compare a model with itself without each tier, and with each tier alone (Table 4).

    Parameters
    ----------
    model : Pipeline
        A model from `make_m3s`.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    tiers : sequence of str, default=None
        Tiers to ablate, from ``"raw"``, ``"scene"``, ``"event"`` and ``"similarity"`` (the context
        of all tiers). None means all tiers of the model.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn. None means 5 folds in the order of the videos.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, such as the film that it was cut from. Videos of one group are
        never on both sides of a fold, and the bootstrap draws groups instead of videos. With
        groups, an integer `cv` means `GroupKFold`, shuffled if `random_state` is given. Any other
        `cv` that splits a group raises an error.
    n_bootstrap : int, default=1000
        Number of bootstrap samples of the test videos, or of the groups. 0 gives no intervals.
    n_jobs : int, default=None
        Number of fits at a time; see joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap and of grouped folds. The model keeps its own seed.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits. The tiers have their own `verbose`.

    Returns
    -------
    DataFrame
        The row ``"all"``, and the rows ``"without ..."`` and ``"only ..."`` for each tier. The
        columns are ``spearman``, ``mse``, ``mae`` and ``spread``, as in
        :func:`~sklearn_m3s.inspection.evaluate`; ``n_features`` and ``n_parameters`` of the
        regressor (means over the folds, because the number of clusters varies); and
        ``delta_spearman``, the difference from ``"all"``. Metrics have 95 % intervals in columns
        such as ``spearman_low`` and ``spearman_high``.

    Raises
    ------
    ValueError
        If the model is not a pipeline of tiers and a regressor, lacks a tier of `tiers`, or has
        only one; if `y` is not finite; if there are fewer videos or groups than folds; if a
        group is on both sides of a fold.
    VideoError
        If videos cannot be read. The descriptions of the others are in the cache, if there is one.

    Notes
    -----
    Each video is described once. Each tier and its context are fitted once per fold, for all rows
    of the table. If the tiers have a cache, a study that was stopped reuses the features.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, Table 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.inspection import ablation_study
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 4))  # rows in place of videos: the first column is the score
    >>> raw = FunctionTransformer(lambda X: X[:, :2])
    >>> scene = FunctionTransformer(lambda X: X[:, 2:])
    >>> model = make_m3s(raw=raw, scene=scene, event=None, similarity=None, regressor=Ridge())
    >>> table = ablation_study(model, X, X[:, 0], n_bootstrap=100, random_state=0)
    >>> list(table.index)
    ['all', 'without raw', 'without scene', 'only raw', 'only scene']
    >>> bool(table.loc["only raw", "spearman"] > 0.9)
    True
    """
    study = Study(model, X, y, cv, groups, random_state)
    blocks, regressor = [*study.tiers, *study.measures], study.regressor
    ablated = _check_tiers(tiers, blocks)
    rows = {"all": Row(blocks, regressor)}
    for name in ablated:
        rows[f"without {name}"] = Row([block for block in blocks if block != name], regressor)
    rows |= {f"only {name}": Row([name], regressor) for name in ablated}
    predictions, sizes = study.predict(rows, n_jobs, verbose)
    counts = draw_counts(len(study.y), n_bootstrap, random_state, groups)
    return make_table(predictions, sizes, study.y, counts, reference="all")


def _check_tiers(tiers: Iterable[str] | None, blocks: list[str]) -> list[str]:
    tiers = list(blocks) if tiers is None else list(tiers)
    missing = [name for name in tiers if name not in blocks]
    if missing or not tiers:
        raise ValueError(f"tiers={tiers} cannot be left out: use tiers of the model, {blocks}")
    if len(blocks) == 1:
        raise ValueError(f"the model has only {blocks[0]!r}: an ablation needs two tiers or more")
    return tiers
