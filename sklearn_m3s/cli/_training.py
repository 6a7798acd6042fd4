"""Read videos with scores, and make a model from options."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from sklearn_m3s.cli._run import Run
from sklearn_m3s.cli._tiers import (
    choose_tiers,
    describe_videos,
    make_encoder,
    make_tier,
    takes_tiers,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from sklearn.pipeline import Pipeline

_LOADERS = ("memento10k", "videomem", "lamem", *(f"mediaeval{y}" for y in range(2018, 2022)))
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Training(NamedTuple):
    """Videos that could be described, with their scores.

    Parameters
    ----------
    source : str
        Origin of the scores.
    videos : DescribedVideos
        The videos, with their descriptions.
    scores : ndarray of shape (n_videos, n_scores)
        The scores, NaN where missing.
    names : list of str
        The columns of the scores.
    groups : ndarray of shape (n_videos,) or None
        The group of each video.
    folds : list of (ndarray, ndarray)
        Rows of the training and of the test videos of each fold.
    model : Pipeline
        The unfitted model.
    """

    source: str
    videos: Any
    scores: "np.ndarray"
    names: list[str]
    groups: "np.ndarray | None"
    folds: list[tuple["np.ndarray", "np.ndarray"]]
    model: "Pipeline"


def takes_training(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of videos with scores and of a model, in one dict."""

    @functools.wraps(function)
    def wrapper(**arguments: Any) -> None:
        options = {name: arguments.pop(name) for name in _OPTION_NAMES}
        function(training=options, **arguments)

    for option in (*reversed(_OPTIONS), takes_tiers):
        wrapper = option(wrapper)
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.argument("table", type=path, required=False, metavar="[SCORES.csv]")(wrapper)


_OPTIONS = [
    click.option(
        "--data",
        type=(click.Choice(_LOADERS), _FOLDER),
        metavar="NAME FOLDER",
        help=f"A data set and its folder, instead of a table: {', '.join(_LOADERS)}.",
    ),
    click.option(
        "--video-column",
        default="video",
        show_default=True,
        metavar="NAME",
        help="Column with the paths of the videos, relative to the table.",
    ),
    click.option(
        "--video-folder",
        type=_FOLDER,
        metavar="FOLDER",
        help="Folder of the videos, if they are not beside the table or in the data set.",
    ),
    click.option(
        "--score-column",
        "score_columns",
        multiple=True,
        metavar="NAME",
        help="Column with scores in [0, 1]. The default is score, or the scores of the data set. "
        "May be repeated for several scores. Empty cells are missing scores.",
    ),
    click.option(
        "--groups-column",
        metavar="NAME",
        help="Column with the group of each video, such as the film that it was cut from. Videos "
        "of one group stay on the same side of a fold.",
    ),
    click.option(
        "--recipe",
        type=click.Choice(["default", "paper", "stack"]),
        default="default",
        show_default=True,
        help="Combination of scaler and regressor.",
    ),
    click.option(
        "--cv",
        type=click.IntRange(2),
        default=5,
        show_default=True,
        metavar="N",
        help="Number of folds of the cross-validation.",
    ),
    click.option(
        "--random-state",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        metavar="SEED",
        help="Seed of the folds, networks and intervals.",
    ),
]
_OPTION_NAMES = (
    "table", "data", "video_column", "video_folder", "score_columns", "groups_column", "tiers",
    "encoders", "recipe", "cv", "random_state",
)  # fmt: skip


def prepare(run: Run, options: dict[str, Any]) -> Training:
    """Read the scores, describe the videos, and leave out the bad ones."""
    import numpy as np
    from sklearn.model_selection import KFold

    from sklearn_m3s._folds import make_folds
    from sklearn_m3s.exceptions import VideoError
    from sklearn_m3s.tiers import first_tiers

    source, videos, table, groups = _read(run, options)
    model = make_model(options, make_parts(options))
    described, good = describe_videos(run, first_tiers(model), videos)
    if not good:
        raise VideoError(f"none of the {len(videos)} videos can be described: see the errors above")
    scores = table.to_numpy(dtype=np.float64)[good]
    groups = None if groups is None else groups[good]
    seed = options["random_state"]
    # Shuffled, since tables are often sorted by score.
    cv = (
        options["cv"]
        if groups is not None
        else KFold(options["cv"], shuffle=True, random_state=seed)
    )
    folds = make_folds(cv, described, scores[:, 0], groups, seed)
    return Training(source, described, scores, list(table.columns), groups, folds, model)


