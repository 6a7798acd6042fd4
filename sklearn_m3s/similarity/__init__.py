"""4. Matrix to matrix: how the rows of a feature matrix compare to those seen in training."""

from sklearn_m3s.similarity._cosine import CosineSimilarity
from sklearn_m3s.similarity._dbscan import DBSCANSimilarity
from sklearn_m3s.similarity._distance import DistanceSimilarity
from sklearn_m3s.similarity._kde import KDESimilarity

__all__ = ["CosineSimilarity", "DBSCANSimilarity", "DistanceSimilarity", "KDESimilarity"]
