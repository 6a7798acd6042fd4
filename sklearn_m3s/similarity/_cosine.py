"""Similarity to the training videos as the angles to their mean and to each of them."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from sklearn_m3s.similarity._reduction import ReducedSimilarity, blocks


class CosineSimilarity(ReducedSimilarity):
    """How a video is directed: as the mean of the training videos, and as how many of them.

    The cosine similarity of Table 2 of the paper, as two columns. The first is the cosine of a
    row with the mean of the training rows, both as they are: components are centred, so that
    their mean is the origin and has no direction. The second is the share of the training rows
    whose cosine with the row is above `threshold`, between components: these are directions from
    the mean, which differ, while embeddings that are nowhere negative, as those of deep tiers,
    all point much the same way. A row of zeros, or with `n_components` one at the mean, has no
    direction: its cosine is 0.

    Parameters
    ----------
    n_components : int or None, default=10
        Principal components kept for the share, at least 1. Reduced, with a warning, to the
        number of training rows or columns where these are fewer. None compares the columns as
        they are, not centred.
    threshold : float, default=0.5
        The cosine above which a training row counts in the share, at least -1 and below 1. 0.5
        is within 60 degrees.
    random_state : int, RandomState instance or None, default=None
        Seeds the PCA.

    Attributes
    ----------
    pca_ : PCA or None
        From columns to components.
    mean_ : ndarray of shape (n_features,)
        Mean of the training rows.
    context_ : ndarray of shape (n_samples, n_components)
        The components of the training rows, scaled to length 1.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where these are all strings.

    Warns
    -----
    M3SWarning
        A setting was reduced to fit the data.

    References
    ----------
    Dumont, Hevia and Fosco, "Modular Memorability: Tiered Representations for Video Memorability
    Prediction", CVPR 2023, section 5.

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
        **ReducedSimilarity._parameter_constraints,
        "threshold": [Interval(Real, -1, 1, closed="left")],
    }

    def __init__(self, n_components=10, threshold=0.5, random_state=None):
        self.n_components = n_components
        self.threshold = threshold
        self.random_state = random_state

    def _learn(self, X, y, seed):
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        lengths = np.linalg.norm(X, axis=1)
        if np.linalg.norm(self.mean_) <= _tolerance(X) * lengths.mean():  # of centred rows
            self.mean_[:] = 0
        self.context_ = self._directions(X)
        return 2

    def _compare(self, X):
        directions = self._directions(X)
        share = np.empty(len(X))
        for block in blocks(len(X), self.context_.itemsize * len(self.context_)):
            cosines = directions[block] @ self.context_.T
            share[block] = (cosines > self.threshold).mean(axis=1)
        to_mean = (_unit(X, 0) @ _unit(self.mean_[None], 0).T).clip(-1, 1)
        return np.column_stack([to_mean, share])

    def _directions(self, X):
        # A row at the mean has components of nothing but rounding.
        return _unit(self._reduce(X), _tolerance(X) * np.linalg.norm(X, axis=1, keepdims=True))


def _tolerance(X):
    return np.sqrt(np.finfo(X.dtype).eps)


def _unit(rows, shortest):
    """Scale rows to length 1, or to 0 where they are no longer than `shortest`."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > shortest, lengths, np.inf)
