"""Videos with scores, the model and the folds for the scripts of the paper's tables and figures.

Every script takes the same arguments::

    python examples/06_ablation.py                                   # synthetic clips, quick
    python examples/06_ablation.py memento10k /data/memento10k --cache features
    python examples/06_ablation.py mediaeval2021 /data/mediaeval2021 --cache features --n-jobs 8

A run that was stopped finds the features of each video again in the cache.
"""

import argparse
import tempfile
import warnings
from functools import partial
from pathlib import Path

from sklearn.model_selection import KFold

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


def parse(description, argv=None, recipe="paper"):
    """Return the arguments of a script."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", nargs="?", choices=["synthetic", *LOADERS], default="synthetic")
    parser.add_argument("root", nargs="?", help="folder of the data set")
    parser.add_argument("--cache", help="folder that keeps the features of each video")
    parser.add_argument("--output", default="paper-output", help="folder of tables and figures")
    parser.add_argument("--n-jobs", type=int)
    parser.add_argument("--recipe", default=recipe, help="of make_m3s")
    args = parser.parse_args(argv)
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
    data = make_videos(24, root, random_state=0, duration=0.5, frame_size=64)
    model = make_m3s(
        raw=RawPerception(frame_size=64, flow="dis", hog_components=3),
        scene=SceneParsing(weights=None, frame_size=64),
        event=EventUnderstanding(weights=None, frame_size=32, n_frames=4),
        **shared,
    )
    return data, model, KFold(3, shuffle=True, random_state=0)


def show(table, args, name):
    """Print the Spearman correlation of each row, and write the whole table."""
    path = args.output / f"{name}.csv"
    table.to_csv(path)
    columns = ["spearman", "spearman_low", "spearman_high", "mse", "n_features"]
    columns += [column for column in table.columns if column.startswith("delta")]
    print(table[[column for column in columns if column in table]].round(4).to_string())
    print(f"Spearman correlations with 95 % intervals; all columns are in {path}")
