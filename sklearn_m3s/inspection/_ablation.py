"""What each tier is worth: the model without it, and it alone."""

from functools import partial

from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import validate_params

from sklearn_m3s.inspection._bootstrap import draw_counts
from sklearn_m3s.inspection._folds import STUDY_RULES, Row, check_scores
from sklearn_m3s.inspection._model import cross_predict
from sklearn_m3s.inspection._tables import make_table


@validate_params(
    {
        "model": [Pipeline],
        "tiers": ["array-like", None],
        **STUDY_RULES,
    },
    prefer_skip_nested_validation=True,
)
def ablation_study(
    model,
    X,
    y,
    *,
    tiers=None,
    cv=None,
    n_bootstrap=1000,
    random_state=None,
    n_jobs=None,
    verbose=False,
):
    """Compare a model with itself without each tier, and with each tier alone (Table 4).

    Parameters
    ----------
    model : Pipeline
        As `make_m3s` returns it.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    tiers : sequence of str, default=None
        Which to ablate, of ``"raw"``, ``"scene"``, ``"event"`` and ``"similarity"`` (the context
        of all tiers); None is all that the model has.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn; None is 5 folds in the order of the videos.
    n_bootstrap : int, default=1000
        Bootstrap samples of the test videos; 0 gives no intervals.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap; the model keeps its own.
    n_jobs : int, default=None
        Rows of the table fitted at a time; see joblib.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits; the tiers of the model show their own.

    Returns
    -------
    DataFrame
        A row for ``"all"``, and for each tier ``"without ..."`` and ``"only ..."``; columns
        ``spearman``, ``mse``, ``mae`` and ``spread`` as of
        :func:`~sklearn_m3s.inspection.evaluate`, ``n_features`` and ``n_parameters`` of the
        regressor (means over the folds: the number of clusters varies), and ``delta_spearman``,
        the difference from ``"all"``; each with its 95 % interval.

    Raises
    ------
    ValueError
        If the model is no pipeline of tiers and a regressor, lacks a tier of `tiers`, or has only
        one; if `y` is not finite; if there are fewer videos than folds.
    VideoError
        If videos cannot be read; what was described is in the cache, if the tiers have one.

    Notes
    -----
    Each video is described once, and each tier and its context fitted once a fold, for all rows. A
    model whose tiers have a cache can be stopped, and finds its features again.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 7.

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
    y = check_scores(X, y)
    predictions, sizes = cross_predict(
        model, partial(_make_rows, tiers), X, y, cv, n_jobs=n_jobs, verbose=verbose
    )
    counts = draw_counts(len(y), n_bootstrap, random_state)
    return make_table(predictions, sizes, y, counts, reference="all")


def _make_rows(ablated, tiers, measures, regressor):
    blocks = [*tiers, *measures]
    ablated = _check_tiers(ablated, blocks)
    rows = {"all": Row(blocks, regressor)}
    for name in ablated:
        rows[f"without {name}"] = Row([block for block in blocks if block != name], regressor)
    return rows | {f"only {name}": Row([name], regressor) for name in ablated}


def _check_tiers(tiers, blocks):
    tiers = list(blocks) if tiers is None else list(tiers)
    missing = [name for name in tiers if name not in blocks]
    if missing or not tiers:
        raise ValueError(f"tiers={tiers} cannot be ablated: the model has {blocks}")
    if len(blocks) == 1:
        raise ValueError(f"the model has {blocks[0]!r} alone: there is nothing to compare it with")
    return tiers
