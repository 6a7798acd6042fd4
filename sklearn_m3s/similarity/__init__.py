"""4. Matrix to matrix: how the rows of a feature matrix compare to those seen in training."""

from sklearn_m3s.similarity._dbscan import DBSCANSimilarity

__all__ = ["DBSCANSimilarity"]
