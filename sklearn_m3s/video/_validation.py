"""Checks of sequences of videos and of arrays of frames, and names of videos for messages."""

import os
from typing import Any

import numpy as np

from sklearn_m3s.exceptions import VideoError

_CURE = "pass a list of file paths and of uint8 arrays of shape (T, H, W, 3) or (H, W, 3)"


def check_videos(videos: Any) -> list[Any]:
    """Return a sequence of videos as a list.

    Only the sequence is checked here. A bad video is found when it is read, so that it does not
    affect the others.

    Parameters
    ----------
    videos : list, tuple, 1-D array or Series of str, os.PathLike or ndarray
        Paths to videos or images, and uint8 RGB arrays, in any mixture.

    Returns
    -------
    list of length n_videos
        The same items.

    Raises
    ------
    TypeError
        If `videos` is a single path, or not a sequence.
    ValueError
        If `videos` is empty, or is an array or a table of more than one dimension.

    Examples
    --------
    >>> from sklearn_m3s.video import check_videos
    >>> check_videos(("a.mp4", "b.mp4"))
    ['a.mp4', 'b.mp4']
    """
    if isinstance(videos, str | bytes | os.PathLike):
        raise TypeError(f"X is the single path {videos!r}: {_CURE}, such as [{str(videos)!r}]")
    ndim = getattr(videos, "ndim", 1)
    if ndim != 1:
        shape = tuple(getattr(videos, "shape", ()))
        cure = "pass X[:, 0]" if shape[1:] == (1,) else _CURE
        if hasattr(videos, "columns"):
            name = videos.columns[0] if shape[1:] == (1,) else "video"
            cure = f"pass the column with the paths, as table[{name!r}] and not table[[{name!r}]]"
        raise ValueError(
            f"X has {ndim} dimensions (shape {shape}), but needs one item per video: {cure}"
        )
    if isinstance(videos, dict | set) or not hasattr(videos, "__len__"):
        raise TypeError(f"X is a {type(videos).__name__} and not a sequence of videos: {_CURE}")
    items = list(videos)
    if not items:
        raise ValueError(f"X is empty: {_CURE}")
    return items


def video_name(video: Any, position: int) -> str:
    """Name a video in a message: its path, or the position and shape of an array.

    Parameters
    ----------
    video : str, os.PathLike, ndarray or object
        An item of a sequence of videos.
    position : int
        Its position in the sequence.

    Returns
    -------
    str
        The path as given, or ``X[position]`` and a description of the item.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import video_name
    >>> video_name(np.zeros((2, 8, 8, 3), dtype=np.uint8), 4)
    'X[4] (array of shape (2, 8, 8, 3))'
    """
    if isinstance(video, str | os.PathLike):
        return os.fspath(video)
    kind = f"array of shape {video.shape}" if isinstance(video, np.ndarray) else repr(video)
    return f"X[{position}] ({kind})"


def check_frames(video: Any) -> np.ndarray:
    """Return an array as (T, H, W, 3) uint8 frames, or raise a `VideoError`."""
    if not isinstance(video, np.ndarray):
        raise VideoError(f"is a {type(video).__name__} and not a path or an array: {_CURE}")
    if video.dtype != np.uint8:
        raise VideoError(f"has dtype {video.dtype}: convert it to uint8 RGB values from 0 to 255")
    frames = video[None] if video.ndim == 3 else video
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise VideoError(
            f"has shape {video.shape}: pass (T, H, W, 3) or (H, W, 3), with T, H and W above 0"
        )
    return frames
