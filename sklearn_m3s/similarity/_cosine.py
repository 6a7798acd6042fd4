"""Similarity to the training rows as cosines: with their mean, and with each of them."""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval

from sklearn_m3s.similarity._base import BaseSimilarity, RandomState, blocks


class CosineSimilarity(BaseSimilarity):
    """Cosine to the mean of the training rows, and share of training rows at a small angle.

    This is the cosine similarity of Table 2 of the paper, as two columns.

    The first is the cosine between a row and the mean of the training rows, both with their
    original columns. Principal components are centred, so their mean is the origin and has no
    direction.

    The second is the share of training rows whose cosine with the row is above `threshold`,
    computed on the principal components. These point away from the mean in all directions, whereas
    embeddings without negative numbers, such as those of the deep tiers, all point roughly the same
    way.

    A row of zeros has no direction, and neither has a row at the mean with `n_components`. Its
    cosine is 0.

    Parameters
    ----------
    n_components : int or None, default=10
        Number of principal components for the share, at least 1. It is reduced, with an
        `M3SWarning`, to the number of training rows or columns if there are fewer. None compares
        the original columns without centring.
    threshold : float, default=0.5
        Cosine above which a training row counts in the share, at least -1 and below 1. 0.5 means
        within 60 degrees.
    random_state : int, RandomState instance or None, default=None
        Seed of the PCA.

    Attributes
    ----------
    pca_ : PCA or None
        PCA from columns to components.
    mean_ : ndarray of shape (n_features,)
        Mean of the training rows.
    context_ : ndarray of shape (n_samples, n_components)
        Components of the training rows, scaled to length 1.
    n_features_in_, feature_names_in_
        Number and names of the columns seen in `fit`, as in scikit-learn.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 5 and Table 2.

    Examples
    --------
    >>> from sklearn_m3s.similarity import CosineSimilarity
    >>> context = [[3.0, 4.0], [4.0, 3.0], [3.0, 4.0], [0.0, 5.0]]
    >>> similarity = CosineSimilarity(n_components=None, threshold=0.9).fit(context)
    >>> similarity.transform([[5.0, 8.0], [0.0, 5.0], [0.0, 0.0]]).round(2)
    array([[1.  , 0.75],
           [0.85, 0.25],
           [0.  , 0.  ]])
    """

    _parameter_constraints = {
        **BaseSimilarity._parameter_constraints,
        "threshold": [Interval(Real, -1, 1, closed="left")],
    }

    def __init__(
        self,
        n_components: int | None = 10,
        *,
        threshold: float = 0.5,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.threshold = threshold
        self.random_state = random_state

    def _learn(self, X: np.ndarray, y: ArrayLike | None, seed: int, complete: np.ndarray) -> int:
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        lengths = np.linalg.norm(X, axis=1)
        if np.linalg.norm(self.mean_) <= _tolerance(X) * lengths.mean():
            self.mean_[:] = 0  # the rows are centred, and their mean is rounding error
        self.context_ = self._directions(X)
        return 2

    def _compare(self, X: np.ndarray) -> np.ndarray:
        directions = self._directions(X)
        share = np.empty(len(X))
        for block in blocks(len(X), self.context_.itemsize * len(self.context_)):
            cosines = directions[block] @ self.context_.T
            share[block] = (cosines > self.threshold).mean(axis=1)
        to_mean = (_unit(X, 0) @ _unit(self.mean_[None], 0).T).clip(-1, 1)
        return np.column_stack([to_mean, share]).astype(X.dtype, copy=False)

    def _directions(self, X: np.ndarray) -> np.ndarray:
        # The components of a row at the mean are rounding errors: treat them as zeros.
        return _unit(self._reduce(X), _tolerance(X) * np.linalg.norm(X, axis=1, keepdims=True))


def _tolerance(X: np.ndarray) -> float:
    return np.sqrt(np.finfo(X.dtype).eps)


def _unit(rows: np.ndarray, shortest: float | np.ndarray) -> np.ndarray:
    """Scale rows to length 1. Rows of at most the length `shortest` become zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > shortest, lengths, np.inf)
