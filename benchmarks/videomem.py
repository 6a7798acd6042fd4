"""Rank correlation on real scores: object scores of VideoMem as features, 5-fold.

    python benchmarks/videomem.py [--similarity]

Reads ``videomem/coco80_short_term.npz`` in the folder of reference data (the environment variable
SKLEARN_M3S_TEST_DATA, by default ``shared`` beside the checkout), and does nothing without it.
``--similarity`` adds the clusters alone, whose t-SNE takes minutes a fold.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s import DBSCANSimilarity, MLPRegressor
from sklearn_m3s.metrics import spearman_scorer


def log(X):
    """Spread scores near 0, where most object scores are."""
    return np.log(X + 1e-3)


def models(with_similarity):
    """Yield the name and the pipeline of each row."""
    yield "unscaled object scores, mse", MLPRegressor(random_state=0)
    for loss in ("mse", "penalized_mse", "mse_to_spearman"):
        head = MLPRegressor(loss=loss, random_state=0)
        yield f"object scores, {loss}", make_pipeline(StandardScaler(), head)
        steps = FunctionTransformer(log), StandardScaler(), head
        yield f"log object scores, {loss}", make_pipeline(*steps)
    if with_similarity:
        clusters = DBSCANSimilarity(random_state=0)
        yield "clusters alone, mse", make_pipeline(clusters, MLPRegressor(random_state=0))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--similarity", action="store_true")
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("SKLEARN_M3S_TEST_DATA", default))
    path = folder / "videomem" / "coco80_short_term.npz"
    if not path.exists():
        print(f"{path} not found: nothing to measure")
        return
    with np.load(path) as file:
        X, y = file["features"], file["scores"]
    cv = KFold(5, shuffle=True, random_state=0)
    for name, model in models(parser.parse_args().similarity):
        start = time.perf_counter()
        rho = cross_val_score(model, X, y, cv=cv, scoring=spearman_scorer)
        seconds = time.perf_counter() - start
        print(f"{name:36} {rho.mean():.4f}  {np.round(rho, 3)}  {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
