"""Spearman's rank correlation of scores, and its scorer for ``scoring=``."""

from numpy.typing import ArrayLike
from scipy.stats import spearmanr
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import validate_params

from sklearn_m3s._validation import check_scores

__all__ = ["spearman_score", "spearman_scorer"]


@validate_params(
    {"y_true": ["array-like"], "y_pred": ["array-like"]}, prefer_skip_nested_validation=True
)
def spearman_score(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return Spearman's rank correlation ρ of true and predicted scores.

    Parameters
    ----------
    y_true : array-like of shape (n_videos,)
        True scores.
    y_pred : array-like of shape (n_videos,)
        Predicted scores. Only their order counts.

    Returns
    -------
    rho : float
        In [-1, 1], the higher the better. NaN if an input is constant, with SciPy's
        `ConstantInputWarning`, or if there is a single video.

    Raises
    ------
    ValueError
        If the inputs differ in length, have more than one column, are empty, or contain NaN or
        infinity.

    Examples
    --------
    >>> from sklearn_m3s.metrics import spearman_score
    >>> spearman_score([0.7, 0.8, 0.9], [0.1, 0.3, 0.2])
    0.5
    """
    y_true, y_pred = check_scores(y_true, "y_true"), check_scores(y_pred, "y_pred")
    check_consistent_length(y_true, y_pred)
    return float(spearmanr(y_true, y_pred).statistic)


spearman_scorer = make_scorer(spearman_score)
"""Scorer of :func:`spearman_score`, for the parameter ``scoring`` of scikit-learn."""
