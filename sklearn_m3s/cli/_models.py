"""Model files as arguments of commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def takes_model(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument MODEL."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.argument("model", type=path)(function)


def load(path: Path) -> Any:
    """Load the model of a file."""
    from sklearn_m3s.io import load_model

    return load_model(path)


def score_names(path: Path, n_scores: int | None = None) -> list[str]:
    """Return the names of the scores that a model predicts, if possible from its card."""
    from sklearn_m3s.io import load_card

    names = load_card(path).get("scores")
    if isinstance(names, list) and names and n_scores in (None, len(names)):
        return [str(name) for name in names]
    if n_scores in (None, 1):
        return ["score"]
    return [f"score{k + 1}" for k in range(n_scores)]
