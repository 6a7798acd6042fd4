"""Spearman's rank correlation of scores, and its scorer for ``scoring=``."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import validate_params

from sklearn_m3s._validation import check_groups, check_scores

__all__ = ["spearman_score", "spearman_scorer"]


@validate_params(
    {"y_true": ["array-like"], "y_pred": ["array-like"], "groups": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def spearman_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, groups: ArrayLike | None = None
) -> float:
    """Return Spearman's rank correlation ρ of true and predicted scores.

    Parameters
    ----------
    y_true : array-like of shape (n_videos,)
        True scores.
    y_pred : array-like of shape (n_videos,)
        Predicted scores. Only their order counts.
    groups : array-like of shape (n_videos,), default=None
        The source of each video, such as a film or a data set. If given, only videos of the same
        source are compared: the result is the mean of ρ within the sources, weighted by their
        numbers of videos. Sources with one video or equal true scores are left out.

    Returns
    -------
    rho : float
        In [-1, 1], the higher the better. NaN if an input is constant, with SciPy's
        `ConstantInputWarning`, or if there is a single video. With groups, NaN if predictions
        are constant within one of them, or if all are left out.

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

    The order between two sources does not count:

    >>> spearman_score([0.7, 0.8, 0.3, 0.4], [0.1, 0.2, 0.5, 0.6], groups=["a", "a", "b", "b"])
    1.0
    """
    y_true, y_pred = check_scores(y_true, "y_true"), check_scores(y_pred, "y_pred")
    check_consistent_length(y_true, y_pred)
    if groups is None:
        return float(spearmanr(y_true, y_pred).statistic)
    groups = check_groups(groups, y_true)
    members = [groups == group for group in np.unique(groups)]
    ranked = [inside for inside in members if np.ptp(y_true[inside]) > 0]
    if not ranked:
        return np.nan
    rho = [spearmanr(y_true[inside], y_pred[inside]).statistic for inside in ranked]
    return float(np.average(rho, weights=[inside.sum() for inside in ranked]))


spearman_scorer = make_scorer(spearman_score)
"""Scorer of :func:`spearman_score`, for the parameter ``scoring`` of scikit-learn.

With metadata routing, ``spearman_scorer.set_score_request(groups=True)`` is given the groups.
"""
