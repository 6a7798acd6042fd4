"""`MLPRegressor` against a plain torch loop, the baseline, and scikit-learn's MLP.

    python benchmarks/regressor.py [--epochs 2] [--repeats 3] [--rows 7000] [--columns 3635]
                                   [--full]

The three take turns on random data. Prints the least seconds per epoch of each with their ratios to
ours, the time to `predict` 10,000 rows, and the time of a grid search with 12 candidates and 5
folds on a tenth of the rows. With ``--full``, the grid search uses all rows and the default 20
epochs.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor as SklearnMLP

from sklearn_m3s import MLPRegressor

GRID = {
    "loss": ["mse", "penalized_mse"],
    "learning_rate": [1e-3, 3e-4],
    "weight_decay": [1e-5, 1e-4, 1e-3],
}


def plain_loop(X, y, epochs):
    """Train the same network by a hand-written loop."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], 512), torch.nn.Mish(), torch.nn.Linear(512, 64),
        torch.nn.Mish(), torch.nn.Linear(64, 1), torch.nn.Sigmoid(),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(net(X[rows]).squeeze(1), y[rows]).backward()
            optimizer.step()


def seconds(function):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def epochs_side_by_side(X, y, epochs, repeats):
    """Print the seconds per epoch of each, and the time to predict."""
    ours = MLPRegressor(max_epochs=epochs, device="cpu", random_state=0)
    theirs = SklearnMLP(
        hidden_layer_sizes=(512, 64), batch_size=32, max_iter=epochs, random_state=0
    )
    turns = {
        "plain torch loop, fused Adam": lambda: plain_loop(X, y, epochs),
        "MLPRegressor": lambda: ours.fit(X, y),
        "scikit-learn's MLPRegressor": lambda: theirs.fit(X, y),
    }
    plain_loop(X[:320], y[:320], 1)  # warm-up
    times = {name: [] for name in turns}
    for _ in range(repeats):
        for name, turn in turns.items():
            times[name].append(seconds(turn) / epochs)
    ours_at_best = min(times["MLPRegressor"])
    for name, values in times.items():
        ratio = min(values) / ours_at_best
        print(f"{name:30} {min(values):7.2f} s per epoch, {ratio:5.2f} times ours")
    rows = np.resize(X, (10_000, X.shape[1]))
    print(f"predict {len(rows)} rows: {seconds(lambda: ours.predict(rows)):.2f} s")


def main():
    """Print the measurements."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=7000)
    parser.add_argument("--columns", type=int, default=3635)
    parser.add_argument("--full", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(args.rows, args.columns)).astype(np.float32)
    y = rng.uniform(size=args.rows).astype(np.float32)
    print(f"{args.rows} rows of {args.columns} columns, torch threads {torch.get_num_threads()}")
    epochs_side_by_side(X, y, args.epochs, args.repeats)
    n_rows, epochs = (args.rows, 20) if args.full else (args.rows // 10, args.epochs)
    search = GridSearchCV(MLPRegressor(max_epochs=epochs, random_state=0), GRID, cv=5)
    taken = seconds(lambda: search.fit(X[:n_rows], y[:n_rows]))
    print(f"grid search, 12 candidates x 5 folds on {n_rows} rows, {epochs} epochs: {taken:.1f} s")


if __name__ == "__main__":
    main()
