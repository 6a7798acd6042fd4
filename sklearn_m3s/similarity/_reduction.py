"""What the similarities share: the principal components of the training rows, taken in blocks."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_m3s.exceptions import M3SWarning

BLOCK_BYTES = 2**20  # what the cache of a core holds


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


def blocks(n_rows, row_bytes):
    """Return slices of rows whose work space of `row_bytes` each stays within the cache."""
    return gen_batches(n_rows, max(1, BLOCK_BYTES // row_bytes))


class ReducedSimilarity(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the measures that compare the components of a row with those of the context.

    A measure has two hooks: ``_learn(X, y, seed)`` keeps what it needs of the training rows and
    returns the number of its columns, ``_compare(X)`` returns these columns of any rows.
    """

    _parameter_constraints = {
        "n_components": [None, Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the context from the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, of finite numbers.
        y : None or array-like of shape (n_samples,)
            Labels, for ``prototypes="class_mean"``; ignored elsewhere.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            `X` is not a finite matrix, a parameter is out of range, or labels are asked for and
            `y` has none.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self.pca_ = None
        if self.n_components is not None:
            self.pca_ = fit_pca(X, self.n_components, seed)
        self._n_features_out = self._learn(X, y, seed)
        return self

    def transform(self, X):
        """Compare rows with the context.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any rows, of finite numbers. No row has a part in the values of another.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_features_out)
            The columns of the measure, float32 where `X` is, else float64.

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            `X` is not a finite matrix with as many columns as in `fit`, or the measure of a row
            is not a finite number.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        with np.errstate(over="ignore"):
            columns = self._compare(X).astype(X.dtype, copy=False)
        bad = np.flatnonzero(~np.isfinite(columns).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{self} has no finite {X.dtype} value for row {bad[0]} of {len(X)}: use "
                "parameters that suit these columns, or standardise the columns"
            )
        return columns

    def _reduce(self, X):
        return X if self.pca_ is None else self.pca_.transform(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
