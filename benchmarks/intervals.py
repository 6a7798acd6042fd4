"""Prediction intervals: coverage and width on real scores that were held out.

    python benchmarks/intervals.py [--splits 5] [--quick] [--sets SUN] [--output intervals.csv]

For each set of the folder ``real`` of the reference data (see ``heads.py``), `PredictionIntervals`
is fitted to 500 random rows, and its coverage is counted on at most 1,000 others. The models are
ridge regression and the default head. One fit serves all three coverages. Widths have the units of
the scores. Beside them is the width that the constant mean of the training scores would need.

The table has the means over the splits, and the smallest and largest coverage of a split. With
500 training and 1,000 test rows, one coverage varies with a standard deviation of 0.016 at 0.9.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from heads import SETS, load, side_by_side
from scipy.stats import spearmanr
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_m3s import PredictionIntervals, make_m3s_from_features

COVERAGES = (0.8, 0.9, 0.95)


def models(columns):
    """Return the models by name."""
    return {
        "constant": DummyRegressor(),
        "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 11))),
        "default": make_m3s_from_features(columns, random_state=0),
    }


def measure(data, blocks, y, n_splits):
    """Return the rows of the table of one set."""
    X, columns = side_by_side(blocks)
    splits = ShuffleSplit(n_splits, train_size=500, test_size=1000, random_state=0)
    rows = []
    for k, (train, test) in enumerate(splits.split(X)):
        for name, model in models(columns).items():
            fitted = PredictionIntervals(model).fit(X[train], y[train])
            predicted = fitted.predict(X[test])
            rho = np.nan if name == "constant" else spearmanr(y[test], predicted).statistic
            for coverage in COVERAGES:
                fitted.set_params(coverage=coverage)
                half = fitted._quantile(np.abs(fitted.y_ - fitted.out_of_fold_))
                rows.append(
                    {
                        "data": data,
                        "model": name,
                        "promised": coverage,
                        "split": k,
                        "coverage": np.mean(np.abs(y[test] - predicted) <= half),
                        "width": 2 * half,
                        "spearman": rho,
                    }
                )
    return rows


def main():
    """Print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one split")
    parser.add_argument("--sets", nargs="*", default=[*SETS])
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    rows = []
    with threadpool_limits(1):
        import torch

        torch.set_num_threads(1)
        for name in args.sets:
            loaded = load(name)
            if loaded is not None:
                rows += measure(name, *loaded, 1 if args.quick else args.splits)
                print(name, "done", flush=True)
    if not rows:
        return
    table = pd.DataFrame(rows).groupby(["data", "model", "promised"], sort=False)
    table = table.agg(
        coverage=("coverage", "mean"),
        least=("coverage", "min"),
        largest=("coverage", "max"),
        width=("width", "mean"),
        spearman=("spearman", "mean"),
    ).reset_index()
    print(table.to_string(index=False, float_format="%.3f"))
    if args.output:
        table.to_csv(args.output, index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
