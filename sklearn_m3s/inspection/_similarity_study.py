"""Compare measures of similarity: alone, and added to the model without one."""

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
    X, y
        As for :func:`~sklearn_m3s.inspection.ablation_study`.
    measures : dict of str to transformer or dict, default=None
        Measures by the names of their rows: one transformer for the contexts of all tiers, or a
        dict with one for each tier. None means the five of the paper: fractional and Euclidean
        distance to 20 centres of k-means, `CosineSimilarity` and `KDESimilarity`, all
        standardised, and `DBSCANSimilarity`.
    regressor : regressor, default=None
        Predicts from a measure alone. None means an `MLPRegressor` of 15 epochs. With the tiers,
        the model's own regressor is used.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, of grouped folds and of the default measures and regressor.
    cv, groups, n_bootstrap, n_jobs, verbose
        As for :func:`~sklearn_m3s.inspection.ablation_study`.

    Returns
    -------
    DataFrame
        The row ``"none"`` is the model without similarity, the others are each measure alone, with
        the columns of :func:`~sklearn_m3s.inspection.ablation_study`. ``delta_spearman`` is the
        contribution Δρ: the Spearman correlation of the model with the measure minus that of
        ``"none"``.

    Raises
    ------
    ValueError, VideoError
        As :func:`~sklearn_m3s.inspection.ablation_study` does, or if the model has no tier with a
        context, or if a measure names another tier, or has the name of a tier or "none".

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
