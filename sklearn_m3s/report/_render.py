"""Render a report as one HTML file."""

import os
import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any

import numpy as np

import sklearn_m3s
from sklearn_m3s._optional import import_optional
from sklearn_m3s.report import _charts
from sklearn_m3s.report._charts import Axis
from sklearn_m3s.report._entries import Report, Target, VideoEntry

_MISSING = "–"
_FEW = 60  # videos that are drawn one by one


def render(report: Report, date: datetime) -> str:
    """Return the page. Jinja escapes all texts. Style and script are allowed by their digests."""
    jinja2 = import_optional("jinja2", "cli")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sklearn_m3s.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "compact": _compact,
        "percentile": _percentile,
        "data_uri": _data_uri,
        "clock": _clock,
    }
    environment.tests["known"] = np.isfinite
    folder = files("sklearn_m3s.report") / "templates"
    style = (folder / "report.css").read_text("utf-8") + _reference_style(report)
    script = (folder / "report.js").read_text("utf-8")
    entries = sorted(report.entries, key=_by_score)
    axes = _axes(report)
    overviews = [_overview(target, k, axes[k], entries) for k, target in enumerate(report.targets)]
    return environment.get_template("report.html.jinja").render(
        report=report,
        entries=entries,
        slugs=_slugs(report.entries),
        style=jinja2.utils.markupsafe.Markup(style),
        script=jinja2.utils.markupsafe.Markup(script),
        policy=_policy(style, script),
        charts=_charts,
        axes=axes,
        overviews=overviews,
        groups=_groups(report.entries),
        split=_split,
        failed=[entry for entry in report.entries if entry.failure],
        version=sklearn_m3s.__version__,
        date=date,
    )


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows this style, this script and data pictures."""
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digests[0]}'; "
        f"script-src 'sha256-{digests[1]}'; base-uri 'none'; form-action 'none'"
    )


def _reference_style(report: Report) -> str:
    """Return CSS rules for the pictures of training videos, so that each is stored only once."""
    return "".join(
        f".r{row}{{background-image:url({_data_uri(picture)})}}\n"
        for row, picture in report.reference_pictures.items()
    )


def _by_score(entry: VideoEntry) -> tuple[float, int]:
    score = entry.predictions[0].value if entry.predictions else np.nan
    return (np.inf if np.isnan(score) else -score), entry.position


def _slugs(entries: Iterable[VideoEntry]) -> dict[int, str]:
    """Return a URL fragment for each video, made from its file name, by its position."""
    taken: set[str] = set()
    slugs = {}
    for entry in entries:
        base = re.sub(r"[^a-z0-9]+", "-", _split(entry.name)[1].lower()).strip("-") or "video"
        slug, count = base, 1
        while slug in taken:
            count += 1
            slug = f"{base}-{count}"
        taken.add(slug)
        slugs[entry.position] = f"v-{slug}"
    return slugs


def _split(name: str) -> tuple[str, str]:
    """Return the folder and the file name of a path."""
    folder, file = os.path.split(name)
    return folder, file


def _axes(report: Report) -> list[Axis]:
    """Return, for each target, the axis that all its charts share."""
    axes = []
    for k, target in enumerate(report.targets):
        predictions = [entry.predictions[k] for entry in report.entries if entry.predictions]
        values = [[p.value, p.low, p.high, p.true, *p.by_tier.values()] for p in predictions]
        values += [entry.timeline.scores[k] for entry in report.entries if entry.timeline]
        axes.append(Axis([*target.training, *(v for row in values for v in row)]))
    return axes


def _overview(target: Target, k: int, axis: Axis, entries: Iterable[VideoEntry]) -> dict[str, Any]:
    """Return the content of the overview of one target."""
    predictions = [entry.predictions[k] for entry in entries if entry.predictions]
    values = np.array([p.value for p in predictions])
    values = values[np.isfinite(values)]
    true = np.array([p.true for p in predictions])
    is_few = len(values) <= _FEW
    quartiles = np.percentile(target.training, [25, 50, 75]) if len(target.training) else []
    # A few predictions are drawn one by one, and need no outline.
    drawn = {"training": target.training, "step": values[len(values) if is_few else 0 :]}
    drawn = {kind: group for kind, group in drawn.items() if len(group)}
    return {
        "values": values,
        "median": np.median(values) if len(values) else np.nan,
        "predicted": [p.value for p in predictions],
        "true": true.tolist(),
        "n_true": int(np.isfinite(true).sum()),
        "quartiles": list(quartiles),
        "outlines": dict(zip(drawn, _charts.histogram(axis, *drawn.values()), strict=True)),
        "is_few": is_few,
    }


def _groups(entries: Iterable[VideoEntry]) -> dict[int, str]:
    """Return the group of each video by its position: high, middle, low or failed.

    High and low are the top and bottom quarter of the training videos if their predictions are
    known, otherwise of these videos.
    """
    scored = [entry for entry in entries if entry.predictions]
    places = np.array([entry.predictions[0].percentile for entry in scored])
    if np.isnan(places).any():
        values = np.array([entry.predictions[0].value for entry in scored])
        # Sorting twice gives the rank of each value.
        places = 100 * (values.argsort().argsort() + 0.5) / max(1, len(values))
    groups = {entry.position: "failed" for entry in entries}
    for entry, place in zip(scored, places, strict=True):
        groups[entry.position] = "high" if place >= 75 else "low" if place < 25 else "middle"
    return groups


def _number(value: float, n_digits: int, *, sign: bool = False) -> str:
    if not np.isfinite(value):
        return _MISSING
    return f"{value:{'+' if sign else ''}.{n_digits}f}".replace("-", "\N{MINUS SIGN}")


def _compact(value: float) -> str:
    """Return a value of any size in about three digits."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _percentile(value: float) -> str:
    """Return a percentile as a whole number from 1 to 99."""
    return str(min(max(round(value), 1), 99)) if np.isfinite(value) else _MISSING


def _clock(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:04.1f}"


def _data_uri(picture: bytes) -> str:
    return f"data:image/webp;base64,{b64encode(picture).decode()}"
