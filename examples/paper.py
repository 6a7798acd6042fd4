"""Load videos with scores, the model and the folds, for the paper's tables and figures.

Every script takes the same arguments::

    python examples/06_ablation.py                                   # synthetic clips, fast
    python examples/06_ablation.py memento10k /data/memento10k --cache features
    python examples/06_ablation.py mediaeval2021 /data/mediaeval2021 --cache features --n-jobs 8

With ``--cache``, a new run after an interruption finds the features of each video in the cache.
"""

import argparse
import tempfile
import warnings
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import KFold
from sklearn.svm import SVR

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing, make_m3s
from sklearn_m3s.datasets import (
    fixed_split,
    load_lamem,
    load_mediaeval,
    load_memento10k,
    load_videomem,
    make_videos,
)
from sklearn_m3s.exceptions import M3SWarning

LOADERS = {"memento10k": load_memento10k, "videomem": load_videomem, "lamem": load_lamem}
LOADERS |= {
    f"mediaeval{year}": partial(load_mediaeval, year=year) for year in (2018, 2019, 2020, 2021)
}


def parse(description, argv=None):
    """Return the arguments of a script."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", nargs="?", choices=["synthetic", *LOADERS], default="synthetic")
    parser.add_argument("root", nargs="?", help="folder of the data set")
    parser.add_argument("--cache", help="folder that keeps the features of each video")
    parser.add_argument("--output", default="paper-output", help="folder of tables and figures")
    parser.add_argument("--n-jobs", type=int, help="number of workers, and of fits at a time")
    parser.add_argument("--recipe", default="paper", help="recipe of make_m3s")
    args = parser.parse_args(argv)
    args.verbose = args.data != "synthetic"
    args.output = Path(args.output)
    args.output.mkdir(parents=True, exist_ok=True)
    return args


def load(args):
    """Return videos with scores, the model, and the folds."""
    shared = {"cache": args.cache, "n_jobs": args.n_jobs, "random_state": 0}
    shared["recipe"] = args.recipe
    if args.data != "synthetic":
        data = LOADERS[args.data](args.root)
        return data, make_m3s(**shared, verbose=True), fixed_split(data)
    # Few videos and untrained networks keep this short. Both give warnings.
    warnings.simplefilter("ignore", M3SWarning)
    root = args.root or tempfile.mkdtemp()
    data = make_videos(48, root, random_state=0, duration=0.5, frame_size=64)
    model = make_m3s(
        raw=RawPerception(frame_size=64, flow="dis", hog_components=3),
        scene=SceneParsing(weights=None, frame_size=64),
        event=EventUnderstanding(weights=None, frame_size=32, n_frames=4),
        regressor=SVR(C=0.1, epsilon=0.02),
        **shared,
    )
    return data, model, KFold(3, shuffle=True, random_state=0)


def show(table, args, name):
    """Print and draw the Spearman correlation of each row, and write the whole table."""
    path = args.output / f"{name}.csv"
    table.to_csv(path)
    columns = ["spearman", "spearman_low", "spearman_high", "mse", "n_features"]
    columns += [column for column in table.columns if column.startswith("delta")]
    print(table[[column for column in columns if column in table]].round(4).to_string())
    print(f"Spearman correlations with 95 % intervals; all columns are in {path}")
    draw(table).savefig(path.with_suffix(".png"))
    plt.show()


def draw(table):
    """Draw the Spearman correlation of each row, with its interval."""
    table = table.dropna(subset="spearman")
    figure, axis = plt.subplots(figsize=(7, 1.2 + 0.35 * len(table)), layout="constrained")
    rho = table["spearman"]
    ends = [rho - table["spearman_low"], table["spearman_high"] - rho]
    axis.errorbar(rho, range(len(table)), xerr=ends, fmt="o")
    axis.axvline(0, color="0.7", lw=1, zorder=0)
    axis.set_yticks(range(len(table)), table.index.map(str))
    axis.invert_yaxis()
    axis.set_xlabel("Spearman's ρ, with 95 % intervals")
    return figure
