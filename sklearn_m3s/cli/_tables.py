"""Tables on stdout and in files."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sklearn_m3s.cli._run import Run

if TYPE_CHECKING:
    import pandas

Records = Sequence[dict[str, Any]]


def takes_output(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option --output."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        show_default="stdout",
        help="Output file, with the suffix .csv or .json.",
    )(function)


def print_table(run: Run, records: Records) -> None:
    """Print records as aligned columns, or as JSON."""
    if run.as_json:
        print_json(records)
        return
    names = list(records[0]) if records else []
    rows = [names, *([_cell(record[name]) for name in names] for record in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_json(content: Any) -> None:
    """Print JSON. Numbers that are not finite are null."""
    click.echo(to_json(content))


def to_json(content: Any) -> str:
    """Return JSON. Numbers that are not finite are null."""
    return json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str)


def write_or_print(run: Run, table: "pandas.DataFrame", output: Path | None) -> None:
    """Write a table to a file, or to stdout if there is none.

    It is CSV with one header row, or JSON with ``--json`` or the suffix .json.
    """
    if run.as_json or (output is not None and output.suffix.lower() == ".json"):
        text = to_json(table.to_dict("records")) + "\n"
    else:
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    if output is None:
        click.echo(text, nl=False)
        return
    from sklearn_m3s._files import written_aside

    with written_aside(output) as aside:
        aside.write_text(text, encoding="utf-8", errors="surrogateescape")
    run.note(f"Wrote {output} ({len(table)} rows).")


def format_size(n_bytes: float) -> str:
    """Return a number of bytes in a suitable unit."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if hasattr(content, "item"):  # a number of NumPy
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
