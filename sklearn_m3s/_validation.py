"""Checks that several folders share."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import check_array

Function = TypeVar("Function", bound=Callable[..., Any])


def check_arguments(**constraints: list[Any]) -> Callable[[Function], Function]:
    """Return a decorator that checks the arguments of a function by scikit-learn's constraints."""
    return validate_params(constraints, prefer_skip_nested_validation=True)


def check_scores(
    scores: Any,
    name: str = "y",
    *,
    ensure_all_finite: bool | str = True,
    multioutput: bool = False,
) -> np.ndarray:
    """Return scores as float64.

    Parameters
    ----------
    scores : array-like of shape (n_videos,) or (n_videos, n_scores)
        Scores of each video.
    name : str, default="y"
        Name of the parameter, for messages.
    ensure_all_finite : bool or "allow-nan", default=True
        Whether to accept NaN and infinity, as in `sklearn.utils.check_array`.
    multioutput : bool, default=False
        Whether to accept a matrix of several scores. The matrix keeps its shape, and NaN in it is a
        missing score. If False, a single column becomes a vector.

    Raises
    ------
    ValueError
        If `scores` has several columns, is empty, or holds a number that is not accepted.
    """
    rules: dict[str, Any] = {"ensure_2d": False, "dtype": np.float64, "input_name": name}
    if multioutput and np.ndim(scores) == 2:
        return check_array(scores, ensure_all_finite="allow-nan", **rules)
    scores = check_array(scores, ensure_all_finite=ensure_all_finite, **rules)
    return column_or_1d(scores, warn=True)


def complete_rows(X: np.ndarray) -> np.ndarray:
    """Return a mask of the rows without NaN."""
    return ~np.isnan(X.min(axis=1))


def check_groups(groups: Any, y: np.ndarray) -> np.ndarray:
    """Return the group of each score as a vector. Groups may have any dtype."""
    groups = check_array(groups, ensure_2d=False, dtype=None, input_name="groups")
    check_consistent_length(y, groups)
    return column_or_1d(groups)
