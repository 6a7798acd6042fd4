"""``m3s report``: one HTML page about videos and their predicted scores."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sklearn_m3s.cli._models import load, score_names, takes_model
from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_json
from sklearn_m3s.cli._videos import expand, takes_videos

if TYPE_CHECKING:
    import pandas


@click.command(
    short_help="Write an HTML page about videos and their scores.",
    epilog="Example:  m3s report model.m3s ads/ -o report.html",
)
@takes_model
@takes_videos
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Output file, with the suffix .html.",
)
@click.option(
    "--scores",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="SCORES.csv",
    help='Table of true scores to compare with. Its columns are "video" and the model\'s scores.',
)
@click.option("--timeline", is_flag=True, help="Show memorability over time. Takes longer.")
@click.option("--title", metavar="TEXT", help="Heading of the page.")
@command
def report(
    run: Run,
    model: Path,
    videos: tuple[str, ...],
    output: Path,
    scores: Path | None,
    timeline: bool,
    title: str | None,
) -> None:
    """Write an HTML page about videos and their predicted scores.

    The page is a single file, which can be read offline.
    """
    from sklearn_m3s._innermost import innermost
    from sklearn_m3s.io import load_reference
    from sklearn_m3s.report import make_report
    from sklearn_m3s.tiers import first_tiers

    files = expand(videos)
    fitted = load(model)
    true = None if scores is None else _true_scores(scores, files, score_names(model))
    for tier in first_tiers(innermost(fitted)):
        tier.set_params(cache=run.cache)
    run.note_cache()
    failures = make_report(
        fitted,
        files,
        output,
        scores=true,
        reference=load_reference(model),
        timeline=timeline,
        title=title,
        n_jobs=run.n_jobs,
        verbose=run.verbose,
    )
    run.note_failures(failures)
    run.note(f"Wrote {output}.")
    if run.as_json:
        print_json({"output": str(output), "n_videos": len(files), "failures": failures})


def _true_scores(
    path: Path, files: list[str], names: list[str]
) -> "pandas.Series | pandas.DataFrame":
    """Return the scores of videos from a table, NaN for videos that are not in it."""
    from sklearn_m3s.cli._training import check_columns, paths_of, read_table, to_scores

    frame = read_table(path)
    check_columns(frame, ["video", *names], path.name)
    table = to_scores(frame[names], path.name)
    table.index = [
        Path(file).resolve() for file in paths_of(frame["video"], path.parent, path.name)
    ]
    found = table.reindex([Path(file).resolve() for file in files])
    if found.isna().all(axis=None):
        raise click.BadParameter(
            f"{path} has no score of these videos: give their paths relative to the table",
            param_hint="--scores",
        )
    return found[names[0]] if len(names) == 1 else found
