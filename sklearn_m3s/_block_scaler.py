"""A scaler that gives a block of columns the same weight, whatever its width."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.preprocessing import StandardScaler

from sklearn_m3s._doc_link import DocLinkMixin

_WIDTH = 256  # columns; keeps the inputs of a network near unit variance


class BlockScaler(DocLinkMixin, StandardScaler):
    """Standardise columns, and divide them by the square root of their number.

    All scaled blocks have the same total variance, so that a wide tier does not outweigh a narrow
    one. A block of 256 columns keeps unit variance.

    Parameters
    ----------
    copy : bool, default=True
        If False, scale in place where possible.
    with_mean : bool, default=True
        Whether to subtract the means.

    Attributes
    ----------
    mean_, var_, n_features_in_, n_samples_seen_
        As for `StandardScaler`.
    scale_ : ndarray of shape (n_features,), float64
        Divisors of the centred columns: their standard deviation (1 where it is 0) times
        ``sqrt(n_features / 256)``.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : Scaling that ignores the number of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.pipeline import BlockScaler
    >>> X = np.random.default_rng(0).normal(size=(50, 64))
    >>> BlockScaler().fit_transform(X).std(axis=0)[:3]
    array([2., 2., 2.])
    """

    scale_: np.ndarray
    with_std = True  # a parameter of StandardScaler, which must not be False here

    def __init__(self, *, copy: bool = True, with_mean: bool = True) -> None:
        self.copy = copy
        self.with_mean = with_mean

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn means and variances from more rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns of one block.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : BlockScaler
            Fitted scaler.
        """
        super().partial_fit(X, y, sample_weight)
        self.scale_ = self.scale_ * np.sqrt(self.n_features_in_ / _WIDTH)
        return self
