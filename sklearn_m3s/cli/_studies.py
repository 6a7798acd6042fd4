"""``m3s evaluate`` and ``m3s ablate``: studies of a model, as table and figure."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sklearn_m3s.cli._run import Run, command
from sklearn_m3s.cli._tables import takes_output, write_or_print
from sklearn_m3s.cli._training import Training, prepare, takes_training

if TYPE_CHECKING:
    import pandas


@click.command(
    short_help="Compare a model with other regressors.",
    epilog="Example:  m3s evaluate SCORES.csv -o evaluation.csv --tier raw",
)
@takes_training
@takes_output
@command
def evaluate(run: Run, training: dict[str, Any], output: Path | None) -> None:
    """Cross-validate a model, and compare it with other regressors on the same features.

    The rows of the table are the model, a constant, ridge regression, support vector regression and
    a plain network. With --output, a figure is written beside the table, with the suffix .png.
    """
    from sklearn_m3s.inspection import baseline_study

    _study(run, baseline_study, prepare(run, training), training, output)


@click.command(
    short_help="Compare a model with itself without each tier.",
    epilog="Example:  m3s ablate SCORES.csv -o ablation.csv --tier raw,scene",
)
@takes_training
@takes_output
@command
def ablate(run: Run, training: dict[str, Any], output: Path | None) -> None:
    """Cross-validate a model without each of its tiers, and with each alone.

    With --output, a figure is written beside the table, with the suffix .png.
    """
    from sklearn_m3s.inspection import ablation_study

    _study(run, ablation_study, prepare(run, training), training, output)


def _study(
    run: Run,
    study: Callable[..., "pandas.DataFrame"],
    data: Training,
    options: dict[str, Any],
    output: Path | None,
) -> None:
    if len(data.names) > 1:
        raise click.UsageError("--score-column: a study takes one score: give one column.")
    table = study(
        data.model,
        data.videos,
        data.scores[:, 0],
        cv=data.folds,
        groups=data.groups,
        random_state=options["random_state"],
        verbose=run.verbose,
    )
    write_or_print(run, table.rename_axis("row").reset_index(), output)
    if output is not None:
        _draw(run, table, output.with_suffix(".png"))


def _draw(run: Run, table: "pandas.DataFrame", path: Path) -> None:
    """Draw the rank correlation of each row, with its interval."""
    from sklearn_m3s._files import written_aside
    from sklearn_m3s._optional import import_optional

    figure = import_optional("matplotlib.figure", "cli").Figure(
        figsize=(6, 1 + 0.4 * len(table)), layout="constrained"
    )
    axis = figure.subplots()
    for name, row in table.iterrows():
        rho, low, high = row["spearman"], row["spearman_low"], row["spearman_high"]
        axis.errorbar(rho, str(name), xerr=[[rho - low], [high - rho]], fmt="o", color="C0")
    axis.margins(y=0.2)
    axis.invert_yaxis()
    axis.set(xlabel="Spearman's ρ, with 95 % intervals")
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=150)
    run.note(f"Wrote {path}.")
