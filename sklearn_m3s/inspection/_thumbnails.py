"""What the displays share: the middle frames of videos, and the axes that they are drawn into."""

import os
import warnings
from pathlib import Path

import numpy as np

from sklearn_m3s._optional import import_optional
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.video import read_clip, video_name

PICTURE_SIZE = 128


def read_pictures(videos, rows):
    """Return the middle frames of some videos, None with one warning for those with none.

    Parameters
    ----------
    videos : list of length n_videos
        Paths and arrays.
    rows : iterable of int
        Which to read.

    Returns
    -------
    dict of int to ndarray of shape (128, 128, 3), uint8, or None
        By row, as square as the tiers see them.
    """
    pictures, failures = {}, []
    for row in rows:
        try:
            pictures[int(row)] = read_clip(videos[row], n_frames=1, frame_size=PICTURE_SIZE)[0]
        except Exception as error:  # a bad video costs its picture, not the figure
            pictures[int(row)] = None
            failures.append(f"  {video_name(videos[row], row)}: {error}")
    if failures:
        warnings.warn(
            f"{len(failures)} of {len(pictures)} pictures are left blank\n" + "\n".join(failures),
            M3SWarning,
            stacklevel=3,
        )
    return pictures


def label(video, row):
    """Return a short name of a video: of its file, or its place in the sequence."""
    return Path(video).name if isinstance(video, str | os.PathLike) else f"video {row}"


def show_picture(ax, picture, name):
    """Fill axes with a picture, or with a name where there is none."""
    ax.set(xticks=[], yticks=[])
    if picture is not None:
        ax.imshow(picture)
        return
    ax.set_box_aspect(1)
    place = {"ha": "center", "va": "center", "transform": ax.transAxes}
    ax.text(0.5, 0.5, name, fontsize="small", wrap=True, parse_math=False, **place)


def make_axes(ax, shape, size):
    """Return a grid of axes, and the axes that it was made within.

    Parameters
    ----------
    ax : Axes, array-like of Axes or None
        One is divided, many are taken as they are, None is a new figure.
    shape : (int, int)
        Rows and columns of the grid.
    size : (float, float)
        Width and height of each of the axes of a new figure, in inches.

    Returns
    -------
    axes : ndarray of shape `shape`, of Axes
        The grid.
    bounding_ax : Axes or None
        The one that was divided.

    Raises
    ------
    ValueError
        If there are too few or too many axes, or the one given cannot be divided.
    """
    pyplot = import_optional("matplotlib.pyplot")
    if ax is None:
        figure = pyplot.figure(
            figsize=(size[0] * shape[1], size[1] * shape[0]), layout="constrained"
        )
        return figure.subplots(*shape, squeeze=False), None
    if isinstance(ax, pyplot.Axes):
        return _divide(ax, shape), ax
    axes = np.asarray(ax, dtype=object)
    if axes.size != np.prod(shape):
        raise ValueError(f"ax has {axes.size} axes: give {shape[0]} x {shape[1]}, or a single one")
    return axes.reshape(shape), None


def _divide(ax, shape):
    if not ax.axison:
        raise ValueError("ax was divided by another display: pass ax=display.axes_")
    if ax.get_subplotspec() is None:
        raise ValueError("ax has no place in a grid to divide: make it by matplotlib's subplots")
    ax.set_axis_off()
    grid = ax.get_subplotspec().subgridspec(*shape, hspace=0.5)  # titles
    cells = [ax.figure.add_subplot(cell) for cell in grid]
    return np.array(cells, dtype=object).reshape(shape)
