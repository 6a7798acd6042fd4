"""Heads: rank correlation and time of regressors on real scores, with intervals.

    python benchmarks/heads.py [--quick] [--jobs 2] [--output heads.csv]

The heads are the recipes of `make_m3s_from_features` and, of scikit-learn, ridge regression, a
support vector machine and gradient boosting, each tuned inside the fold over six candidates. The
sets are those of the folder ``real`` of the reference data (the environment variable
SKLEARN_M3S_TEST_DATA, by default ``shared`` beside the checkout), and drawn clips, described by
`RawPerception`.

Two fifths of the rows of each set were never used to choose a setting of the default recipe. Only
these are predicted here, by repeated cross-validation of two folds. For each fold, n training rows
are drawn from all others.

The table has, for each set, n and head, the number of folds, and the mean over the folds of
Spearman's ρ, of the mean squared error and of the processor seconds to fit with one thread; and the
difference of ρ from that of the paper's recipe and of the best of scikit-learn's, each with a 95 %
interval. The intervals come from 2,000 resamples of the folds and of the rows: a row drawn twice
counts twice in each fold that predicts it. Rows named ``default on ...`` have one block of columns
alone.
"""

import argparse
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits

from sklearn_m3s import RawPerception, make_m3s_from_features
from sklearn_m3s.datasets import make_videos

RECIPES = ("paper", "default", "stack")
RIVALS = ("ridge", "svr", "boosting")
SETS = {
    "Memento10k captions": ("memento10k_captions.npz", ("captions",)),
    "SUN": ("sun_blocks.npz", ("block0", "block1", "block2")),
    "MemCat": ("memcat_signals.npz", ("clip", "dinov2", "siglip2")),
}
SIZES = {100: 5, 300: 5, 1000: 2, None: 2}  # repeats of the two folds, by n; None is all rows
N_RESAMPLES = 2000


def load(name):
    """Return the blocks of columns, and the scores."""
    file, names = SETS[name]
    default = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("SKLEARN_M3S_TEST_DATA", default)) / "real" / file
    if not path.exists():
        print(f"{name}: left out, {path} does not exist")
        return None
    with np.load(path) as data:
        return {block: data[block].astype(np.float32) for block in names}, data["scores"]


def drawn_clips(n_videos=500):
    """Return the two blocks of columns of the raw tier on drawn clips, and their scores."""
    with tempfile.TemporaryDirectory() as folder:
        clips = make_videos(n_videos, folder, random_state=0, duration=0.5, frame_size=64)
        tier = RawPerception(flow="dis", frame_size=64)
        rows = tier.fit_transform(clips.videos)
    is_hog = np.char.startswith(tier.get_feature_names_out().astype(str), "hog")
    return {"numbers": rows[:, ~is_hog], "hog": rows[:, is_hog]}, np.asarray(clips.scores)


def rival(name):
    """Return a regressor of scikit-learn, tuned inside the fold."""
    model, grid = {
        "ridge": (Ridge(), {"alpha": [1, 10, 100, 300, 1000, 10_000]}),
        "svr": (SVR(), {"C": [0.03, 0.1, 0.3], "epsilon": [0.02, 0.05]}),
        "boosting": (
            HistGradientBoostingRegressor(random_state=0),
            {"learning_rate": [0.05, 0.1], "max_iter": [50, 100, 200]},
        ),
    }[name]
    return make_pipeline(StandardScaler(), GridSearchCV(model, grid, cv=3))


def models(blocks):
    """Return (name, model, blocks of columns) of all that is compared."""
    for recipe in RECIPES:
        yield recipe, make_m3s_from_features(blocks, recipe=recipe, random_state=0)
    for name in RIVALS:
        yield name, rival(name)
    if len(blocks) > 1:
        for block, columns in blocks.items():
            yield f"default on {block}", make_m3s_from_features({block: columns}, random_state=0)


def split(n_rows):
    """Return the rows that were used to choose settings, and the others."""
    order = np.random.default_rng(12345).permutation(n_rows)
    return np.split(order, [int(0.6 * n_rows)])


def folds(n_rows, size, n_repeats):
    """Yield the training and test rows of each fold."""
    chosen_on, others = split(n_rows)
    rng = np.random.default_rng(0)
    cv = RepeatedKFold(n_splits=2, n_repeats=n_repeats, random_state=0)
    for rest, test in cv.split(others):
        train = rng.permutation(np.r_[chosen_on, others[rest]])
        yield train[:size], others[test]


