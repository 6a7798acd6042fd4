"""Spearman's rank correlation of scores, and scorers for ``scoring=``."""

import warnings
from collections.abc import Callable
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import StrOptions, validate_params

from sklearn_m3s._validation import check_arguments, check_groups, check_scores
from sklearn_m3s.exceptions import M3SWarning

__all__ = ["make_spearman_scorer", "spearman_score", "spearman_scorer"]


@validate_params(
    {
        "y_true": ["array-like"],
        "y_pred": ["array-like"],
        "groups": ["array-like", None],
        "multioutput": [StrOptions({"uniform_average", "raw_values"})],
    },
    prefer_skip_nested_validation=True,
)
def spearman_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    multioutput: str = "uniform_average",
) -> float | np.ndarray:
    """Return Spearman's rank correlation ρ of true and predicted scores.

    Parameters
    ----------
    y_true : array-like of shape (n_videos,) or (n_videos, n_scores)
        True scores. NaN in a matrix is a missing score, which is left out of its column.
    y_pred : array-like of shape (n_videos,) or (n_videos, n_scores)
        Predicted scores. Only their order counts. Videos with a NaN prediction, such as files that
        cannot be read, are left out, with one warning that gives their number.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, such as a film or a data set. If given, only videos of the same
        group are compared. The result is the mean of ρ within the groups, weighted by their numbers
        of videos. Groups with one video or with equal true scores are left out.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Whether to return the mean over the columns, or the ρ of each column.

    Returns
    -------
    rho : float or ndarray of shape (n_scores,), float64
        In [-1, 1]. Higher is better. NaN if an input is constant, with SciPy's
        `ConstantInputWarning`, or if fewer than two videos are left. With groups, NaN if the
        predictions are constant within a group, or if all groups are left out. The mean over the
        columns is NaN if any column is NaN.

    Raises
    ------
    ValueError
        If the inputs differ in shape, are empty, or contain infinity, or if a vector of true
        scores contains NaN.

    Warns
    -----
    M3SWarning
        If predictions are NaN.

    Examples
    --------
    >>> from sklearn_m3s.metrics import spearman_score
    >>> spearman_score([0.7, 0.8, 0.9], [0.1, 0.3, 0.2])
    0.5

    With groups, the order between groups does not count:

    >>> spearman_score([0.7, 0.8, 0.3, 0.4], [0.1, 0.2, 0.5, 0.6], groups=["a", "a", "b", "b"])
    1.0

    Short-term and long-term scores, one of which is missing:

    >>> y_true = [[0.7, 0.5], [0.8, float("nan")], [0.9, 0.4]]
    >>> y_pred = [[0.1, 0.2], [0.3, 0.3], [0.2, 0.1]]
    >>> spearman_score(y_true, y_pred, multioutput="raw_values")
    array([0.5, 1. ])
    """
    truth, predicted = _matrices(y_true, y_pred)
    if truth.shape != predicted.shape:
        raise ValueError(
            f"y_true has {truth.shape[1]} columns and y_pred has {predicted.shape[1]}: pass the "
            "same scores in both, or choose one with make_spearman_scorer(column=...)."
        )
    sources = None if groups is None else check_groups(groups, truth)
    bad = np.isnan(predicted).any(axis=1)
    if bad.any():
        warnings.warn(
            f"{bad.sum()} of {len(bad)} predictions are NaN and are left out of Spearman's "
            "correlation: these videos could not be described.",
            M3SWarning,
            stacklevel=3,  # the decorator adds one
        )
    rho = []
    for true, guess in zip(truth.T, predicted.T, strict=True):
        known = ~(bad | np.isnan(true))
        inside = None if sources is None else sources[known]
        rho.append(_correlation(true[known], guess[known], inside))
    return np.array(rho) if multioutput == "raw_values" else float(np.mean(rho))


def _matrices(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of shape (n_videos, n_scores)."""
    truth = check_scores(y_true, "y_true", multioutput=True)
    predicted = check_scores(y_pred, "y_pred", ensure_all_finite="allow-nan", multioutput=True)
    check_consistent_length(truth, predicted)
    return truth.reshape(len(truth), -1), predicted.reshape(len(truth), -1)


def _correlation(y_true: np.ndarray, y_pred: np.ndarray, groups: np.ndarray | None) -> float:
    """Return the correlation of two vectors, or its mean within groups."""
    if groups is None:
        return float(spearmanr(y_true, y_pred).statistic) if len(y_true) > 1 else np.nan
    members = [groups == group for group in np.unique(groups)]
    ranked = [inside for inside in members if np.ptp(y_true[inside]) > 0]
    if not ranked:
        return np.nan
    rho = [spearmanr(y_true[inside], y_pred[inside]).statistic for inside in ranked]
    return float(np.average(rho, weights=[inside.sum() for inside in ranked]))


@check_arguments(column=[Integral, None])
def make_spearman_scorer(column: int | None = None) -> Callable[..., float]:
    """Return a scorer of ``spearman_score``, for the parameter ``scoring`` of scikit-learn.

    Parameters
    ----------
    column : int, default=None
        Index of the score to use, from 0. None means the mean over all scores.

    Returns
    -------
    scorer : callable
        A scorer ``scorer(model, X, y)`` of a fitted model, videos or features, and true scores. It
        returns a float in [-1, 1].

    Raises
    ------
    ValueError
        If the scorer is called on scores without the index `column`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_m3s.metrics import make_spearman_scorer
    >>> X = np.arange(4.0).reshape(-1, 1)
    >>> y = np.hstack([X, -X])
    >>> scoring = {"short": make_spearman_scorer(0), "long": make_spearman_scorer(1)}
    >>> model = LinearRegression().fit(X, y)
    >>> {name: round(scorer(model, X, y), 3) for name, scorer in scoring.items()}
    {'short': 1.0, 'long': 1.0}
    """
    if column is None:
        return make_scorer(spearman_score)
    return make_scorer(_column_score, column=column)


def _column_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, column: int, groups: ArrayLike | None = None
) -> float:
    """Return the correlation of one column, without the videos that lack its score."""
    truth, predicted = _matrices(y_true, y_pred)
    n_columns = min(truth.shape[1], predicted.shape[1])
    if not 0 <= column < n_columns:
        raise ValueError(f"column is {column}: use an index from 0 to {n_columns - 1}.")
    return spearman_score(truth[:, [column]], predicted[:, [column]], groups=groups)


spearman_scorer = make_spearman_scorer()
"""Scorer of ``spearman_score``, for the parameter ``scoring`` of scikit-learn.

With metadata routing, ``spearman_scorer.set_score_request(groups=True)`` passes the groups. With
several scores, the result is the mean over the columns.
"""
