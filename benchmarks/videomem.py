"""Rank correlation on real scores: object scores of VideoMem as the scene tier.

    python benchmarks/videomem.py [--repeats 3] [--n-jobs 2] [similarity_mlp ...]

Compares losses, measures of similarity and regressors in repeated 5-fold cross-validation. The
baselines are a constant and the model without similarity; the ceiling is set by the annotations.
Writes ``benchmarks/results/videomem_*.csv``.

The data are not public: the terms of VideoMem do not allow it. The tables in ``results`` stay as
they were measured. Whoever has VideoMem can put ``videomem/coco80_short_term.npz`` into the folder
of reference data (the environment variable SKLEARN_M3S_TEST_DATA, by default ``shared`` beside the
checkout), with the arrays ``features`` (n, 80), ``scores`` (n,) and ``n_annotations`` (n,). Without
it the script does nothing.
"""

import argparse
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
from joblib import Memory
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.manifold import TSNE
from sklearn.model_selection import RepeatedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s import DBSCANSimilarity, DistanceSimilarity, MLPRegressor, make_m3s
from sklearn_m3s.inspection import baseline_study, evaluate, similarity_study
from sklearn_m3s.inspection._baseline_study import default_baselines
from sklearn_m3s.inspection._similarity_study import default_measures
from sklearn_m3s.similarity._dbscan import _auto_eps

MEMORY = Memory(Path(__file__).parent / "cache", verbose=0)
RESULTS = Path(__file__).parent / "results"
LOSSES = ("penalized_mse", "mse_to_spearman")
TREES = HistGradientBoostingRegressor(random_state=0)
RIDGE = RidgeCV(np.logspace(-1, 5, 7))


def log(X):
    """Spread scores near 0, where most object scores are."""
    return np.log(X + 1e-3)


@MEMORY.cache
def embed(components):
    """Return the default t-SNE of some rows, found again in later runs."""
    settings = {"perplexity": 12, "angle": 0.8, "max_iter": 500, "random_state": 0}
    return TSNE(3, **settings).fit_transform(components)


class Embedding(BaseEstimator):
    """The default reducer of the context, computed once for all variants."""

    def fit_transform(self, X):
        """Embed rows."""
        return embed(X)


def dbscan(clusterer=None):
    """Return the default context, or another clustering of its embedding."""
    return DBSCANSimilarity(reducer=Embedding(), clusterer=clusterer, random_state=0)


class RelativeDBSCAN(BaseEstimator):
    """DBSCAN whose eps is a multiple of that of the default; labels may be shuffled."""

    def __init__(self, factor=1.0, shuffle=False):
        self.factor = factor
        self.shuffle = shuffle

    def fit_predict(self, X):
        """Cluster rows."""
        labels = DBSCAN(self.factor * _auto_eps(X, 5)).fit_predict(X)
        return np.random.default_rng(0).permutation(labels) if self.shuffle else labels


class PredictedClusters(TransformerMixin, BaseEstimator):
    """Training rows labelled as new ones are: by the classifier."""

    def fit(self, X, y=None):
        """Cluster the training rows."""
        self.similarity_ = dbscan().fit(X)
        return self

    def transform(self, X):
        """Return the predicted clusters."""
        return self.similarity_.transform(X)


class ClusterTraits(TransformerMixin, BaseEstimator):
    """What a row's cluster is like, in place of which: its size, and the distance to its centre."""

    def fit_transform(self, X, y=None):
        """Cluster the training rows."""
        self.similarity_ = dbscan()
        columns = self.similarity_.fit_transform(X)
        self.sizes_ = columns.sum(axis=0)
        self.centres_ = columns.T @ self._components(X) / self.sizes_[:, None]
        return self._traits(X, columns)

    def transform(self, X):
        """Describe the clusters of any rows; noise has the size 0 and the mean as its centre."""
        return self._traits(X, self.similarity_.transform(X))

    def _traits(self, X, columns):
        offset = self._components(X) - columns @ self.centres_
        return np.column_stack([np.log1p(columns @ self.sizes_), np.linalg.norm(offset, axis=1)])

    def _components(self, X):
        return self.similarity_.pca_.transform(X)


class NeighbourScores(TransformerMixin, BaseEstimator):
    """Mean score of the 50 nearest other training rows: a context that knows the scores."""

    def fit_transform(self, X, y):
        """Learn the training rows and their scores; a row does not see its own."""
        self.scale_ = make_pipeline(FunctionTransformer(log), StandardScaler())
        self.neighbours_ = NearestNeighbors(n_neighbors=50).fit(self.scale_.fit_transform(X))
        self.scores_ = y
        return self._mean(self.neighbours_.kneighbors(return_distance=False))

    def transform(self, X):
        """Return the mean score of the nearest training rows of any rows."""
        rows = self.scale_.transform(X)
        return self._mean(self.neighbours_.kneighbors(rows, return_distance=False))

    def _mean(self, nearest):
        return self.scores_[nearest].mean(axis=1, keepdims=True)