def make_parts(options: dict[str, Any]) -> dict[str, Any]:
    """Return the tiers of the model by the names of their branches."""
    from sklearn_m3s.tiers import FrameEncoder

    parts = {name: make_tier(name) for name in choose_tiers(options["tiers"], options["encoders"])}
    for name in options["encoders"]:
        encoder = make_encoder(name)
        branch = "scene" if isinstance(encoder, FrameEncoder) else "event"
        if branch in parts:
            raise click.UsageError(
                f"--encoder: {name} takes the place of the tier {branch}, which is already taken: "
                "give at most one encoder for images (scene) and one for clips (event), and leave "
                "these tiers out of --tier"
            )
        parts[branch] = encoder
    return parts


def make_model(options: dict[str, Any], parts: dict[str, Any]) -> "Pipeline":
    """Return a model with the given tiers."""
    from sklearn_m3s import make_m3s

    absent = {"raw": None, "scene": None, "event": None}
    return make_m3s(
        **(absent | parts),
        recipe=options["recipe"],
        on_error="nan",
        random_state=options["random_state"],
    )


def _read(
    run: Run, options: dict[str, Any]
) -> tuple[str, Sequence[Any], "pandas.DataFrame", "np.ndarray | None"]:
    """Return the name of the source, the videos, a column for each score, and the groups."""
    if (options["table"] is None) == (options["data"] is None):
        raise click.UsageError("Give either a table SCORES.csv or --data NAME FOLDER.")
    if options["data"] is None:
        source = options["table"].name
        frame = read_table(options["table"])
        path_column, default = options["video_column"], "score"
    else:
        name, folder = options["data"]
        source, path_column, default = name, "videos", "scores"
        frame = _load(name, folder, options["video_folder"])
    columns = list(options["score_columns"]) or [default]
    group_columns = [options["groups_column"]] if options["groups_column"] else []
    check_columns(frame, [path_column, *columns, *group_columns], source)
    scores = to_scores(frame[columns], source)
    known = scores.notna().any(axis=1) & frame[path_column].notna()
    if not known.all():
        run.note(f"Leaving out {(~known).sum()} rows of {source} without a video or a score.")
    frame, scores = frame[known], scores[known]
    if not len(frame):
        raise click.UsageError(f"{source} has no row with a video and a score: add some.")
    videos = list(frame[path_column])
    if options["data"] is None:
        videos = paths_of(videos, options["video_folder"] or options["table"].parent, source)
    groups = frame[group_columns[0]].to_numpy() if group_columns else None
    return source, videos, scores, groups


def read_table(path: Path) -> "pandas.DataFrame":
    """Return a table of values separated by commas, semicolons or tabs."""
    import pandas

    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        return pandas.read_csv(path, sep=separator, encoding="utf-8-sig", skipinitialspace=True)
    except (UnicodeDecodeError, ValueError) as error:
        raise click.UsageError(
            f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8, with one header "
            "row"
        ) from error


def check_columns(frame: "pandas.DataFrame", names: Sequence[str], source: str) -> None:
    """Raise a usage error for a missing column."""
    absent = [name for name in names if name not in frame]
    if absent:
        raise click.UsageError(
            f"{source} has no column {absent[0]!r}, only {', '.join(map(repr, frame.columns))}: "
            "name the right one with --video-column, --score-column or --groups-column"
        )


def to_scores(columns: "pandas.DataFrame", source: str) -> "pandas.DataFrame":
    """Return scores as numbers in [0, 1], NaN for empty cells."""
    import pandas

    scores = columns.apply(pandas.to_numeric, errors="coerce")
    wrong = (scores.isna() & columns.notna()) | (scores < 0) | (scores > 1)
    for name in columns.columns[wrong.any()]:
        row = wrong[name].idxmax()
        raise click.UsageError(
            f"{source}: {name!r} is {columns[name][row]!r} in row {row + 2}, but must be a "
            "number in [0, 1]: rescale the scores, such as (score - 1) / 6 for ratings of 1 to 7"
        )
    return scores


def paths_of(names: Sequence[Any], folder: Path, source: str) -> list[str]:
    """Return the paths of the videos of a table. Repeated paths raise a usage error."""
    paths = [str(folder / str(name)) for name in names]
    repeated, count = Counter(paths).most_common(1)[0]
    if count > 1:
        raise click.UsageError(f"{source} has {count} rows for {repeated}: keep one")
    return paths


def _load(name: str, folder: Path, video_folder: Path | None) -> "pandas.DataFrame":
    """Return a data set as a table with one row per video."""
    import pandas

    from sklearn_m3s import datasets

    load: Any
    if name.startswith("mediaeval"):
        load = functools.partial(datasets.load_mediaeval, year=int(name.removeprefix("mediaeval")))
    else:
        load = getattr(datasets, f"load_{name}")
    data = load(folder, video_folder=video_folder, missing="skip")
    return pandas.DataFrame({key: pandas.Series(list(values)) for key, values in data.items()})
