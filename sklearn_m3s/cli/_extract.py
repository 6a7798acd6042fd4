"""``m3s extract``: the features of videos as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_json
from sklearn_m3s.cli._tiers import (
    choose_tiers,
    describe_videos,
    make_encoder,
    make_tier,
    takes_tiers,
)
from sklearn_m3s.cli._videos import expand, takes_videos

if TYPE_CHECKING:
    import pandas

_SUFFIXES = (".parquet", ".csv", ".npz")


@click.command(
    short_help="Write the features of videos to a table.",
    epilog="Example:  m3s extract ads/ -o features.parquet --tier raw",
)
@takes_videos
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Output file, with the suffix .parquet, .csv or .npz.",
)
@takes_tiers
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="MODEL",
    help="Use the fitted tiers of this model.",
)
@command
def extract(
    run: Run,
    videos: tuple[str, ...],
    output: Path,
    tiers: list[str] | None,
    encoders: tuple[str, ...],
    model: Path | None,
) -> None:
    """Write the features of videos to a table, one row per video.

    The HOG components of the tier raw are fitted to these videos, unless --model provides a fitted
    tier. A bad video keeps its row, with empty cells and the cause in the column "error". An .npz
    file contains the arrays videos, feature_names, features and errors.
    """
    from sklearn_m3s.exceptions import VideoError

    if output.suffix.lower() not in _SUFFIXES:
        raise click.BadParameter(
            f"{output} has an unknown suffix: use one of {', '.join(_SUFFIXES)}",
            param_hint="--output",
        )
    files = expand(videos)
    if model is None:
        chosen = {name: make_tier(name) for name in choose_tiers(tiers, encoders)}
    else:
        chosen = _tiers_of(model, tiers)
    chosen |= {name: make_encoder(name) for name in encoders}
    described, good = describe_videos(run, chosen.values(), files)
    if not good:
        raise VideoError(f"none of the {len(files)} videos can be described: see the errors above")
    for name, tier in chosen.items():
        if model is None or name in encoders:
            tier.fit(described)
    table = _table(chosen, described, good, files)
    errors = [run.failures.get(file, "") for file in files]
    columns = list(table.columns)
    _write(table, files, errors, output)
    run.note(f"Wrote {output} ({len(files)} rows, {len(columns)} features).")
    if run.as_json:
        print_json({"output": str(output), "features": columns, "failures": run.failures})


def _tiers_of(path: Path, names: list[str] | None) -> dict[str, Any]:
    from sklearn_m3s._innermost import innermost
    from sklearn_m3s.cli._models import load
    from sklearn_m3s.pipeline import take_apart

    tiers = take_apart(innermost(load(path))).tiers
    absent = [name for name in names or [] if name not in tiers]
    if absent:
        raise click.BadParameter(
            f"the model has no tier {absent[0]!r}: use {', '.join(tiers)}", param_hint="--tier"
        )
    return tiers if names is None else {name: tiers[name] for name in names}


def _table(
    tiers: dict[str, Any], described: Any, good: list[int], files: Sequence[str]
) -> "pandas.DataFrame":
    """Return the features of all files. Those of bad files are NaN."""
    import numpy as np
    import pandas

    columns = [
        f"{name}__{column}"
        for name, tier in tiers.items()
        for column in tier.get_feature_names_out()
    ]
    features = np.full((len(files), len(columns)), np.nan, dtype=np.float32)
    features[good] = np.hstack([tier.transform(described) for tier in tiers.values()])
    return pandas.DataFrame(features, columns=columns)


def _write(
    table: "pandas.DataFrame", files: Sequence[str], errors: Sequence[str], output: Path
) -> None:
    import numpy as np

    from sklearn_m3s._files import written_aside
    from sklearn_m3s._optional import import_optional

    with written_aside(output) as aside:
        if output.suffix.lower() == ".npz":
            with aside.open("wb") as file:
                np.savez_compressed(
                    file,
                    videos=np.array(files),
                    feature_names=np.array(table.columns, dtype=str),
                    features=table.to_numpy(),
                    errors=np.array(errors),
                )
            return
        table.insert(0, "video", files)
        table.insert(table.shape[1], "error", errors)
        if output.suffix.lower() == ".csv":
            table.to_csv(aside, index=False, lineterminator="\n", errors="surrogateescape")
        else:
            import_optional("pyarrow", "cli")
            table.to_parquet(aside, index=False, engine="pyarrow")
