"""Similarity to the training rows as the density of training rows around a row."""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from sklearn.neighbors import KernelDensity
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_m3s.similarity._base import BaseSimilarity, RandomState, blocks

N_SCORED = 1000  # rows, at most, to score each candidate for bandwidth="cv"
CV_FACTORS = np.geomspace(16, 1 / 16, 17)  # the widest first, which wins ties at likelihood 0
SAME = 1e-3  # two rows closer than this many bandwidths are the same row
FLOOR = 1e-3  # smallest density, in peaks of one kernel
LOG_KERNELS = {  # functions of the distance in bandwidths
    "gaussian": lambda u: -0.5 * u**2,
    "exponential": lambda u: -u,
    "tophat": lambda u: np.where(u < 1, 0, -np.inf),
    "epanechnikov": lambda u: np.log(np.maximum(1 - u**2, 0)),
    "linear": lambda u: np.log(np.maximum(1 - u, 0)),
    "cosine": lambda u: np.log(np.where(u < 1, np.cos(0.5 * np.pi * u), 0)),
}


class KDESimilarity(BaseSimilarity):
    """Negative log density of the training rows: how unusual a row is.

    This is the kernel density estimation of Table 2 of the paper, as one column, in nats. PCA
    reduces the rows. The density is that of scikit-learn's `KernelDensity`, with two differences:

    - A training row nearer than a thousandth of the bandwidth counts as the row itself, and one
      such row is left out. So training rows are compared with the others, like new rows. With
      its own kernel, every training row would look common.
    - The density is at least a thousandth of the peak of one training row's kernel. So rows that
      no kernel reaches all have the same finite value. This only affects the kernels of finite
      width, which are all except ``"gaussian"`` and ``"exponential"``.

    Parameters
    ----------
    n_components : int or None, default=10
        Number of principal components, at least 1. It is reduced, with an `M3SWarning`, to the
        number of training rows or columns if there are fewer. None uses the original columns. With
        many columns, this is slow, and every row is far from all others.
    kernel : str, default="gaussian"
        ``"gaussian"``, ``"exponential"``, ``"tophat"``, ``"epanechnikov"``, ``"linear"`` or
        ``"cosine"``, as in `KernelDensity`.
    bandwidth : "cv", "scott", "silverman" or float, default="cv"
        Width of the kernels in units of the components, above 0. ``"scott"`` and ``"silverman"``
        are the rules n^(-1/(d+4)) and (n (d+2)/4)^(-1/(d+4)) for n rows of d components, times the
        standard deviation of the rows (the root mean square over the components). ``"cv"`` tries
        17 bandwidths from 1/16 to 16 times Scott's, each √2 times the one before. It selects the
        one with the highest leave-one-out likelihood of the training rows (at most 1,000, drawn at
        random). All three are 1 if the training rows are identical.
    random_state : int, RandomState instance or None, default=None
        Seed of the PCA and of the rows drawn for ``"cv"``.

    Attributes
    ----------
    pca_ : PCA or None
        PCA from columns to components.
    bandwidth_ : float
        Bandwidth used.
    context_ : ndarray of shape (n_samples, n_components), float64
        Components of the training rows.
    n_features_in_, feature_names_in_
        Number and names of the columns seen in `fit`, as in scikit-learn.

    References
    ----------
    Scott: Multivariate Density Estimation, 1992.
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 5 and Table 2.

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
        **BaseSimilarity._parameter_constraints,
        "kernel": [StrOptions(set(LOG_KERNELS))],
        "bandwidth": [
            StrOptions({"cv", "scott", "silverman"}),
            Interval(Real, 0, None, closed="neither"),
        ],
    }

    def __init__(
        self,
        n_components: int | None = 10,
        *,
        kernel: str = "gaussian",
        bandwidth: float | str = "cv",
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.random_state = random_state

    def _learn(self, X: np.ndarray, y: ArrayLike | None, seed: int, complete: np.ndarray) -> int:
        self.context_ = self._reduce(X.astype(np.float64, copy=False))
        if not isinstance(self.bandwidth, str):
            self.bandwidth_ = self.bandwidth
        elif not np.ptp(X, axis=0).any():
            self.bandwidth_ = 1.0
        else:
            self.bandwidth_ = float(self._bandwidth(seed))
        return 1

    def _bandwidth(self, seed: int) -> float:
        n_rows, n_components = self.context_.shape
        count = n_rows * (n_components + 2) / 4 if self.bandwidth == "silverman" else n_rows
        deviation = np.sqrt(self.context_.var(axis=0).mean())
        bandwidth = deviation * count ** (-1 / (n_components + 4))
        if self.bandwidth != "cv":
            return bandwidth
        drawn = check_random_state(seed).permutation(n_rows)[:N_SCORED]
        candidates = bandwidth * CV_FACTORS
        return max(candidates, key=lambda h: self._log_density(self.context_[drawn], h).mean())

    def _compare(self, X: np.ndarray) -> np.ndarray:
        # In float64 a training row is at distance 0 from itself, also far from the origin.
        rows = self._reduce(X.astype(np.float64, copy=False))
        log_density = self._log_density(rows, self.bandwidth_)
        if self.kernel not in ("gaussian", "exponential"):
            # These kernels have a limited reach, so far rows have density 0. A floor keeps its log
            # finite.
            peak = _log_peak(self.kernel, rows.shape[1], self.bandwidth_)
            floor = peak - np.log(len(self.context_)) + np.log(FLOOR)
            log_density = np.maximum(log_density, floor)
        return -log_density[:, None].astype(X.dtype, copy=False)

    def _log_density(self, rows: np.ndarray, bandwidth: float) -> np.ndarray:
        context = self.context_
        log_density = np.empty(len(rows))
        for block in blocks(len(rows), 8 * len(context)):
            distances = cdist(rows[block], context) / bandwidth
            log_density[block] = _log_mean_kernel(self.kernel, distances)
        return log_density + _log_peak(self.kernel, context.shape[1], bandwidth)


def _log_mean_kernel(kernel: str, distances: np.ndarray) -> np.ndarray:
    """Return the log of the mean kernel of each row, without the kernel of the row itself."""
    with np.errstate(divide="ignore"):  # log(0) = -inf where a kernel does not reach
        heights = LOG_KERNELS[kernel](distances)
        counts = np.full(len(heights), heights.shape[1])
        if heights.shape[1] > 1:
            nearest = distances.argmin(axis=1)
            own = np.flatnonzero(distances[np.arange(len(nearest)), nearest] < SAME)
            heights[own, nearest[own]] = -np.inf
            counts[own] -= 1
        # The log of a sum of exponentials, in a quarter of the time of SciPy's logsumexp. The
        # largest term is taken out to avoid overflow; it is finite even if all terms are -inf.
        tops = np.maximum(heights.max(axis=1), np.finfo(heights.dtype).min)
        sums = np.exp(heights - tops[:, None]).sum(axis=1)
        return tops + np.log(sums / counts)


def _log_peak(kernel: str, n_components: int, bandwidth: float) -> float:
    """Return the log density of a kernel at its centre."""
    origin = np.zeros((1, n_components))
    return KernelDensity(bandwidth=bandwidth, kernel=kernel).fit(origin).score_samples(origin)[0]
