"""Model card: a description of the model in a model file."""

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.inspection._intervals import draw_counts, fold_metrics, summarise
from sklearn_m3s.tiers._encoder import Encoder

_N_BOOTSTRAP = 1000
LIMITS = (
    "The cross-validated accuracy holds only for videos like those of the training data: similar "
    "sources, lengths and sizes. Predictions say nothing about individual viewers."
)
# Fields of a card, in the order of the README, and their headings.
_HEADINGS = {
    "data": "Training data",
    "n_videos": "Training videos",
    "scores": "Scores",
    "spearman": "Spearman's rank correlation in cross-validation",
    "spearman_interval": "Its 95 % bootstrap interval",
    "cross_validation": "Cross-validation",
    "weights": "Pretrained weights",
    "modules": "Modules to pass to load_model",
    "limits": "Limits",
    "date": "Date",
    "libraries": "Versions",
}


def measured(y: Any, predictions: Any) -> dict[str, Any]:
    """Return the number of videos and the rank correlation of out-of-fold predictions.

    Several scores give a list of correlations. An undefined correlation is None.
    """
    rows = []
    scores, predicted = (np.reshape(values, (len(y), -1)).T for values in (y, predictions))
    for truth, guess in zip(scores, predicted, strict=True):
        known = np.flatnonzero(~np.isnan(truth + guess))
        if len(known) < 2:
            return {"n_videos": len(y)}
        counts = draw_counts(len(known), _N_BOOTSTRAP, 0)
        truth, guess = truth[known], guess[known]
        rows.append(summarise(fold_metrics(truth, [(np.arange(len(known)), guess)], counts)))
    values = [_number(row["spearman"]) for row in rows]
    intervals = [[_number(row[f"spearman_{end}"]) for end in ("low", "high")] for row in rows]
    several = np.ndim(y) == 2
    return {
        "n_videos": len(y),
        "spearman": values if several else values[0],
        "spearman_interval": intervals if several else intervals[0],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def weights_of(tiers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the names, digest and licence of the network of each tier that has one.

    Raises
    ------
    WeightsError
        If pretrained weights cannot be found, so their digest is unknown.
    """
    from sklearn_m3s.backbones._weights import find_entry  # torch is slow to import

    found: dict[str, dict[str, Any]] = {}
    for name, tier in tiers.items():
        if not isinstance(tier, Encoder):
            continue
        spec = tier._spec()
        about: dict[str, Any] = {"network": spec.name, "identity": spec.identity()}
        if spec.origin == "registry":
            about["weights"] = None if tier.weights is None else str(tier.weights)
            entry = None if tier.weights is None else find_entry(spec.name, tier.weights)
            about["licence"] = getattr(entry, "licence", "") or "that of the publisher"
            if tier.weights is None:
                about["licence"] = "none: the network is untrained"
        elif spec.origin == "hugging_face":
            about["licence"] = "see the page of the repository"
        found[name] = about
    return found


def check_card(card: Any) -> dict[str, Any]:
    """Return a card as a dict of JSON values with string keys."""
    if card is None:
        return {}
    if not isinstance(card, Mapping) or not all(isinstance(key, str) for key in card):
        raise ModelError(f"card is {card!r:.80}: pass a dict with strings as keys")
    return {key: _plain(value, key) for key, value in card.items()}


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part, name) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return [_plain(part, name) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, str | int | float | None):
        return value
    raise ModelError(
        f"card[{name!r}] contains a {type(value).__name__}: use text, numbers and lists"
    )


def today() -> str:
    """Return today's date in UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def readme(card: Mapping[str, Any], kind: str) -> str:
    """Return the card as Markdown."""
    lines = [f"# {card.get('title', 'A model of video memorability')}", ""]
    lines += [f"A `{kind}` of sklearn_m3s. Load it with `sklearn_m3s.load_model`.", ""]
    others = [key for key in card if key not in _HEADINGS and key != "title"]
    for key in [*_HEADINGS, *others]:
        value = card.get(key)
        if value not in (None, {}, []):
            lines += [f"## {_HEADINGS.get(key, key)}", "", *_paragraph(value), ""]
    return "\n".join(lines)


def _paragraph(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"- {key}: {_line(part)}" for key, part in value.items()]
    if isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        return [f"- {_line(part)}" for part in value]
    return [_line(value)]


def _line(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_line(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_line, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
