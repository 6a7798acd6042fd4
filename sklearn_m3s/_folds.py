"""Folds of videos, in which groups stay together."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator, GroupKFold, check_cv

from sklearn_m3s._validation import check_groups

CrossValidation: TypeAlias = int | BaseCrossValidator | Iterable[Any] | None
Seed: TypeAlias = int | np.random.RandomState | None
Fold = tuple[np.ndarray, np.ndarray]


def make_folds(
    cv: CrossValidation,
    X: Any,
    y: np.ndarray,
    groups: ArrayLike | None = None,
    random_state: Seed = None,
) -> list[Fold]:
    """Return the training and test rows of each fold of a scikit-learn `cv` argument.

    With an integer `cv`, groups stay together. They are shuffled if `random_state` is given. Any
    other `cv` that splits a group raises a ValueError.
    """
    sources = None if groups is None else check_groups(groups, y)
    n_units, unit = len(y), "videos"
    if sources is not None:
        n_units, unit = len(np.unique(sources)), "groups"
    if cv is None or isinstance(cv, Integral):
        n_folds = 5 if cv is None else int(cv)
        if n_units < n_folds:
            raise ValueError(
                f"{n_folds} folds are too many for {n_units} {unit}: pass a smaller cv"
            )
        if sources is not None:
            shuffle = random_state is not None
            cv = GroupKFold(n_folds, shuffle=shuffle, random_state=random_state)
    folds = list(check_cv(cv).split(X, y, sources))
    for train, test in folds:
        both = [] if sources is None else np.intersect1d(sources[train], sources[test])
        if len(both):
            raise ValueError(
                f"cv puts the group {both[0]!s} on both sides of a fold: pass an integer, or a "
                "splitter that keeps groups together, such as GroupKFold"
            )
    return folds
