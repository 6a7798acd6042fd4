"""Pictures of videos, and axes for the displays."""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_m3s._optional import import_optional
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.tiers._describe import read_each
from sklearn_m3s.video import ClipReader, FrameGeometry, video_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE_SIZE = 128


def read_pictures(videos: Sequence[Any], rows: Iterable[int]) -> dict[int, np.ndarray | None]:
    """Return the middle frames of some videos, of shape (128, 128, 3), uint8.

    The picture of a video that cannot be read is None. One warning lists all of these videos.
    """
    chosen = list(dict.fromkeys(map(int, rows)))
    reader = ClipReader(1, FrameGeometry.square(PICTURE_SIZE))
    clips = read_each([videos[row] for row in chosen], reader)
    pictures: dict[int, np.ndarray | None] = {}
    failures = []
    for row, clip in zip(chosen, clips, strict=True):
        if isinstance(clip, Exception):  # a figure without this picture is better than none
            pictures[row] = None
            failures.append(f"  {video_name(videos[row], row)}: {clip}")
        else:
            pictures[row] = clip[0]
    if failures:
        warnings.warn(
            f"{len(failures)} of {len(pictures)} videos cannot be read and are shown without a "
            "picture\n" + "\n".join(failures),
            M3SWarning,
            stacklevel=3,
        )
    return pictures


def label(video: Any, row: int) -> str:
    """Return a short name of a video: its file name, or its place in the sequence."""
    return Path(video).name if isinstance(video, str | os.PathLike) else f"video {row}"


def show_picture(ax: "Axes", picture: np.ndarray | None, name: str) -> None:
    """Fill an axes with a picture, or with a name if the picture is missing."""
    ax.set(xticks=[], yticks=[])
    if picture is not None:
        ax.imshow(picture)
        return
    ax.set_box_aspect(1)
    place: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
    ax.text(0.5, 0.5, name, fontsize="small", wrap=True, parse_math=False, **place)


def make_axes(
    ax: Any, shape: tuple[int, int], size: tuple[float, float]
) -> tuple[np.ndarray, "Axes | None"]:
    """Return a grid of axes, and the single axes that were divided into it, if any.

    A single axes is divided, several are used as given, and None makes a new figure. `size` is the
    width and height of each of its axes in inches.
    """
    pyplot = import_optional("matplotlib.pyplot", "inspection")
    if ax is None:
        figure = pyplot.figure(
            figsize=(size[0] * shape[1], size[1] * shape[0]), layout="constrained"
        )
        return figure.subplots(*shape, squeeze=False), None
    if isinstance(ax, pyplot.Axes):
        return _divide(ax, shape), ax
    axes = np.asarray(ax, dtype=object)
    if axes.size != np.prod(shape):
        raise ValueError(f"ax has {axes.size} axes: pass {shape[0]} x {shape[1]}, or a single one")
    return axes.reshape(shape), None


def _divide(ax: "Axes", shape: tuple[int, int]) -> np.ndarray:
    if not ax.axison:
        raise ValueError("ax was divided by another display: pass ax=display.axes_")
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("ax is not part of a grid: make it with matplotlib's subplots")
    ax.set_axis_off()
    grid = place.subgridspec(*shape, hspace=0.5)  # room for titles
    return grid.subplots(squeeze=False)
