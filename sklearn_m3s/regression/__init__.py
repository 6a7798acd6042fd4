"""From features to scores: the regressor h, its losses and their soft ranks."""

from sklearn_m3s.regression._losses import MSEToSpearmanLoss, PenalizedMSELoss, SpearmanLoss
from sklearn_m3s.regression._mlp_regressor import MLPRegressor
from sklearn_m3s.regression._prediction_intervals import PredictionIntervals
from sklearn_m3s.regression._soft_rank import soft_rank

__all__ = [
    "MLPRegressor",
    "MSEToSpearmanLoss",
    "PenalizedMSELoss",
    "PredictionIntervals",
    "SpearmanLoss",
    "soft_rank",
]
