"""Geometry of charts: from numbers to SVG paths, 1,000 units wide and high."""

from collections.abc import Iterable

import numpy as np

_UNITS = 1000
_LEAST_BINS, _MOST_BINS = 12, 40
_MOST_TICKS = 6


class Axis:
    """An axis with round ends and ticks around some values.

    Parameters
    ----------
    values : iterable of float
        Values that the axis must cover. NaN is left out.

    Attributes
    ----------
    low, high : float
        Ends of the axis.
    ticks : list of float
        Round values from `low` to `high`.
    n_digits : int
        Number of decimals with which the ticks differ.
    """

    def __init__(self, values: Iterable[float]) -> None:
        numbers = np.asarray(list(values), dtype=float)
        numbers = numbers[np.isfinite(numbers)]
        low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
        if high - low < 1e-9:
            low, high = low - 0.05, high + 0.05
        step = _round_step((high - low) / (_MOST_TICKS - 1))
        # 1e-9, so that rounding errors add no tick.
        first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
        self.ticks = (step * np.arange(first, last + 1)).tolist()
        self.low, self.high = self.ticks[0], self.ticks[-1]
        self.n_digits = max(0, int(-np.floor(np.log10(step) + 1e-9)))

    def place(self, value: float) -> float:
        """Return the position of a value, in units."""
        share = (value - self.low) / (self.high - self.low)
        return round(_UNITS * min(max(share, 0), 1), 1)


def _round_step(least: float) -> float:
    """Return the smallest number of at least `least` that is 1, 2 or 5 times a power of ten."""
    power = 10 ** np.floor(np.log10(least))
    return float(next(step for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9)) * power)


def histogram(axis: Axis, *groups: np.ndarray) -> list[str]:
    """Return the outline of a histogram of each group, on a common scale.

    Heights are the shares of values in equal bins. Fewer values have fewer bins. No group may be
    empty.
    """
    fewest = min(map(len, groups), default=0)
    n_bins = int(np.clip(2 * np.sqrt(fewest), _LEAST_BINS, _MOST_BINS))
    edges = np.linspace(axis.low, axis.high, n_bins + 1)
    shares = [np.histogram(values, edges)[0] / len(values) for values in groups]
    top = max((share.max() for share in shares), default=1)
    width = _UNITS / n_bins
    paths = []
    for share in shares:
        heights = (_UNITS * (1 - share / top)).round(1)
        path = "".join(f"V{height:g}h{width:g}" for height in heights)
        paths.append(f"M0 {_UNITS}{path}V{_UNITS}z")
    return paths


def dots(x_axis: Axis, y_axis: Axis, x: Iterable[float], y: Iterable[float]) -> str:
    """Return a path of zero length at each point, whose round caps are drawn as dots."""
    places = [
        (x_axis.place(a), _UNITS - y_axis.place(b))
        for a, b in zip(x, y, strict=True)
        if np.isfinite([a, b]).all()
    ]
    return "".join(f"M{left:g} {top:g}h0" for left, top in places)


def line(x_axis: Axis, y_axis: Axis, x: Iterable[float], y: Iterable[float]) -> str:
    """Return a path through points, broken where a value is missing."""
    path, command = "", "M"
    for a, b in zip(x, y, strict=True):
        if not np.isfinite([a, b]).all():
            command = "M"
            continue
        path += f"{command}{x_axis.place(a):g} {_UNITS - y_axis.place(b):g}"
        command = "L"
    return path
