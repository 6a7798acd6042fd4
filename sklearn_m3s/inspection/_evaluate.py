"""Measure a model between two bounds: a constant, and the noise of the annotations."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods

from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._annotation_ceiling import annotation_ceiling
from sklearn_m3s.inspection._blocks import (
    STUDY_RULES,
    CrossValidation,
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
from sklearn_m3s.inspection._intervals import (
    draw_counts,
    fold_metrics,
    summarise,
    warn_if_undefined,
)


@check_arguments(
    model=[HasMethods(["fit", "predict"])],
    n_annotations=["array-like", Integral, None],
    **STUDY_RULES,
)
def evaluate(
    model: BaseEstimator,
    X: Videos,
    y: ArrayLike,
    *,
    cv: CrossValidation = None,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    n_annotations: ArrayLike | None = None,
    n_jobs: int | None = None,
    random_state: Seed = None,
) -> Table:
    """Cross-validate a model, and compare it with a constant and the ceiling of the scores.

    Parameters
    ----------
    model : regressor
        Any model with ``fit`` and ``predict``. A clone is fitted in each fold.
    X : sequence of length n_videos, or matrix
        Input of the model: videos, or features.
    y : array-like of shape (n_videos,)
        Memorability scores.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn. An int is the number of folds, in the order of the rows. None means 5
        folds. `RepeatedKFold` repeats them.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, such as the film that it was cut from. Videos of one group are
        never on both sides of a fold, and the bootstrap draws groups instead of videos. With
        groups, an integer `cv` means `GroupKFold`, shuffled if `random_state` is given. Any other
        `cv` that splits a group raises an error.
    n_bootstrap : int, default=1000
        Number of bootstrap samples of the test videos, or of the groups. 0 gives no intervals.
    n_annotations : int or array-like of int of shape (n_videos,), default=None
        Number of annotators of each video, at least 2. If given, the table also has the rows of
        :func:`~sklearn_m3s.inspection.annotation_ceiling`.
    n_jobs : int, default=None
        Number of folds fitted at a time; see joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, of grouped folds and of the simulated annotators.

    Returns
    -------
    DataFrame
        Rows ``"model"``, ``"constant"`` (the mean training score) and, with `n_annotations`,
        ``"split half"`` and ``"ceiling"``. The columns ``spearman`` in [-1, 1], ``mse``, ``mae``
        and ``spread`` (standard deviation of the predictions) are means over the test folds. Their
        95 % intervals are ``spearman_low``, ``spearman_high`` and so on.

    Raises
    ------
    ValueError
        If `y` is not finite or of another length than `X`, there are fewer videos or groups than
        folds, or a group is on both sides of a fold.
    VideoError
        If videos cannot be read. The rows of the others are in the cache, if the tiers have one.

    Warns
    -----
    ConstantInputWarning
        If scores or predictions are constant in a test fold, so that ``spearman`` is NaN.

    Notes
    -----
    The intervals are percentiles over samples of the test videos, drawn with replacement. Repeats
    of a cross-validation share the samples. The intervals do not cover the choice of the training
    videos. Each video is described once, whatever the number of folds.

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
    y = check_study(X, y)
    folds = make_folds(cv, X, y, groups, random_state)
    ceiling = {}
    if n_annotations is not None:
        ceiling = annotation_ceiling(y, n_annotations, random_state=random_state).table
    counts = draw_counts(len(y), n_bootstrap, random_state, groups)
    X = describe_for(model, X)
    predictions, _ = predict_rows(
        {"model": Row(["videos"], model)},
        lambda fold: {"videos": (take_videos(X, fold[0]), take_videos(X, fold[1]))},
        y,
        folds,
        n_jobs,
    )
    constant = [(test, np.full(len(test), y[train].mean())) for train, test in folds]
    metrics = fold_metrics(y, predictions["model"], counts)
    warn_if_undefined(metrics, "model")
    table = {"model": summarise(metrics), "constant": summarise(fold_metrics(y, constant, counts))}
    pandas = import_optional("pandas", "inspection")
    return pandas.DataFrame.from_dict(table | ceiling, orient="index")
