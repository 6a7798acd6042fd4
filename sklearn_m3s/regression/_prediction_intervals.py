"""Prediction intervals of any regressor, from its errors in cross-validation."""

import math
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, _fit_context, clone
from sklearn.utils import Tags, column_or_1d, get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _check_method_params, check_array, check_is_fitted

from sklearn_m3s._doc_link import DocLinkMixin
from sklearn_m3s._folds import CrossValidation, Fold, make_folds
from sklearn_m3s.tiers import describe_for, take_videos


class PredictionIntervals(DocLinkMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """A regressor with prediction intervals, by conformal prediction.

    The regressor is fitted to all videos, and again in each fold of a cross-validation. The
    interval of a new video is its predicted score plus and minus an error. This error is a quantile
    of the absolute errors of the left-out training videos: a share of `coverage` of them is not
    larger.

    Parameters
    ----------
    estimator : regressor
        A regressor of videos or of features, with `fit` and `predict`.
    coverage : float, default=0.9
        Share of new videos whose score should lie in its interval, in (0, 1).
    cv : int, cross-validation generator, iterable or None, default=5
        As in scikit-learn. An int is the number of folds, in the order of the rows. None means 5
        folds. If a video is in several test folds, its predictions are averaged.
    n_jobs : int, default=None
        Number of folds fitted at a time; see joblib.

    Attributes
    ----------
    estimator_ : regressor
        The regressor, fitted to all videos.
    out_of_fold_ : ndarray of shape (n_videos,) or (n_videos, n_scores), float64
        The out-of-fold prediction of each training video. NaN for videos that could not be
        described, or are in no test fold.
    y_ : ndarray of shape (n_videos,) or (n_videos, n_scores), float64
        The training scores.
    quantile_ : float or ndarray of shape (n_scores,)
        Half the width of the intervals.
    n_features_in_ : int
        Number of columns, if `estimator_` has it.
    feature_names_in_ : ndarray of str
        Names of the columns, if `estimator_` has them.

    Raises
    ------
    ValueError
        In `fit`, if there are too few scores for `coverage`: at least 9 are needed for 0.9, and
        19 for 0.95.

    See Also
    --------
    sklearn_m3s.inspection.evaluate : Cross-validate a model, with intervals of its metrics.

    Notes
    -----
    Half the width is the absolute residual of rank ``ceil((n + 1) * coverage)`` among n, in
    ascending order. MAPIE computes the same intervals by ``CrossConformalRegressor`` with
    ``method="base"``, for matrices only.

    The coverage is an average over new videos from the same source as the training videos. It is
    approximate: `estimator_` has learned from more videos than the regressors of the folds, so
    intervals tend to be too wide. All intervals have the same width and are not clipped to the
    range of the scores.

    Each video is described once, whatever the number of folds.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani, Wasserman: Distribution-free predictive inference for
    regression, JASA 2018.
    Barber, Candès, Ramdas, Tibshirani: Predictive inference with the jackknife+, Annals of
    Statistics 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import PredictionIntervals
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 5))
    >>> y = 0.8 + 0.05 * X[:, 0] + 0.05 * rng.normal(size=400)
    >>> model = PredictionIntervals(Ridge(), coverage=0.9).fit(X[:300], y[:300])
    >>> lower, upper = model.predict_interval(X[300:]).T
    >>> float(np.mean((lower <= y[300:]) & (y[300:] <= upper)))
    0.9...
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        coverage: float = 0.9,
        *,
        cv: CrossValidation = 5,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.coverage = coverage
        self.cv = cv
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Fit the regressor to all videos, and in each fold, to measure its errors.

        Parameters
        ----------
        X : sequence of length n_videos, or matrix
            Input of the regressor: videos, or features.
        y : array-like of shape (n_videos,) or (n_videos, n_scores)
            Scores. NaN is a missing score, if the regressor accepts it.
        groups : array-like of shape (n_videos,), default=None
            The group of each video, such as the film that it was cut from. Videos of one group are
            never on both sides of a fold, and an integer `cv` means `GroupKFold`.
        **fit_params : dict
            Parameters of the `fit` of the regressor, such as `sample_weight`. Each fold gets the
            part of its training videos. With scikit-learn's metadata routing, only parameters that
            the regressor requests are allowed. The errors of all videos have the same weight.

        Returns
        -------
        self : PredictionIntervals
            Fitted estimator.

        Raises
        ------
        ValueError
            If there are too few scores for `coverage`, fewer videos or groups than folds, or a
            group is on both sides of a fold.
        VideoError
            If videos cannot be read (with ``on_error="raise"``).
        """
        self.y_ = self._checked_scores(y)
        X, _ = indexable(X, self.y_)
        self._quantile(self.y_)  # only to fail before hours of decoding
        folds = make_folds(self.cv, X, self.y_, groups)
        if _routing_enabled():
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        X = describe_for(self.estimator, X)
        tasks = (
            delayed(_predict_fold)(clone(self.estimator), X, self.y_, fold, fit_params)
            for fold in folds
        )
        total, count = np.zeros_like(self.y_), np.zeros(len(self.y_))
        for (_, test), predicted in zip(folds, Parallel(self.n_jobs)(tasks), strict=True):
            total[test] += predicted
            count[test] += 1
        with np.errstate(invalid="ignore"):
            self.out_of_fold_ = (total.T / count).T  # by row, for one score or several
        self.quantile_ = self._quantile(np.abs(self.y_ - self.out_of_fold_))
        self.estimator_ = clone(self.estimator).fit(X, self.y_, **fit_params)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict scores with `estimator_`.

        Parameters
        ----------
        X : sequence of length n_videos, or matrix
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_videos,) or (n_videos, n_scores)
            The middles of the intervals. NaN as `estimator_` predicts it.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def predict_interval(self, X: Any) -> np.ndarray:
        """Predict the interval of each score.

        Parameters
        ----------
        X : sequence of length n_videos, or matrix
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_videos, 2) or (n_videos, 2, n_scores)
            The lower and the upper end. NaN if the predicted score is NaN.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        """
        predicted = np.asarray(self.predict(X))
        return np.stack([predicted - self.quantile_, predicted + self.quantile_], axis=1)

    def _checked_scores(self, y: ArrayLike) -> np.ndarray:
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        rules: dict[str, Any] = {"ensure_2d": False, "dtype": np.float64, "input_name": "y"}
        scores = check_array(y, ensure_all_finite="allow-nan", **rules)
        if get_tags(self.estimator).target_tags.multi_output and scores.ndim == 2:
            return scores
        return column_or_1d(scores, warn=True)

    def _quantile(self, residuals: np.ndarray) -> Any:
        """Return the residual at the rank given by the coverage, for each score."""
        quantiles = []
        for column in residuals.reshape(len(residuals), -1).T:
            column = np.sort(column[~np.isnan(column)])
            rank = math.ceil((len(column) + 1) * self.coverage)
            if rank > len(column):
                raise ValueError(
                    f"coverage={self.coverage} needs more than n_samples = {len(column)} scores of "
                    "videos that could be described: lower coverage, or pass more videos"
                )
            quantiles.append(column[rank - 1])
        return np.array(quantiles) if residuals.ndim == 2 else float(quantiles[0])

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the parameters of `fit` that the regressor requests.

        Returns
        -------
        MetadataRouter
            Of scikit-learn's metadata routing.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        return tags


def _predict_fold(
    estimator: Any, X: Any, y: np.ndarray, fold: Fold, fit_params: dict[str, Any]
) -> np.ndarray:
    train, test = fold
    fit_params = _check_method_params(X, fit_params, train)
    estimator.fit(take_videos(X, train), y[train], **fit_params)
    return estimator.predict(take_videos(X, test))
