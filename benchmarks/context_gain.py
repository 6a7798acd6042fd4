"""Context: what each measure of similarity adds to the default recipe, with intervals.

    python benchmarks/context_gain.py [--quick] [--jobs 2] [--sets ...] [--output context.csv]

Sets, folds and intervals are made as in ``heads.py``, with fewer repeats. Each block of columns has
its own context. The measures are those of the paper, the distances to centres of k-means, and the
mean score of the nearest training rows. The table has Spearman's ρ, the mean over the folds, and
its difference from the model without context.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from heads import SETS, fit_predict, folds, load, resampled, rho, side_by_side
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_m3s import (
    CosineSimilarity,
    DBSCANSimilarity,
    DistanceSimilarity,
    KDESimilarity,
    make_m3s_from_features,
)

SIZES = {300: 3, None: 1}  # repeats of the two folds, by n; None is all rows


class NeighbourScores(TransformerMixin, BaseEstimator):
    """Mean score of the 50 nearest training rows; of a training row, without its own score."""

    def fit(self, X, y):
        self.scaler_ = StandardScaler().fit(X)
        n_neighbors = min(50, len(y) - 1)
        self.model_ = KNeighborsRegressor(n_neighbors).fit(self.scaler_.transform(X), y)
        return self

    def transform(self, X):
        return self.model_.predict(self.scaler_.transform(X))[:, None]

    def fit_transform(self, X, y):
        return self.fit(X, y).model_.predict(None)[:, None]


def measures():
    """Return the measures by name."""
    k_means = KMeans(50, n_init=1, random_state=0)
    return {
        "none": None,
        "clusters (DBSCAN)": DBSCANSimilarity(random_state=0),
        "distance": DistanceSimilarity(random_state=0),
        "cosine": CosineSimilarity(random_state=0),
        "density (KDE)": KDESimilarity(random_state=0),
        "k-means distances": make_pipeline(StandardScaler(), k_means, StandardScaler()),
        "scores of 50 neighbours": make_pipeline(NeighbourScores(), StandardScaler()),
    }


def measure(data, loaded, size, n_repeats, jobs):
    """Return the rows of the table of one set and size."""
    blocks, y = loaded
    X, columns = side_by_side(blocks)
    parts = list(folds(len(y), size, n_repeats))
    models = {
        name: make_m3s_from_features(columns, similarity=part, random_state=0)
        for name, part in measures().items()
    }
    done = Parallel(jobs)(
        delayed(fit_predict)(model, X, y, *part) for part in parts for model in models.values()
    )
    tests = [test for _, test in parts]
    predictions = {
        name: [predicted for _, predicted in done[i :: len(models)]]
        for i, name in enumerate(models)
    }
    samples = resampled(y, tests, predictions)
    table = []
    for name, predicted in predictions.items():
        low, high = np.quantile(samples[name] - samples["none"], [0.025, 0.975])
        point = np.mean([rho(y[test], p) for test, p in zip(tests, predicted, strict=True)])
        table.append(
            {"data": data, "n": len(parts[0][0]), "all": size is None, "folds": len(parts)}
            | {"head": name}
            | {"spearman": point, "delta_none": point - (table[0]["spearman"] if table else point)}
            | {"low_none": low, "high_none": high}
        )
    return pd.DataFrame(table)


def main():
    """Print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    tables = []
    for name in args.sets:
        loaded = load(name)
        if loaded is None:
            continue
        for size, n_repeats in ({300: 1} if args.quick else SIZES).items():
            tables.append(measure(name, loaded, size, n_repeats, args.jobs))
            print(
                f"\n{name}\n\n{tables[-1].to_string(index=False, float_format='%.3f')}", flush=True
            )
            if args.output:
                pd.concat(tables).to_csv(args.output, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
