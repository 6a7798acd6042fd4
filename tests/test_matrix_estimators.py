"""scikit-learn's own checks, run on every estimator over matrices that the package has."""

import pytest
from discovery import all_estimators
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from sklearn_m3s.tiers import VideoTransformer

# Settings for the checks; an estimator that is not here is checked with its defaults.
SETTINGS = {
    # The checks have scores of any size, and more rows of weight 2 than one batch should hold.
    "MLPRegressor": {"output_activation": "identity", "batch_size": 8, "device": "cpu"},
}
EXEMPTIONS = {
    "MLPRegressor": {
        "check_sample_weight_equivalence_on_dense_data": (
            "a row of weight 2 is in one mini-batch of an epoch, a repeated row in two"
        )
    },
}
ESTIMATORS = [
    cls(**SETTINGS.get(cls.__name__, {}))
    for cls in all_estimators(BaseEstimator)
    if not issubclass(cls, VideoTransformer)
]


def test_the_estimators_over_matrices_are_found():
    names = {type(estimator).__name__ for estimator in ESTIMATORS}
    assert names >= {"DBSCANSimilarity", "MLPRegressor"}


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXEMPTIONS.get(type(estimator).__name__, {}),
)
def test_the_checks_of_scikit_learn_pass(estimator, check):
    with threadpool_limits(1):  # t-SNE of a few rows is all waiting for its other threads
        check(estimator)
