"""What each measure of similarity is worth: alone, and added to the model without one."""

from collections.abc import Mapping
from functools import partial

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods, validate_params

from sklearn_m3s.inspection._bootstrap import draw_counts, fold_metrics
from sklearn_m3s.inspection._folds import STUDY_RULES, Row, check_scores
from sklearn_m3s.inspection._model import cross_predict
from sklearn_m3s.inspection._tables import compare, make_table
from sklearn_m3s.regression import MLPRegressor
from sklearn_m3s.similarity import (
    CosineSimilarity,
    DBSCANSimilarity,
    DistanceSimilarity,
    KDESimilarity,
)


@validate_params(
    {
        "model": [Pipeline],
        "measures": [Mapping, None],
        "regressor": [HasMethods(["fit", "predict"]), None],
        **STUDY_RULES,
    },
    prefer_skip_nested_validation=True,
)
def similarity_study(
    model,
    X,
    y,
    *,
    measures=None,
    regressor=None,
    cv=None,
    n_bootstrap=1000,
    random_state=None,
    n_jobs=None,
    verbose=False,
):
    """Compare measures of similarity, alone and by what they add to a model (Table 2).

    Parameters
    ----------
    model : Pipeline
        As `make_m3s` returns it, with at least one tier that has a context (scene or event); its
        own similarity is not used.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    measures : dict of str to transformer or dict, default=None
        By the name of its row, one transformer for the contexts of all tiers, or a dict of one for
        each tier. None is the five of the paper: fractional and Euclidean distance to 20 centres of
        k-means, `CosineSimilarity` and `KDESimilarity`, all standardised, and `DBSCANSimilarity`.
    regressor : regressor, default=None
        What predicts from a measure alone; None is an `MLPRegressor` of 15 epochs. With the tiers
        it is the model's own.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn; None is 5 folds in the order of the videos.
    n_bootstrap : int, default=1000
        Bootstrap samples of the test videos; 0 gives no intervals.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, and of the default measures and regressor.
    n_jobs : int, default=None
        Rows of the table fitted at a time; see joblib.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits; the tiers of the model show their own.

    Returns
    -------
    DataFrame
        The row ``"none"`` is the model without similarity, the others each measure alone; columns
        ``spearman``, ``mse``, ``mae`` and ``spread`` as of
        :func:`~sklearn_m3s.inspection.evaluate`, ``n_features``, ``n_parameters``, and
        ``delta_spearman``, the contribution Δρ: the Spearman correlation of the model with the
        measure less that of ``"none"``; each with its 95 % interval.

    Raises
    ------
    ValueError
        If the model is no pipeline of tiers and a regressor, or has no tier with a context; if a
        measure names a tier that has none, or is itself called as a tier or "none"; if `y` is not
        finite; if there are fewer videos than folds.
    VideoError
        If videos cannot be read; what was described is in the cache, if the tiers have one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 5.

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
    y = check_scores(X, y)
    measures = default_measures(random_state) if measures is None else measures
    if regressor is None:
        regressor = MLPRegressor(max_epochs=15, random_state=random_state)
    predictions, sizes = cross_predict(
        model, partial(_make_rows, regressor), X, y, cv, measures, n_jobs=n_jobs, verbose=verbose
    )
    return _make_table(list(measures), predictions, sizes, y, n_bootstrap, random_state)


def default_measures(random_state=None):
    """Return the measures of the paper's Table 2."""
    centres = {"prototypes": "kmeans", "random_state": random_state}
    scaled = {
        "fractional distance": DistanceSimilarity(metric="fractional", **centres),
        "Euclidean distance": DistanceSimilarity(**centres),
        "cosine similarity": CosineSimilarity(random_state=random_state),
        "KDE": KDESimilarity(random_state=random_state),
    }
    measures = {name: make_pipeline(part, StandardScaler()) for name, part in scaled.items()}
    return measures | {"DBSCAN clusters": DBSCANSimilarity(random_state=random_state)}


def _make_rows(alone, tiers, measures, regressor):
    taken = sorted({"none", *tiers} & set(measures))
    if taken:
        raise ValueError(f"measures has the names {taken}, which mean other rows: rename them")
    rows = {"none": Row(tiers, regressor)}
    rows |= {name: Row([name], alone) for name in measures}
    return rows | {f"with {name}": Row([*tiers, name], regressor) for name in measures}


def _make_table(measures, predictions, sizes, y, n_bootstrap, random_state):
    counts = draw_counts(len(y), n_bootstrap, random_state)
    alone = {name: predictions[name] for name in ("none", *measures)}
    table = make_table(alone, sizes, y, counts)
    reference = fold_metrics(y, predictions["none"], counts)
    for name in measures:
        metrics = fold_metrics(y, predictions[f"with {name}"], counts)
        for column, value in compare(metrics, reference).items():
            table.loc[name, column] = value
    return table