def fit_predict(model, X, y, train, test):
    """Return the processor seconds of a fit, and its predictions of the test rows."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns in no block
        import torch

        torch.set_num_threads(1)
        start = time.process_time()
        model.fit(X[train], y[train])
        return time.process_time() - start, model.predict(X[test])


def rho(y, predicted):
    """Return Spearman's ρ, 0 where it is not defined."""
    y, predicted = rankdata(y), rankdata(predicted)
    spread = y.std() * predicted.std()
    return ((y - y.mean()) * (predicted - predicted.mean())).mean() / spread if spread else 0.0


def resampled(y, tests, predictions):
    """Return ρ of each model in each resample of folds and rows.

    The repeats predict the same rows, so a resample draws the rows once, for all folds.
    """
    rng = np.random.default_rng(0)
    rows = np.unique(np.concatenate(tests))
    found = {name: np.empty(N_RESAMPLES) for name in predictions}
    for b in range(N_RESAMPLES):
        times = np.bincount(rng.choice(rows, size=len(rows)), minlength=len(y))
        drawn = rng.integers(len(tests), size=len(tests))
        places = [np.repeat(np.arange(len(tests[k])), times[tests[k]]) for k in drawn]
        for name, of_model in predictions.items():
            found[name][b] = np.mean(
                [
                    rho(y[tests[k]][place], of_model[k][place])
                    for k, place in zip(drawn, places, strict=True)
                ]
            )
    return found


def side_by_side(blocks):
    """Return one matrix of all blocks, and the columns of each."""
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    columns = {
        name: slice(end - block.shape[1], end)
        for (name, block), end in zip(blocks.items(), ends, strict=True)
    }
    return np.hstack(list(blocks.values())), columns


def measure(data, blocks, y, size, n_repeats, jobs):
    """Return the rows of the table of one set and size."""
    X, columns = side_by_side(blocks)
    parts = list(folds(len(y), size, n_repeats))
    named = list(models(columns))
    done = Parallel(jobs)(
        delayed(fit_predict)(model, X, y, *part) for part in parts for _, model in named
    )
    tests = [test for _, test in parts]
    seconds, predictions = {}, {}
    for i, (name, _) in enumerate(named):
        of_model = done[i :: len(named)]
        seconds[name] = np.mean([taken for taken, _ in of_model])
        predictions[name] = [predicted for _, predicted in of_model]
    point = {
        name: np.mean([rho(y[test], p) for test, p in zip(tests, predicted, strict=True)])
        for name, predicted in predictions.items()
    }
    samples = resampled(y, tests, predictions)
    best = max(RIVALS, key=point.get)
    table = []
    for name in point:
        pairs = zip(tests, predictions[name], strict=True)
        row = {
            "data": data,
            "n": len(parts[0][0]),
            "all": size is None,
            "folds": len(parts),
            "head": name,
            "spearman": point[name],
            "mse": np.mean([np.mean((y[test] - p) ** 2) for test, p in pairs]),
            "seconds": seconds[name],
            "best_of_scikit_learn": best,
        }
        for label, other in (("paper", "paper"), ("best", best)):
            low, high = np.quantile(samples[name] - samples[other], [0.025, 0.975])
            row |= {
                f"delta_{label}": point[name] - point[other],
                f"low_{label}": low,
                f"high_{label}": high,
            }
        table.append(row)
    return table


def main():
    """Print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sets", nargs="*", default=[*SETS, "drawn clips"])
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    sizes = {300: 1} if args.quick else SIZES
    table = []
    for name in args.sets:
        loaded = drawn_clips() if name == "drawn clips" else load(name)
        if loaded is None:
            continue
        blocks, y = loaded
        for size, n_repeats in sizes.items():
            if size is not None and size > 0.8 * len(y):
                continue
            rows = measure(name, blocks, y, size, n_repeats, args.jobs)
            table += rows
            shown = pd.DataFrame(rows).drop(columns=["data", "all", "best_of_scikit_learn"])
            print(f"\n{name}, best of scikit-learn's: {rows[0]['best_of_scikit_learn']}\n")
            print(shown.to_string(index=False, float_format="%.3f"), flush=True)
            if args.output:
                pd.DataFrame(table).to_csv(args.output, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