def measures():
    """Return those of the paper, and variants that tell why they help or do not."""
    k_means = KMeans(200, random_state=0)
    clusters = {"reducer": "passthrough", "clusterer": k_means, "random_state": 0}
    centres = DistanceSimilarity(prototypes="kmeans", n_prototypes=50, random_state=0)
    return default_measures(0) | {
        "DBSCAN clusters": dbscan(),
        "size of and distance to DBSCAN cluster": make_pipeline(ClusterTraits(), StandardScaler()),
        "k-means clusters (200)": DBSCANSimilarity(**clusters),
        "distances to 50 k-means centres": make_pipeline(centres, StandardScaler()),
        "scores of 50 neighbours": make_pipeline(NeighbourScores(), StandardScaler()),
    }


def is_noise(columns):
    """Tell which rows are in no cluster."""
    return 1 - columns.sum(axis=1, keepdims=True)


def variants():
    """Return what may be wrong with the clusters: too fine, too coarse, or labelled in two ways."""
    factors = {f"eps × {factor}": RelativeDBSCAN(factor) for factor in (0.67, 1.33, 1.67)}
    return {name: dbscan(part) for name, part in factors.items()} | {
        "labels of the classifier in training": PredictedClusters(),
        "noise alone": make_pipeline(dbscan(), FunctionTransformer(is_noise)),
        "shuffled labels": dbscan(RelativeDBSCAN(shuffle=True)),
    }


def load():
    """Return object scores, memorability scores and numbers of annotators, or None."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("SKLEARN_M3S_TEST_DATA", default))
    path = folder / "videomem" / "coco80_short_term.npz"
    if not path.exists():
        print(f"{path} not found: nothing to measure")
        return None
    with np.load(path) as file:
        return file["features"], file["scores"].astype(float), file["n_annotations"].astype(int)


def save(table, name):
    """Print a table, and write it with intervals in brackets."""
    text = table[[]].copy()
    for column in ("spearman", "mse", "mae", "spread", "delta_spearman"):
        if column in table:
            bounds = table[[column, f"{column}_low", f"{column}_high"]].itertuples(index=False)
            text[column] = [
                "" if np.isnan(value) else f"{value:.4f} [{low:.4f}, {high:.4f}]"
                for value, low, high in bounds
            ]
    if "n_features" in table:
        text["n_features"] = table["n_features"].round().astype(int)
    RESULTS.mkdir(exist_ok=True)
    text.to_csv(RESULTS / f"videomem_{name}.csv", index_label=name)
    print(text.to_string(), flush=True)


def tables(X, y, n_annotations, shared):
    """Yield the name of each table and a function that makes it."""
    parts = {"raw": None, "event": None, "similarity": None}
    mse = MLPRegressor(random_state=0)
    scenes = {"raw": FunctionTransformer(), "log": FunctionTransformer(log)}
    models = {name: make_m3s(scene=scene, regressor=mse, **parts) for name, scene in scenes.items()}
    ridge = clone(models["raw"]).set_params(regressor=RIDGE)
    for head, model, alone in (("mlp", models["raw"], None), ("ridge", ridge, RIDGE)):
        for name, compared in (("similarity", measures()), ("variants", variants())):
            study = partial(similarity_study, model, measures=compared, regressor=alone)
            yield f"{name}_{head}", partial(study, X=X, y=y, verbose=True, **shared)
    others = {loss: MLPRegressor(loss=loss, random_state=0) for loss in LOSSES}
    others |= default_baselines(0) | {"boosted trees": TREES}
    for name, model in models.items():
        study = partial(baseline_study, model, baselines=others)
        yield f"regressors_{name}", partial(study, X=X, y=y, verbose=True, **shared)
    study = partial(evaluate, models["log"], n_annotations=n_annotations)
    yield "yardsticks", partial(study, X=X, y=y, **shared)


def main():
    """Measure and save the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="of tables; all by default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    data = load()
    if data is None:
        return
    start = time.perf_counter()
    shared = {"cv": RepeatedKFold(n_splits=5, n_repeats=args.repeats, random_state=0)}
    shared |= {"random_state": 0, "n_jobs": args.n_jobs}
    for name, make in tables(*data, shared):
        if not args.names or name in args.names:
            save(make(), name)
    print(f"{(time.perf_counter() - start) / 60:.0f} min")


if __name__ == "__main__":
    main()
