"""Context: time to fit `DBSCANSimilarity`, and rank correlation of its clusters alone.

    python benchmarks/context.py [--quick]

The baseline is scikit-learn's t-SNE with its default settings on all rows. The default of
`DBSCANSimilarity` and k-means are compared with it. Then prints the time of the default for growing
numbers of rows. The data are the captions of 7,000 videos of Memento10k, embedded in 384 columns,
if the folder of reference data has ``real/memento10k_captions.npz``. Otherwise they are random
groups. The environment variable SKLEARN_M3S_TEST_DATA names that folder; the default is ``shared``
beside the checkout.

The full run times the fit to all 7,000 rows, and gives the mean rank correlation of five folds. It
takes about a quarter of an hour on two idle cores. With ``--quick``, both are measured on the first
fold, in about 2 minutes.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.linear_model import RidgeCV
from sklearn.manifold import TSNE
from sklearn.model_selection import KFold

from sklearn_m3s import DBSCANSimilarity
from sklearn_m3s.metrics import spearman_score

N_ROWS = 7000
SIZES = (1000, 2000, 5000, 10_000, 20_000)
QUICK_SIZES = (1000, 20_000)


def contexts():
    """Return the contexts to compare by name, the baseline first."""
    k_means = KMeans(200, random_state=0)
    return {
        "t-SNE with scikit-learn's defaults": DBSCANSimilarity(
            reducer=TSNE(3, random_state=0), context_size=None, random_state=0
        ),
        "default": DBSCANSimilarity(random_state=0),
        "k-means (200)": DBSCANSimilarity(
            reducer="passthrough", clusterer=k_means, context_size=None, random_state=0
        ),
    }


def load():
    """Return the name of the data, features and scores."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("SKLEARN_M3S_TEST_DATA", default))
    path = folder / "real" / "memento10k_captions.npz"
    if path.exists():
        with np.load(path) as file:
            X, y = file["captions"].astype(np.float32), file["scores"].astype(float)
        return "Memento10k's captions", X, y
    X, groups = make_blobs(N_ROWS, 384, centers=150, cluster_std=4, random_state=0)
    rng = np.random.default_rng(0)
    return "random groups", X, rng.normal(size=150)[groups] + rng.normal(size=N_ROWS)


def seconds_to_fit(similarity, X):
    """Fit, and return the time."""
    start = time.perf_counter()
    similarity.fit(X)
    return time.perf_counter() - start


def held_out(similarity, X, y, train, test):
    """Fit to the training rows. Return the time and the rank correlation on the test rows."""
    start = time.perf_counter()
    columns = similarity.fit_transform(X[train])
    seconds = time.perf_counter() - start
    ridge = RidgeCV(np.logspace(-1, 5, 7)).fit(columns, y[train])
    return seconds, spearman_score(y[test], ridge.predict(similarity.transform(X[test])))


def compare(X, y, quick):
    """Print one line per context."""
    folds = list(KFold(5, shuffle=True, random_state=0).split(X))[: 1 if quick else 5]
    n_rows = len(folds[0][0]) if quick else len(X)
    print(f"{n_rows} rows{'':30} seconds  times as fast  clusters  noise  Spearman")
    baseline = None
    for name, similarity in contexts().items():
        found = [held_out(similarity, X, y, *fold) for fold in folds]
        seconds, rho = found[0][0], np.mean([score for _, score in found])
        if not quick:
            seconds = seconds_to_fit(similarity, X)
        baseline = baseline or seconds
        print(
            f"{name:38} {seconds:9.1f} {baseline / seconds:14.1f} {similarity.n_clusters_:9}"
            f" {np.mean(similarity.labels_ < 0):6.1%} {rho:9.3f}",
            flush=True,
        )


def grow(X, sizes):
    """Print how the time of the default grows, on rows drawn with replacement and noise added."""
    rng = np.random.default_rng(0)
    similarity = DBSCANSimilarity(random_state=0)
    first = None
    for size in sizes:
        rows = X[rng.choice(len(X), size)]
        rows = rows + 0.1 * X.std(axis=0) * rng.normal(size=rows.shape)
        seconds = seconds_to_fit(similarity, rows)
        first = first or seconds / size
        print(
            f"{size:6} rows  {seconds:6.1f} s, per row {seconds / size / first:4.2f} times as long "
            f"as {sizes[0]} rows",
            flush=True,
        )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    name, X, y = load()
    print(f"scikit-learn {sklearn.__version__}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{name}\n")
    compare(X, y, quick)
    print("\ndefault")
    grow(X, QUICK_SIZES if quick else SIZES)


if __name__ == "__main__":
    main()
