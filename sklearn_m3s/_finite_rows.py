"""A regressor for data with missing rows and scores."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, _fit_context, clone
from sklearn.utils import Tags, _safe_indexing, check_array, check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import _check_method_params, check_is_fitted, validate_data

from sklearn_m3s._doc_link import DocLinkMixin
from sklearn_m3s._validation import complete_rows


class FiniteRows(DocLinkMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Regressor that learns from the rows without NaN, and predicts NaN for the others.

    With it, any regressor works with videos that could not be read and with missing scores. If `y`
    has several scores, one regressor is fitted per score, to all rows with this score.

    Parameters
    ----------
    estimator : regressor
        The regressor to fit. It is cloned.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor, if `y` has one dimension.
    estimators_ : list of regressor
        The fitted regressors, one per column, if `y` has two dimensions.
    n_features_in_, feature_names_in_
        Number and names of the columns seen in `fit`, as in scikit-learn.

    See Also
    --------
    sklearn_m3s.make_m3s : Wraps regressors in this one with ``on_error="nan"``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_m3s.pipeline import FiniteRows
    >>> X = [[1.0], [2.0], [np.nan], [3.0]]
    >>> regressor = FiniteRows(LinearRegression())
    >>> regressor.fit(X, [2.0, 4.0, 9.0, 6.0]).predict(X).round(2)
    array([ 2.,  4., nan,  6.])
    >>> Y = [[2.0, 5.0], [4.0, 6.0], [9.0, 9.0], [np.nan, 7.0]]
    >>> regressor.fit(X, Y).predict(X).round(2)
    array([[ 2.,  5.],
           [ 4.,  6.],
           [nan, nan],
           [ 6.,  7.]])
    """

    _parameter_constraints: dict = {"estimator": [HasMethods(["fit", "predict"])]}
    # The inner regressor gets the weights, so only its request counts.
    __metadata_request__fit = {"sample_weight": UNUSED}

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> Self:
        """Fit the regressor to the rows without NaN.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Rows with NaN are left out.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Scores. NaN is a missing score.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for a regressor that takes them.
        **fit_params : dict
            More parameters for the `fit` of the regressor. Those with one item per row are reduced
            to the same rows.

        Returns
        -------
        self : FiniteRows
            Fitted estimator.

        Raises
        ------
        ValueError
            If `X` or `y` is not of these shapes or holds infinity, or a column of `y` has no
            score in the rows without NaN.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X, complete = self._check(X, reset=True)
        rules: dict[str, Any] = {"ensure_2d": False, "dtype": np.float64, "input_name": "y"}
        y = check_array(y, ensure_all_finite="allow-nan", **rules)
        check_consistent_length(X, y)
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        for name in ("estimator_", "estimators_"):  # from an earlier fit
            self.__dict__.pop(name, None)
        if y.ndim == 1:
            self.estimator_ = self._fit_column(X, y, complete, fit_params)
        else:
            self.estimators_ = [self._fit_column(X, column, complete, fit_params) for column in y.T]
        return self

    def _fit_column(self, X: Any, y: np.ndarray, complete: np.ndarray, params: dict) -> Any:
        rows = np.flatnonzero(complete & ~np.isnan(y))
        if not rows.size:
            raise ValueError(
                f"{complete.sum()} of {len(y)} rows of X have no NaN, and none of them has a "
                f"score: {type(self.estimator).__name__} needs at least one row with a score"
            )
        params = _check_method_params(X, params, rows)
        return clone(self.estimator).fit(_safe_indexing(X, rows), y[rows], **params)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Predictions, in the shape of `y` in `fit`. NaN for rows with NaN.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If `X` is not a matrix with as many columns as in `fit`, or holds infinity.
        """
        check_is_fitted(self)
        X, complete = self._check(X, reset=False)
        rows = np.flatnonzero(complete)
        fitted = [self.estimator_] if hasattr(self, "estimator_") else self.estimators_
        scores = np.full((len(complete), len(fitted)), np.nan)
        if rows.size:
            finite = _safe_indexing(X, rows)
            scores[rows] = np.column_stack([estimator.predict(finite) for estimator in fitted])
        return scores[:, 0] if hasattr(self, "estimator_") else scores

    def _check(self, X: ArrayLike, reset: bool) -> tuple[Any, np.ndarray]:
        """Return the features as a table or an array, and a mask of the rows without NaN."""
        features = validate_data(self, X, reset=reset, ensure_all_finite="allow-nan")
        return X if hasattr(X, "columns") else features, complete_rows(features)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which parameters of `fit` go to the regressor, for scikit-learn.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=fit)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        tags.regressor_tags = get_tags(self.estimator).regressor_tags
        return tags
