"""Compare measures of similarity: alone, and added to a model without similarity."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
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
from sklearn_m3s.inspection._intervals import compare, draw_counts, fold_metrics, make_table
from sklearn_m3s.regression import MLPRegressor
from sklearn_m3s.similarity import (
    CosineSimilarity,
    DBSCANSimilarity,
    DistanceSimilarity,
    KDESimilarity,
)


@check_arguments(
    model=[HasMethods(["fit"])],
    measures=[Mapping, None],
    regressor=[HasMethods(["fit", "predict"]), None],
    **STUDY_RULES,
)
def similarity_study(
    model: Pipeline,
    X: Videos,
    y: ArrayLike,
    *,
    measures: Mapping[str, BaseEstimator | Mapping[str, BaseEstimator]] | None = None,
    regressor: BaseEstimator | None = None,
    cv: CrossValidation = None,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: bool | int = False,
) -> Table:
    """Compare measures of similarity: alone, and by their contribution to a model (Table 2).

    Parameters
    ----------
    model : Pipeline
        A model from `make_m3s`, with at least one tier that has a context (scene or event). Its
        own similarity is not used.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    measures : dict of str to transformer or dict, default=None
        Measures by the names of their rows: one transformer for the contexts of all tiers, or a
        dict with one transformer per tier. None means the five measures of the paper: fractional
        and Euclidean distance to 20 k-means centres, `CosineSimilarity` and `KDESimilarity`, all
        standardised, and `DBSCANSimilarity`.
    regressor : regressor, default=None
        Regressor that is fitted to each measure alone. None means an `MLPRegressor` of 15 epochs.
        For a measure with the tiers, the model's own regressor is used.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn. None means 5 folds in the order of the videos.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, as in :func:`~sklearn_m3s.inspection.ablation_study`.
    n_bootstrap : int, default=1000
        Number of bootstrap samples of the test videos, or of the groups. 0 gives no intervals.
    n_jobs : int, default=None
        Number of fits at a time; see joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, of grouped folds and of the default measures and regressor.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits. The tiers have their own `verbose`.

    Returns
    -------
    DataFrame
        The row ``"none"`` is the model without similarity. The other rows are each measure alone.
        The columns are those of :func:`~sklearn_m3s.inspection.ablation_study`. ``delta_spearman``
        is the contribution Δρ: the Spearman correlation of the model with the measure minus that of
        ``"none"``.

    Raises
    ------
    ValueError
        If the model has no tier with a context; if a measure names an unknown tier, or is called
        "none" or like a tier; or in the cases of
        :func:`~sklearn_m3s.inspection.ablation_study`.
    VideoError
        If videos cannot be read. The rows of the others are in the cache, if the tiers have one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, Table 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.inspection import similarity_study
    >>> X = np.random.default_rng(0).normal(size=(60, 2))  # rows in place of videos
    >>> model = make_m3s(raw=None, scene=FunctionTransformer(), event=None, regressor=Ridge())
    >>> measures = {"distance to centres": KMeans(4, n_init=1, random_state=0)}
    >>> table = similarity_study(model, X, np.hypot(*X.T), measures=measures, regressor=Ridge(),
    ...                          n_bootstrap=100, random_state=0)
    >>> bool(table.loc["distance to centres", "delta_spearman"] > 0)
    True
    """
    measures = default_measures(random_state) if measures is None else measures
    if regressor is None:
        regressor = MLPRegressor(max_epochs=15, random_state=random_state)
    study = Study(model, X, y, cv, groups, random_state, measures)
    taken = sorted({"none", *study.tiers} & set(measures))
    if taken:
        raise ValueError(f"measures has the names {taken} of other rows: rename them")
    rows = {"none": Row(study.tiers, study.regressor)}
    rows |= {name: Row([name], regressor) for name in measures}
    rows |= {f"with {name}": Row([*study.tiers, name], study.regressor) for name in measures}
    predictions, sizes = study.predict(rows, n_jobs, verbose)
    counts = draw_counts(len(study.y), n_bootstrap, random_state, groups)
    alone = {name: predictions[name] for name in ("none", *measures)}
    table = make_table(alone, sizes, study.y, counts)
    reference = fold_metrics(study.y, predictions["none"], counts)
    for name in measures:
        metrics = fold_metrics(study.y, predictions[f"with {name}"], counts)
        for column, value in compare(metrics, reference).items():
            table.loc[name, column] = value
    return table


def default_measures(random_state: Seed = None) -> dict[str, BaseEstimator]:
    """Return the measures of the paper's Table 2."""
    centres: dict[str, Any] = {"prototypes": "kmeans", "random_state": random_state}
    scaled = {
        "fractional distance": DistanceSimilarity(metric="fractional", **centres),
        "Euclidean distance": DistanceSimilarity(**centres),
        "cosine similarity": CosineSimilarity(random_state=random_state),
        "KDE": KDESimilarity(random_state=random_state),
    }
    measures = {name: make_pipeline(part, StandardScaler()) for name, part in scaled.items()}
    return measures | {"DBSCAN clusters": DBSCANSimilarity(random_state=random_state)}
