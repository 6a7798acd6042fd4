"""``m3s demo``: the main job from end to end."""

import contextlib
import sys
from pathlib import Path

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_json


@click.command(
    short_help="Run the main job on clips that are made for it.",
    epilog="Example:  m3s demo",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default="demo-output",
    show_default=True,
    metavar="FOLDER",
    help="Where clips, features, table, figure and model are written.",
)
@command
def demo(run: Run, output: Path) -> None:
    """Run the main job from end to end, on clips that are made for it.

    It writes clips with known scores, fits and cross-validates a model, and predicts new clips.
    Nothing is downloaded. Features are kept in the output folder, unless --cache is given.
    """
    from sklearn_m3s.cli._demo_steps import Settings, run_demo

    settings = Settings(output, run.given_cache or output / "features", run.n_jobs, run.verbose)
    with contextlib.redirect_stdout(sys.stderr) if run.as_json else contextlib.nullcontext():
        found = run_demo(settings)
    if run.as_json:
        print_json({"output": str(output), "spearman": found})
