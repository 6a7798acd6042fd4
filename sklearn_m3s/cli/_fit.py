"""``m3s fit``: from videos with scores to a model file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import print_json, print_table
from sklearn_m3s.cli._training import Training, make_model, make_parts, prepare, takes_training

if TYPE_CHECKING:
    import numpy as np

_N_BOOTSTRAP = 1000


@click.command(
    short_help="Fit a model to videos with scores.",
    epilog="Example:  m3s fit SCORES.csv -o model.m3s --tier raw",
)
@takes_training
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="MODEL",
    help="Output file, with the suffix .m3s.",
)
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    metavar="SHARE",
    help="Share of new videos whose score should lie in its interval.",
)
@command
def fit(run: Run, training: dict[str, Any], output: Path, coverage: float) -> None:
    """Fit a model to videos with scores, and write it to a file.

    SCORES.csv has a header row, and the columns "video", a path relative to the table, and "score".

    The command prints Spearman's rank correlation in cross-validation, with its 95 % interval, for
    the model, for the tier raw alone and for a constant. The model file also contains a model card,
    and the scores, predictions, features and thumbnails of the training videos. "m3s predict" and
    "m3s report" compare new videos with them.
    """
    from sklearn_m3s import PredictionIntervals
    from sklearn_m3s.io import make_reference_set, save_model

    data = prepare(run, training)
    run.note(f"Cross-validating on {len(data.videos)} videos, in {len(data.folds)} folds.")
    y = data.scores[:, 0] if len(data.names) == 1 else data.scores

    def fitted(model: Any) -> PredictionIntervals:
        return PredictionIntervals(model, coverage, cv=data.folds).fit(data.videos, y, data.groups)

    model = fitted(data.model)
    predictions = {"model": model.out_of_fold_}
    parts = make_parts(training)
    if "raw" in parts and len(parts) > 1:
        raw = make_model(training, {"raw": parts["raw"]})
        predictions["raw alone"] = fitted(raw).out_of_fold_
    table = _metrics(data, predictions, training["random_state"])
    reference = make_reference_set(model, data.videos, y, predictions=model.out_of_fold_)
    save_model(model, output, card=_card(data, table), reference=reference)
    if run.as_json:
        print_json({"output": str(output), "metrics": table, "failures": run.failures})
    else:
        print_table(run, table)
    run.note(f"Wrote {output}.")


def _metrics(
    data: Training, predictions: dict[str, "np.ndarray"], random_state: int
) -> list[dict[str, Any]]:
    """Return the metrics of out-of-fold predictions, for each score."""
    import numpy as np

    from sklearn_m3s.inspection._intervals import draw_counts, fold_metrics, summarise

    counts = draw_counts(len(data.videos), _N_BOOTSTRAP, random_state, data.groups)
    rows = []
    for k, name in enumerate(data.names):
        y = data.scores[:, k]
        columns = {label: p.reshape(len(y), -1)[:, k] for label, p in predictions.items()}
        columns["constant"] = np.full(len(y), np.nan)
        for train, test in data.folds:
            columns["constant"][test] = np.nanmean(y[train])
        for label, column in columns.items():
            known = ~np.isnan(y + column)
            tests = [test[known[test]] for _, test in data.folds]
            folds = [(test, column[test]) for test in tests if len(test)]
            row: dict[str, Any] = {"score": name} if len(data.names) > 1 else {}
            row |= {"predictor": label} | summarise(fold_metrics(y, folds, counts))
            rows.append({key: row[key] for key in row if not key.startswith(("mse", "spread"))})
    return rows


def _card(data: Training, table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the entries of the model card about the data and the cross-validation."""
    ours = [row for row in table if row["predictor"] == "model"]
    values = [row["spearman"] for row in ours]
    intervals = [[row["spearman_low"], row["spearman_high"]] for row in ours]
    several = len(ours) > 1
    return {
        "data": data.source,
        "n_videos": len(data.videos),
        "scores": data.names,
        "spearman": values if several else values[0],
        "spearman_interval": intervals if several else intervals[0],
        "cross_validation": table,
    }
