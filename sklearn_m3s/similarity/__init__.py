"""Similarity to the training rows: compare feature matrices with those seen in `fit`."""

from sklearn_m3s.similarity._cosine import CosineSimilarity
from sklearn_m3s.similarity._dbscan import DBSCANSimilarity
from sklearn_m3s.similarity._distance import DistanceSimilarity
from sklearn_m3s.similarity._kde import KDESimilarity
from sklearn_m3s.similarity._tsne_settings import tsne_settings

__all__ = [
    "CosineSimilarity",
    "DBSCANSimilarity",
    "DistanceSimilarity",
    "KDESimilarity",
    "tsne_settings",
]
