"""Similarity to the training videos as the distances to a few points among them."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target

from sklearn_m3s.similarity._reduction import ReducedSimilarity, at_most, blocks

# SciPy takes the variances of "seuclidean" and "mahalanobis" from the very rows to be compared.
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


class DistanceSimilarity(ReducedSimilarity):
    """Distances of a video to prototypes of the training videos, one column a prototype.

    The Euclidean and fractional distances of Table 2 of the paper, or any other. Rows are reduced
    by PCA, the context is the prototypes of the training rows. What is far from all of them is
    unusual; several distances together tell where a video lies. The columns have the units of the
    data: standardise them for a regressor that minds.

    Parameters
    ----------
    n_components : int or None, default=10
        Principal components kept, at least 1. Reduced, with a warning, to the number of training
        rows or columns where these are fewer. None compares the columns as they are.
    metric : str or callable, default="euclidean"
        ``"fractional"`` is ``(Σ |a - b|^f)^(1/f)``, f the `exponent`: made to tell near from
        far in many dimensions, where Euclidean distances are all alike. Otherwise a metric of
        `scipy.spatial.distance.cdist`: ``"euclidean"``, ``"sqeuclidean"``, ``"cityblock"``,
        ``"chebyshev"``, ``"canberra"``, ``"braycurtis"``, ``"cosine"``, ``"correlation"`` or
        ``"jensenshannon"``; or a function of two rows, which is slow.
    exponent : float, default=0.5
        The f of ``"fractional"``, between 0 and 1, not included. 0.5 takes half the time of others.
    prototypes : {"mean", "kmeans", "class_mean"}, default="mean"
        The mean of the training rows; the centres of `n_prototypes` clusters that `KMeans` finds;
        or the mean of each class of the labels that `fit` is given, of actions for instance.
    n_prototypes : int, default=20
        Clusters of ``"kmeans"``, at least 1. Reduced, with a warning, to the number of training
        rows where these are fewer.
    random_state : int, RandomState instance or None, default=None
        Seeds the PCA and ``"kmeans"``.
    n_jobs : int or None, default=None
        Threads that compute distances; None is 1, -1 all cores.

    Attributes
    ----------
    pca_ : PCA or None
        From columns to components.
    prototypes_ : ndarray of shape (n_prototypes, n_components)
        What rows are compared with, as components; one column of output each.
    classes_ : ndarray of shape (n_prototypes,)
        The label of each prototype, sorted. Only with ``"class_mean"``.
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
    Prediction", CVPR 2023, section 5. Aggarwal, Hinneburg and Keim, "On the Surprising Behavior
    of Distance Metrics in High Dimensional Space", ICDT 2001.

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
        **ReducedSimilarity._parameter_constraints,
        "metric": [StrOptions(METRICS), callable],
        "exponent": [Interval(Real, 0, 1, closed="neither")],
        "prototypes": [StrOptions({"mean", "kmeans", "class_mean"})],
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_components=10,
        metric="euclidean",
        exponent=0.5,
        prototypes="mean",
        n_prototypes=20,
        random_state=None,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.metric = metric
        self.exponent = exponent
        self.prototypes = prototypes
        self.n_prototypes = n_prototypes
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _learn(self, X, y, seed):
        rows = self._reduce(X)
        if self.prototypes == "mean":
            self.prototypes_ = rows.mean(axis=0, keepdims=True)
        elif self.prototypes == "kmeans":
            n_rows = len(rows)
            k = at_most(self.n_prototypes, n_rows, "n_prototypes", f"{n_rows} training row(s)")
            self.prototypes_ = KMeans(k, random_state=seed).fit(rows).cluster_centers_
        else:
            labels = _check_labels(rows, y)
            self.classes_ = np.unique(labels)
            self.prototypes_ = np.stack([rows[labels == c].mean(axis=0) for c in self.classes_])
        return len(self.prototypes_)

    def _compare(self, X):
        rows = self._reduce(X)
        distances = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._distances)(rows[block]) for block in blocks(len(rows), rows[0].nbytes)
        )
        return np.concatenate(distances)

    def _distances(self, rows):
        if self.metric == "fractional":
            return _fractional(rows, self.prototypes_, self.exponent)
        return cdist(rows, self.prototypes_, self.metric)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.prototypes == "class_mean"
        return tags


def _check_labels(rows, y):
    if y is None:
        raise ValueError('prototypes="class_mean" needs labels: call fit(X, labels)')
    labels = column_or_1d(y)
    check_consistent_length(rows, labels)
    kind = type_of_target(labels)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f'prototypes="class_mean" needs class labels, but y is {kind}, as the scores of a '
            'regression are: use prototypes="mean" or "kmeans", or fit it apart, on labels'
        )
    return labels


def _fractional(rows, prototypes, exponent):
    """Distances (Σ |a - b|^f)^(1/f), in long loops over memory that stays in the cache."""
    rows = np.asarray(rows, order="F" if len(rows) > rows.shape[1] else "C")
    gaps = np.empty_like(rows)
    sums = np.empty((len(prototypes), len(rows)), rows.dtype)
    for prototype, sums_of_rows in zip(prototypes, sums, strict=True):
        np.subtract(rows, prototype, out=gaps)
        np.abs(gaps, out=gaps)
        if exponent == 0.5:
            np.sqrt(gaps, out=gaps)
        else:
            with np.errstate(divide="ignore"):  # exp(f log 0) is 0; np.power is slower
                np.log(gaps, out=gaps)
            gaps *= exponent
            np.exp(gaps, out=gaps)
        np.einsum("ij->i", gaps, out=sums_of_rows)  # quicker than sum
    with np.errstate(over="ignore"):  # transform tells
        np.power(sums, 1 / exponent, out=sums)
    return sums.T
