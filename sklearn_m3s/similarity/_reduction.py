"""Settings that ask for more than the training data can give: reduced, and said so."""

import warnings

import numpy as np
from sklearn.decomposition import PCA

from sklearn_m3s.exceptions import M3SWarning


def at_most(value, limit, name, reason):
    """Return `value`, or `limit` with a warning where `value` is larger."""
    if value <= limit:
        return value
    warnings.warn(
        f"{name}={value:.3g} is too many for {reason}: reduced to {limit:.3g}.",
        M3SWarning,
        stacklevel=2,
    )
    return limit


def fit_pca(X, n_components, random_state):
    """Return a PCA of `X` with no more components than `X` has rows or columns."""
    reason = f"{X.shape[0]} training row(s) of {X.shape[1]} column(s)"
    n_components = at_most(n_components, min(X.shape), "n_components", reason)
    pca = PCA(n_components, random_state=random_state).set_output(transform="default")
    with np.errstate(divide="ignore", invalid="ignore"):  # equal rows: shares of no variance
        return pca.fit(X)
