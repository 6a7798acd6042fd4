"""``m3s demo``: the whole work from clips to predictions."""

import contextlib
import sys
from pathlib import Path

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_json


@click.command(
    short_help="Fit and test a model on synthetic clips.",
    epilog="Example:  m3s demo",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default="demo-output",
    show_default=True,
    metavar="FOLDER",
    help="Folder for the clips, features, table, figure and model.",
)
@command
def demo(run: Run, output: Path) -> None:
    """Fit and test a model on synthetic clips with known scores.

    The demo writes the clips, fits and cross-validates a model, and predicts new clips. Nothing is
    downloaded. Features are kept in the output folder, unless --cache is given.
    """
    from sklearn_m3s.cli._demo_steps import Settings, run_demo

    settings = Settings(output, run.given_cache or output / "features", run.n_jobs, run.verbose)
    with contextlib.redirect_stdout(sys.stderr) if run.as_json else contextlib.nullcontext():
        found = run_demo(settings)
    if run.as_json:
        print_json({"output": str(output), "spearman": found})
