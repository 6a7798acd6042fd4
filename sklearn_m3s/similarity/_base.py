"""Base of the similarities, with the PCA that they share."""

from collections.abc import Iterator
from numbers import Integral
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.decomposition import PCA
from sklearn.utils import Tags, check_random_state, gen_batches
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_m3s._doc_link import DocLinkMixin
from sklearn_m3s._logging import warn_reduced
from sklearn_m3s._validation import complete_rows

RandomState: TypeAlias = int | np.random.RandomState | None

BLOCK_BYTES = 2**20  # fits the cache of one core


def at_most(value: float, limit: float, name: str, reason: str) -> float:
    """Return the smaller of `value` and `limit`. Warn if `value` is reduced."""
    if value <= limit:
        return value
    warn_reduced(f"{name}={value:.3g} is too large for {reason}: reduced to {limit:.3g}.", 2)
    return limit


def fit_pca(X: np.ndarray, n_components: int, random_state: RandomState) -> PCA:
    """Fit a PCA that has at most as many components as `X` has rows or columns."""
    reason = f"{X.shape[0]} training row(s) of {X.shape[1]} column(s)"
    kept = at_most(n_components, min(X.shape), "n_components", reason)
    pca = PCA(kept, random_state=random_state).set_output(transform="default")
    with np.errstate(divide="ignore", invalid="ignore"):  # identical rows have no variance
        return pca.fit(X)


def blocks(n_rows: int, row_bytes: int) -> Iterator[slice]:
    """Yield slices of rows whose work space, `row_bytes` per row, fits the cache of a core."""
    return gen_batches(n_rows, max(1, BLOCK_BYTES // row_bytes))


def _take(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return X if rows.all() else X[rows]  # without a copy if possible


class BaseSimilarity(
    DocLinkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Reduce rows by PCA, then compare them with the training rows.

    A subclass has two hooks. ``_learn(X, y, seed, complete)`` learns from the training rows and
    returns the number of output columns. `complete` is a mask of the rows given to `fit`: it marks
    the rows in `X`, which have no NaN. ``_compare(X)`` returns the columns for any rows without
    NaN.
    """

    _parameter_constraints = {
        "n_components": [None, Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    # Parts such as a reducer or a classifier come from the user: validate their parameters too.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the context from the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. Those with NaN count as missing and are left out.
        y : None or array-like of shape (n_samples,)
            Class labels for ``prototypes="class_mean"``. Ignored otherwise.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If `X` is not a matrix, contains infinity or has NaN in all rows, a parameter is out of
            range, or class labels are needed and `y` has none.
        """
        X = self._check(X, reset=True)
        complete = complete_rows(X)
        if not complete.any():
            raise ValueError(
                f"all {len(X)} rows of X have NaN: {type(self).__name__} needs at least one video "
                "that could be described."
            )
        X = _take(X, complete)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self.pca_ = None if self.n_components is None else fit_pca(X, self.n_components, seed)
        self._n_features_out = self._learn(X, y, seed, complete)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Compare rows with the context.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows. Each is compared independently of the others.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_features_out)
            Columns of the measure, NaN for rows with NaN. The dtype is float32 for
            `DBSCANSimilarity`. For the others, it is float32 if `X` is float32, and float64
            otherwise.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If `X` is not a matrix with as many columns as in `fit`, contains infinity, or if the
            measure of a row without NaN is not finite.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        complete = complete_rows(X)
        kept = X.dtype in self.__sklearn_tags__().transformer_tags.preserves_dtype
        dtype = X.dtype if kept else np.float32
        columns = np.full((len(X), self._n_features_out), np.nan, dtype)
        if complete.any():
            with np.errstate(over="ignore"):  # reported below
                columns[complete] = self._compare(_take(X, complete))
        bad = np.flatnonzero(complete & ~np.isfinite(columns).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{self} has no finite {columns.dtype} value for row {bad[0]} of {len(X)}: choose "
                "parameters that suit these columns, or standardise the columns."
            )
        return columns

    def _learn(self, X: np.ndarray, y: ArrayLike | None, seed: int, complete: np.ndarray) -> int:
        raise NotImplementedError

    def _compare(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _check(self, X: ArrayLike, reset: bool) -> np.ndarray:
        rules = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}
        return validate_data(self, X, reset=reset, **rules)

    def _reduce(self, X: np.ndarray) -> np.ndarray:
        return X if self.pca_ is None else self.pca_.transform(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
