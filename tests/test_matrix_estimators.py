"""scikit-learn's estimator checks, on every estimator of the package that takes matrices."""

import pytest
from discovery import all_estimators
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from sklearn_m3s.tiers import VideoTransformer

# Parameters for the checks. Other estimators are checked with their defaults.
SETTINGS = {
    "FiniteRows": {"estimator": Ridge()},
    # The checks use scores outside [0, 1], and rows of weight 2 that must not share one batch.
    "MLPRegressor": {"output_activation": "identity", "batch_size": 8, "device": "cpu"},
    "PredictionIntervals": {"estimator": LinearRegression()},
}
EXEMPTIONS = {
    "BlockScaler": {
        "check_sample_weight_equivalence_on_sparse_data": (
            "StandardScaler of scikit-learn 1.6 claims to centre sparse matrices"
        )
    },
    "MLPRegressor": {
        "check_sample_weight_equivalence_on_dense_data": (
            "a row of weight 2 is in one mini-batch per epoch, a repeated row in two"
        )
    },
}
ESTIMATORS = [
    cls(**SETTINGS.get(cls.__name__, {}))
    for cls in all_estimators(BaseEstimator)
    if not issubclass(cls, VideoTransformer)
]


def test_the_estimators_are_found():
    names = {type(estimator).__name__ for estimator in ESTIMATORS}
    assert names >= {"DBSCANSimilarity", "MLPRegressor"}


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXEMPTIONS.get(type(estimator).__name__, {}),
)
def test_scikit_learn_checks_pass(estimator, check):
    with threadpool_limits(1):  # otherwise t-SNE of a few rows mostly waits for threads
        check(estimator)
