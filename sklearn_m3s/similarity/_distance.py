"""Similarity to the training rows as distances to their prototypes."""

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.utils import Tags, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target

from sklearn_m3s.similarity._base import BaseSimilarity, RandomState, at_most, blocks

# Without "seuclidean" and "mahalanobis": SciPy computes their variances from all rows that it is
# given, so a distance would depend on the other rows.
METRICS = {
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "euclidean",
    "fractional",
    "jensenshannon",
    "sqeuclidean",
}


class DistanceSimilarity(BaseSimilarity):
    """Distances to prototypes of the training rows, one column per prototype.

    These are the Euclidean and fractional distances of Table 2 of the paper, and others. PCA
    reduces the rows. The context is the prototypes of the training rows. A row far from all
    prototypes is unusual. Several distances together describe the position of a row. The columns
    have the units of the data, so standardise them for a regressor that is sensitive to scale.

    Parameters
    ----------
    n_components : int or None, default=10
        Number of principal components, at least 1. It is reduced, with an `M3SWarning`, to the
        number of training rows or columns if there are fewer. None compares the original columns
        without centring.
    metric : str or callable, default="euclidean"
        ``"fractional"`` is ``(Σ |a - b|^f)^(1/f)``, where f is `exponent`. It still separates near
        from far rows in many dimensions, where Euclidean distances become alike. The others are
        metrics of `scipy.spatial.distance.cdist`: ``"euclidean"``, ``"sqeuclidean"``,
        ``"cityblock"``, ``"chebyshev"``, ``"canberra"``, ``"braycurtis"``, ``"cosine"``,
        ``"correlation"``, ``"jensenshannon"``, or a function of two rows, which is slow.
    exponent : float, default=0.5
        Exponent f of ``"fractional"``, in (0, 1).
    prototypes : {"mean", "kmeans", "class_mean"}, default="mean"
        The mean of the training rows, the centres of `n_prototypes` clusters found by `KMeans`,
        or the mean of each class, such as an action. The classes are the `y` of `fit`.
    n_prototypes : int, default=20
        Number of clusters of ``"kmeans"``, at least 1. It is reduced, with an `M3SWarning`, to the
        number of training rows if there are fewer.
    n_jobs : int or None, default=None
        Number of threads that compute distances. None means 1, and -1 means all cores.
    random_state : int, RandomState instance or None, default=None
        Seed of the PCA and of ``"kmeans"``.

    Attributes
    ----------
    pca_ : PCA or None
        PCA from columns to components.
    prototypes_ : ndarray of shape (n_prototypes, n_components)
        Prototypes, in components. Each has one output column.
    classes_ : ndarray of shape (n_prototypes,)
        Class of each prototype, sorted. Only with ``"class_mean"``.
    n_features_in_, feature_names_in_
        Number and names of the columns seen in `fit`, as in scikit-learn.

    References
    ----------
    Aggarwal, Hinneburg, Keim: On the Surprising Behavior of Distance Metrics in High Dimensional
    Space, ICDT 2001.
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 5 and Table 2.

    Examples
    --------
    >>> from sklearn_m3s.similarity import DistanceSimilarity
    >>> context = [[0.0, 0.0], [2.0, 0.0], [2.0, 4.0], [0.0, 4.0]]
    >>> DistanceSimilarity(n_components=2).fit(context).transform([[1.0, 2.0], [4.0, 6.0]])
    array([[0.],
           [5.]])
    >>> by_class = DistanceSimilarity(n_components=None, prototypes="class_mean")
    >>> by_class.fit(context, ["low", "low", "high", "high"]).transform([[1.0, 3.0]])
    array([[1., 3.]])
    >>> by_class.classes_
    array(['high', 'low'], dtype='<U4')
    """

    _parameter_constraints = {
        **BaseSimilarity._parameter_constraints,
        "metric": [StrOptions(METRICS), callable],
        "exponent": [Interval(Real, 0, 1, closed="neither")],
        "prototypes": [StrOptions({"mean", "kmeans", "class_mean"})],
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_components: int | None = 10,
        *,
        metric: str | Callable[[np.ndarray, np.ndarray], float] = "euclidean",
        exponent: float = 0.5,
        prototypes: str = "mean",
        n_prototypes: int = 20,
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.metric = metric
        self.exponent = exponent
        self.prototypes = prototypes
        self.n_prototypes = n_prototypes
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _learn(self, X: np.ndarray, y: ArrayLike | None, seed: int, complete: np.ndarray) -> int:
        rows = self._reduce(X)
        if self.prototypes == "mean":
            self.prototypes_ = rows.mean(axis=0, keepdims=True)
        elif self.prototypes == "kmeans":
            n_rows = len(rows)
            k = at_most(self.n_prototypes, n_rows, "n_prototypes", f"{n_rows} training row(s)")
            self.prototypes_ = KMeans(k, random_state=seed).fit(rows).cluster_centers_
        else:
            labels = _check_labels(complete, y)[complete]
            self.classes_ = np.unique(labels)
            self.prototypes_ = np.stack([rows[labels == c].mean(axis=0) for c in self.classes_])
        return len(self.prototypes_)

    def _compare(self, X: np.ndarray) -> np.ndarray:
        rows = self._reduce(X)
        distances = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._distances)(rows[block]) for block in blocks(len(rows), rows[0].nbytes)
        )
        return np.concatenate(distances).astype(X.dtype, copy=False)

    def _distances(self, rows: np.ndarray) -> np.ndarray:
        if self.metric == "fractional":
            return cdist(rows, self.prototypes_, "minkowski", p=self.exponent)
        return cdist(rows, self.prototypes_, self.metric)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.prototypes == "class_mean"
        return tags


def _check_labels(complete: np.ndarray, y: ArrayLike | None) -> np.ndarray:
    if y is None:
        raise ValueError('prototypes="class_mean" needs class labels: call fit(X, labels).')
    labels = column_or_1d(y)
    check_consistent_length(complete, labels)
    kind = type_of_target(labels)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f'prototypes="class_mean" needs class labels, but y is {kind}, like scores: use '
            'prototypes="mean" or "kmeans", or fit the similarity separately with labels.'
        )
    return labels
