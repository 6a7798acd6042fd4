"""``m3s predict``: scores of new videos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sklearn_m3s.cli._models import load, score_names, takes_model
from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import takes_output, write_or_print
from sklearn_m3s.cli._tiers import describe_videos
from sklearn_m3s.cli._videos import expand, takes_videos

if TYPE_CHECKING:
    import numpy as np

_OTHERS = ("lower", "upper", "percentile")


@click.command(
    short_help="Predict the scores of videos.",
    epilog="Example:  m3s predict model.m3s ads/ -o scores.csv",
)
@takes_model
@takes_videos
@takes_output
@command
def predict(run: Run, model: Path, videos: tuple[str, ...], output: Path | None) -> None:
    """Predict the scores of videos.

    The columns are video, score, lower and upper (the ends of the interval of the score),
    percentile (the percentage of training videos with a lower prediction), and error. A bad video
    keeps its row, with the cause in the column "error". With several scores, each has its own
    columns.
    """
    import numpy as np
    import pandas

    from sklearn_m3s._innermost import innermost
    from sklearn_m3s.io import load_reference
    from sklearn_m3s.tiers import first_tiers

    files = expand(videos)
    fitted = load(model)
    described, good = describe_videos(run, first_tiers(innermost(fitted)), files)
    columns: dict[str, Any] = {"video": files}
    predicted = _predicted(fitted, described, load_reference(model)) if good else None
    names = score_names(model, None if predicted is None else predicted.shape[1])
    values = np.full((len(files), len(names), 4), np.nan)
    if predicted is not None:
        values[good] = predicted
    for k, name in enumerate(names):
        prefix = "" if len(names) == 1 else f"{name}_"
        labels = ("score" if len(names) == 1 else name, *(f"{prefix}{x}" for x in _OTHERS))
        columns |= dict(zip(labels, values[:, k].T, strict=True))
    columns["error"] = [run.failures.get(file, "") for file in files]
    write_or_print(run, pandas.DataFrame(columns), output)


def _predicted(model: Any, videos: Any, reference: Any) -> "np.ndarray":
    """Return score, lower, upper and percentile, of shape (n_videos, n_scores, 4)."""
    import numpy as np

    from sklearn_m3s._predictions import percentiles, predict_with_intervals

    scores, intervals = predict_with_intervals(model, videos)
    places = np.full(scores.shape, np.nan)
    if reference is not None:
        known = np.asarray(reference.predictions).reshape(len(reference.names), -1)
        for k in range(scores.shape[1]):
            places[:, k] = percentiles(known[:, k], scores[:, k])
    return np.stack([scores, intervals[:, 0], intervals[:, 1], places], axis=-1)
