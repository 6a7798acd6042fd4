"""``m3s timeline``: memorability over the time of a video."""

from pathlib import Path

import click

from sklearn_m3s.cli._models import load, score_names, takes_model
from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_json, print_table

_N_MOMENTS = 3


@click.command(
    short_help="Show memorability over the time of a video.",
    epilog="Example:  m3s timeline model.m3s film.mp4 -o film-timeline",
)
@takes_model
@click.argument("video")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    show_default="the name of the video with -timeline",
    help="Folder for the table, figure and stills.",
)
@click.option(
    "--score",
    metavar="NAME",
    help="Score that ranks the moments, if the model predicts several. The default is the first.",
)
@click.option(
    "--window",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    show_default="the median of the training videos",
    help="Length of the parts (windows) that are scored.",
)
@click.option(
    "--stride",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time from one part to the next.",
)
@command
def timeline(
    run: Run,
    model: Path,
    video: str,
    output: Path | None,
    score: str | None,
    window: float | None,
    stride: float,
) -> None:
    """Show memorability over the time of a video.

    The video is scored part by part. The output folder contains timeline.csv (the middle of each
    part in seconds, and its score), timeline.png, and the most memorable moments as moment1.png,
    moment2.png and moment3.png. These moments are also printed.
    """
    from PIL import Image

    from sklearn_m3s._files import written_aside
    from sklearn_m3s._optional import import_optional
    from sklearn_m3s.inspection import memorability_over_time

    names = score_names(model)
    if score is not None and score not in names:
        raise click.BadParameter(
            f"the model has no score {score!r}: use {', '.join(names)}", param_hint="--score"
        )
    column = 0 if score is None else names.index(score)
    output = output or Path(f"{Path(video).stem}-timeline")
    over_time = memorability_over_time(
        load(model), video, window, stride, n_jobs=run.n_jobs, verbose=run.verbose
    )
    figure = import_optional("matplotlib.figure", "cli").Figure(
        figsize=(8, 3), layout="constrained"
    )
    over_time.plot(ax=figure.subplots())
    table = over_time.to_frame()
    table.columns = ["seconds", *score_names(model, table.shape[1] - 1)]
    with written_aside(output / "timeline.csv") as aside:
        table.to_csv(aside, index=False, float_format="%.6g", lineterminator="\n")
    with written_aside(output / "timeline.png") as aside:
        figure.savefig(aside, format="png", dpi=150)
    stills = [output / f"moment{i + 1}.png" for i in range(_N_MOMENTS)]
    for path in stills:
        path.unlink(missing_ok=True)  # of an earlier run
    rows = []
    moments = over_time.moments(_N_MOMENTS, column=column)
    pictures = over_time.stills(_N_MOMENTS, column=column)
    for path, picture, (second, value) in zip(stills, pictures, moments, strict=False):
        with written_aside(path) as aside:
            Image.fromarray(picture).save(aside, format="PNG")
        rows.append({"still": str(path), "second": second, "score": value})
    if run.as_json:
        print_json({"output": str(output), "moments": rows})
    else:
        print_table(run, rows)
    run.note(f"Wrote {output}.")
