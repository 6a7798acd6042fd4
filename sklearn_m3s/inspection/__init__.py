"""Measure a model, compare its parts, and show its predictions for single videos."""

from sklearn_m3s.inspection._ablation_study import ablation_study
from sklearn_m3s.inspection._annotation_ceiling import annotation_ceiling
from sklearn_m3s.inspection._baseline_study import baseline_study
from sklearn_m3s.inspection._descriptor_study import descriptor_study
from sklearn_m3s.inspection._evaluate import evaluate
from sklearn_m3s.inspection._extreme_predictions import extreme_predictions
from sklearn_m3s.inspection._extreme_predictions_display import ExtremePredictionsDisplay
from sklearn_m3s.inspection._memorability_over_time import (
    MemorabilityOverTime,
    memorability_over_time,
)
from sklearn_m3s.inspection._similarity_study import similarity_study
from sklearn_m3s.inspection._tier_deviation_display import TierDeviationDisplay
from sklearn_m3s.inspection._tier_embedding_display import TierEmbeddingDisplay
from sklearn_m3s.inspection._tier_predictions import tier_predictions
from sklearn_m3s.inspection._transfer_study import transfer_study

__all__ = [
    "ExtremePredictionsDisplay",
    "MemorabilityOverTime",
    "TierDeviationDisplay",
    "TierEmbeddingDisplay",
    "ablation_study",
    "annotation_ceiling",
    "baseline_study",
    "descriptor_study",
    "evaluate",
    "extreme_predictions",
    "memorability_over_time",
    "similarity_study",
    "tier_predictions",
    "transfer_study",
]
