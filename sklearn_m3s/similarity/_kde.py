"""Similarity to the training videos as how thinly they lie around a video."""

from numbers import Real

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import KernelDensity
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_m3s.similarity._reduction import ReducedSimilarity, blocks

N_SCORED = 1000
CV_FACTORS = np.geomspace(16, 1 / 16, 17)  # the largest first: it wins where none has a likelihood
SAME = 1e-3  # bandwidths
FLOOR = 1e-3  # peaks of a kernel
LOG_KERNELS = {  # of distances in bandwidths
    "gaussian": lambda u: -0.5 * u**2,
    "exponential": lambda u: -u,
    "tophat": lambda u: np.where(u < 1, 0, -np.inf),
    "epanechnikov": lambda u: np.log(np.maximum(1 - u**2, 0)),
    "linear": lambda u: np.log(np.maximum(1 - u, 0)),
    "cosine": lambda u: np.log(np.where(u < 1, np.cos(0.5 * np.pi * u), 0)),
}


class KDESimilarity(ReducedSimilarity):
    """How unusual a video is: the negative log density of the training videos where it lies.

    The kernel density estimation of Table 2 of the paper, as one column, in nats. Rows are reduced
    by PCA; the density is that of scikit-learn's `KernelDensity`, but for two things:

    - a training row nearer than a thousandth of the bandwidth is the row itself, and one such row
      is left out. So a training row is described as a new one is, by the others: with its own
      kernel it would be common wherever it lies;
    - the density is no less than a thousandth of what one training row gives at its own place, so
      that rows which no kernel reaches have a value, the same for all of them. This concerns the
      kernels that end: all but ``"gaussian"`` and ``"exponential"``.

    Parameters
    ----------
    n_components : int or None, default=10
        Principal components kept, at least 1. Reduced, with a warning, to the number of training
        rows or columns where these are fewer. None compares the columns as they are: slow for
        many, and in many dimensions every row is far from all others.
    kernel : str, default="gaussian"
        ``"gaussian"``, ``"exponential"``, ``"tophat"``, ``"epanechnikov"``, ``"linear"`` or
        ``"cosine"``, as in `KernelDensity`.
    bandwidth : "cv", "scott", "silverman" or float, default="cv"
        Width of the kernels in units of the components, above 0. ``"scott"`` and ``"silverman"``
        are the rules n^(-1/(d+4)) and (n (d+2)/4)^(-1/(d+4)) for n rows of d components, times
        their standard deviation, the root mean square over the components. ``"cv"`` is the one of
        17 bandwidths, from 1/16 to 16 times Scott's, each √2 times the one before, under which
        training rows (all, or 1,000 drawn at random) are most likely, each given all others.
        Where all training rows are the same, all three are 1.
    random_state : int, RandomState instance or None, default=None
        Seeds the PCA and the drawing of rows for ``"cv"``.

    Attributes
    ----------
    pca_ : PCA or None
        From columns to components.
    bandwidth_ : float
        The bandwidth used.
    context_ : ndarray of shape (n_samples, n_components), float64
        The components of the training rows.
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
    Prediction", CVPR 2023, section 5. Scott, "Multivariate Density Estimation", 1992.

    Examples
    --------
    >>> from sklearn_m3s.similarity import KDESimilarity
    >>> context = [[0.0], [0.1], [0.2], [0.3], [5.0]]
    >>> similarity = KDESimilarity(n_components=1, bandwidth=0.5)
    >>> similarity.fit_transform(context).round(2)
    array([[ 0.6 ],
           [ 0.55],
           [ 0.55],
           [ 0.6 ],
           [45.63]])
    """

    _parameter_constraints = {
        **ReducedSimilarity._parameter_constraints,
        "kernel": [StrOptions(set(LOG_KERNELS))],
        "bandwidth": [
            StrOptions({"cv", "scott", "silverman"}),
            Interval(Real, 0, None, closed="neither"),
        ],
    }

    def __init__(self, n_components=10, kernel="gaussian", bandwidth="cv", random_state=None):
        self.n_components = n_components
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.random_state = random_state

    def _learn(self, X, y, seed):
        self.context_ = self._reduce(X.astype(np.float64, copy=False))
        if not isinstance(self.bandwidth, str):
            self.bandwidth_ = self.bandwidth
        elif not np.ptp(X, axis=0).any():
            self.bandwidth_ = 1.0
        else:
            self.bandwidth_ = float(self._bandwidth(seed))
        return 1

    def _bandwidth(self, seed):
        n_rows, n_components = self.context_.shape
        count = n_rows * (n_components + 2) / 4 if self.bandwidth == "silverman" else n_rows
        deviation = np.sqrt(self.context_.var(axis=0).mean())
        bandwidth = deviation * count ** (-1 / (n_components + 4))
        if self.bandwidth != "cv":
            return bandwidth
        drawn = check_random_state(seed).permutation(n_rows)[:N_SCORED]
        candidates = bandwidth * CV_FACTORS
        return max(candidates, key=lambda h: self._log_density(self.context_[drawn], h).mean())

    def _compare(self, X):
        # In float64, where a training row finds itself at no distance.
        rows = self._reduce(X.astype(np.float64, copy=False))
        log_density = self._log_density(rows, self.bandwidth_)
        if self.kernel not in ("gaussian", "exponential"):
            peak = _log_peak(self.kernel, rows.shape[1], self.bandwidth_)
            floor = peak - np.log(len(self.context_)) + np.log(FLOOR)
            log_density = np.maximum(log_density, floor)
        return -log_density[:, None]

    def _log_density(self, rows, bandwidth):
        context = self.context_
        log_density = np.empty(len(rows))
        for block in blocks(len(rows), 8 * len(context)):
            distances = cdist(rows[block], context) / bandwidth
            log_density[block] = _log_mean_kernel(self.kernel, distances)
        return log_density + _log_peak(self.kernel, context.shape[1], bandwidth)


def _log_mean_kernel(kernel, distances):
    """Log of the mean kernel over the columns, less one column of the row itself."""
    with np.errstate(divide="ignore"):  # -inf where no kernel reaches
        heights = LOG_KERNELS[kernel](distances)
        counts = np.full(len(heights), heights.shape[1])
        if heights.shape[1] > 1:
            nearest = distances.argmin(axis=1)
            own = np.flatnonzero(distances[np.arange(len(nearest)), nearest] < SAME)
            heights[own, nearest[own]] = -np.inf
            counts[own] -= 1
        tops = np.maximum(heights.max(axis=1), np.finfo(heights.dtype).min)
        sums = np.exp(heights - tops[:, None]).sum(axis=1)  # logsumexp takes four times as long
        return tops + np.log(sums / counts)


def _log_peak(kernel, n_components, bandwidth):
    """Log density of a kernel at its centre."""
    origin = np.zeros((1, n_components))
    return KernelDensity(bandwidth=bandwidth, kernel=kernel).fit(origin).score_samples(origin)[0]
