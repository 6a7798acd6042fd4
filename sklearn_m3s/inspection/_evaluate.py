"""A model against two yardsticks: a constant, and the noise of the annotations."""

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, validate_params

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._bootstrap import (
    draw_counts,
    fold_metrics,
    summarise,
    warn_if_undefined,
)
from sklearn_m3s.inspection._ceiling import annotation_ceiling
from sklearn_m3s.inspection._folds import check_scores, describing_once, make_folds


@validate_params(
    {
        "model": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object"],
        "n_bootstrap": [Interval(Integral, 0, None, closed="left")],
        "n_annotations": ["array-like", Integral, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def evaluate(
    model, X, y, cv=None, n_bootstrap=1000, *, n_annotations=None, random_state=None, n_jobs=None
):
    """Cross-validate a model, with intervals, beside a constant and the ceiling of the scores.

    Parameters
    ----------
    model : regressor
        Any with `fit` and `predict`; a clone is fitted in each fold.
    X : sequence of length n_videos, or matrix
        What the model takes: videos, or features.
    y : array-like of shape (n_videos,)
        Memorability scores.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn: an int is the number of folds in the order of the rows, None is 5
        folds. `RepeatedKFold` repeats them.
    n_bootstrap : int, default=1000
        Bootstrap samples of the test videos; 0 gives no intervals.
    n_annotations : int or array-like of int of shape (n_videos,), default=None
        Annotators of each video. If given, the table has the rows of
        :func:`~sklearn_m3s.inspection.annotation_ceiling`.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap and of the simulated annotators.
    n_jobs : int, default=None
        Folds fitted at a time; see joblib.

    Returns
    -------
    DataFrame
        Rows ``"model"``, ``"constant"`` (the mean training score) and, with `n_annotations`,
        ``"split half"`` and ``"ceiling"``. Columns ``spearman`` in [-1, 1], ``mse``, ``mae`` and
        ``spread`` (standard deviation of the predictions), each a mean over the test folds, and
        their 95 % intervals, ``spearman_low``, ``spearman_high`` and so on.

    Raises
    ------
    ValueError
        If `y` is not finite or of another length, or there are fewer videos than folds.

    Warns
    -----
    ConstantInputWarning
        If scores or predictions are constant in a test fold: ``spearman`` is NaN.

    Notes
    -----
    The intervals are percentiles over samples, with replacement, of the videos whose scores are
    predicted; repeats share the samples. They do not cover the choice of the training videos.
    Tiers without a cache get one for the while, so that each video is described once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s.inspection import evaluate
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = np.clip(0.8 + 0.05 * X[:, 0] + 0.05 * rng.normal(size=200), 0, 1)
    >>> table = evaluate(Ridge(), X, y, n_bootstrap=200, n_annotations=40, random_state=0)
    >>> list(table.index)
    ['model', 'constant', 'split half', 'ceiling']
    >>> bool(table.loc["model", "mse"] < table.loc["constant", "mse"])
    True
    """
    y = check_scores(X, y)
    pandas = import_optional("pandas")
    folds = make_folds(cv, X, y)
    ceiling = {}
    if n_annotations is not None:
        ceiling = annotation_ceiling(y, n_annotations, random_state=random_state).table
    counts = draw_counts(len(y), n_bootstrap, random_state)
    with describing_once(model, X) as describing:
        predictions = _cross_predict(describing, X, y, folds, n_jobs)
    metrics = fold_metrics(y, predictions, counts)
    warn_if_undefined(metrics, "model")
    constant = _cross_predict(DummyRegressor(), y[:, None], y, folds, None)
    table = {"model": summarise(metrics), "constant": summarise(fold_metrics(y, constant, counts))}
    return pandas.DataFrame.from_dict(table | ceiling, orient="index")


def _cross_predict(model, X, y, folds, n_jobs):
    predicted = Parallel(n_jobs=n_jobs)(delayed(_predict_fold)(model, X, y, fold) for fold in folds)
    return [(test, scores) for (_, test), scores in zip(folds, predicted, strict=True)]


def _predict_fold(model, X, y, fold):
    train, test = fold
    model = clone(model).fit(_safe_indexing(X, train), y[train])
    return np.asarray(model.predict(_safe_indexing(X, test)), dtype=np.float64)
