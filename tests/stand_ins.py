"""Feature rows in place of videos, and a model whose tiers select their columns."""

from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.preprocessing import FunctionTransformer

from sklearn_m3s.metrics import spearman_scorer

CV = KFold(3, shuffle=True, random_state=0)
PARTS = {
    "raw": FunctionTransformer(lambda X: X[:, :2]),
    "scene": FunctionTransformer(lambda X: X[:, 2:5]),
    "event": FunctionTransformer(lambda X: X[:, 5:]),
    "similarity": KMeans(4, n_init=1, random_state=0),
    "regressor": Ridge(),
}
SETTINGS = {"cv": CV, "n_bootstrap": 20, "random_state": 0}


def rho(model, X, y):
    """Return the mean Spearman correlation of cross-validation by scikit-learn."""
    return cross_val_score(model, X, y, cv=CV, scoring=spearman_scorer).mean()
