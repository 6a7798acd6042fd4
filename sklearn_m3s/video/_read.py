"""A path or an array in, frames out: streamed at a rate, or a fixed number of them."""

import os
import warnings
from pathlib import Path

import numpy as np

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.video._array import ArrayVideo
from sklearn_m3s.video._sampling import sample_at_rate, sample_evenly
from sklearn_m3s.video._shared import SharedVideo

_IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_BLOCK = 16
_LEAST_SHARE = 0.9
_WHOLE_SHARE = 0.98  # containers round lengths


def stream_frames(video, *, frame_rate=15.0, frame_size=256, decoder="pyav"):
    """Yield the frames of a video at a regular rate, in blocks.

    Memory holds one block, whatever the length of the clip.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file or RGB frames. An array counts as sampled at `frame_rate`; an image is one frame.
    frame_rate : float, default=15.0
        Samples per second, taken by time stamps; frames are never repeated.
    frame_size : int, default=256
        Side of the square frames in pixels; area interpolation.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads files. Images are always read by PyAV.

    Yields
    ------
    frames : ndarray of shape (b, frame_size, frame_size, 3), uint8
        RGB, upright.
    times : ndarray of shape (b,), float64
        Seconds from the first frame of the clip.

    Raises
    ------
    VideoError
        If the file is missing, is no video, or lacks more than a tenth of its frames.

    Warns
    -----
    M3SWarning
        If up to a tenth of the frames cannot be decoded; they are left out.

    Notes
    -----
    Tags of rotation are applied, tags of mirroring (EXIF orientations 2, 4, 5 and 7) are not.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import stream_frames
    >>> clip = np.zeros((20, 48, 64, 3), dtype=np.uint8)
    >>> [frames.shape for frames, times in stream_frames(clip, frame_size=32)]
    [(16, 32, 32, 3), (4, 32, 32, 3)]
    """
    source = open_video(video, frame_rate, decoder)
    wanted = sample_at_rate(source.times, frame_rate)
    elapsed = source.times - source.times[0]
    n_found, pictures, kept = 0, [], []
    for index, draw in source.frames(wanted):
        pictures.append(draw(frame_size))
        kept.append(elapsed[index])
        n_found += 1
        if len(pictures) == _BLOCK:
            yield np.stack(pictures), np.array(kept)
            pictures, kept = [], []
    if pictures:
        yield np.stack(pictures), np.array(kept)
    _check_complete(video, source, n_found, len(wanted))


def read_clip(video, *, n_frames, frame_size=256, decoder="pyav"):
    """Return a fixed number of frames, evenly spaced over a video.

    Parameters
    ----------
    video, frame_size, decoder
        As for `stream_frames`.
    n_frames : int
        How many: the frames shown at the centres of as many equal parts of the clip. A shorter
        clip repeats frames.

    Returns
    -------
    ndarray of shape (n_frames, frame_size, frame_size, 3), uint8
        RGB, upright.

    Raises
    ------
    VideoError
        As `stream_frames` does.

    Warns
    -----
    M3SWarning
        If up to a tenth of the frames cannot be decoded; their neighbours stand for them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import read_clip
    >>> image = np.zeros((48, 64, 3), dtype=np.uint8)
    >>> read_clip(image, n_frames=4, frame_size=32).shape
    (4, 32, 32, 3)
    """
    source = open_video(video, 1.0, decoder)
    indices = sample_evenly(source.times, n_frames)
    wanted = np.unique(indices)
    clip = np.empty((len(wanted), frame_size, frame_size, 3), np.uint8)
    found = []
    for index, draw in source.frames(wanted):
        clip[len(found)] = draw(frame_size)
        found.append(index)
    _check_complete(video, source, len(found), len(wanted))
    middles = (np.array(found[1:]) + np.array(found[:-1])) / 2
    return clip[np.searchsorted(middles, indices)]


def share_video(path, decoder="pyav"):
    """Return a file as a video that several readers can read in one pass.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads it.

    Returns
    -------
    SharedVideo
        For `stream_frames` and `read_clip`, in place of the path. What all readers but the first
        will want is to be asked for before, by its method ``keep(indices, side)``, with indices
        into its ``times``.

    Raises
    ------
    VideoError
        If the file is missing or is no video.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_m3s.datasets import make_videos
    >>> from sklearn_m3s.video import read_clip, sample_evenly, share_video, stream_frames
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     video = share_video(make_videos(1, folder, duration=1, frame_size=32).videos[0])
    ...     video.keep(sample_evenly(video.times, 2), 32)
    ...     blocks = [frames.shape for frames, _ in stream_frames(video, frame_size=16)]
    ...     clip = read_clip(video, n_frames=2, frame_size=32)  # decodes nothing
    >>> blocks, clip.shape
    ([(15, 16, 16, 3)], (2, 32, 32, 3))
    """
    return SharedVideo(path, open_video(path, 1.0, decoder))


def open_video(video, frame_rate, decoder):
    """Return a video with its times, whose frames are not decoded yet."""
    if isinstance(video, SharedVideo):
        return video
    if not isinstance(video, str | os.PathLike):
        return ArrayVideo(video, frame_rate)
    path = Path(video)
    if path.is_dir():
        raise VideoError("is a folder: pass the paths of the files in it")
    if not path.exists():
        raise VideoError(f"does not exist: check the path (read from {Path.cwd()})")
    if not path.is_file():
        raise VideoError("is no regular file: pass a video or an image file")
    if not path.stat().st_size:
        raise VideoError("is empty (0 bytes): fetch or export it again")
    # PyAV and decord take a second to import, and arrays need neither.
    if decoder == "decord" and path.suffix.lower() not in _IMAGES:
        from sklearn_m3s.video._decord import DecordVideo as Video
    else:
        from sklearn_m3s.video._pyav import PyAVVideo as Video
    return Video(os.fspath(path))


def _check_complete(video, source, n_found, n_wanted):
    """Say what is missing: a little is a warning, more than a tenth an error."""
    present = (
        f"{n_found} of {n_wanted} frames could be decoded, and {source.share_present:.0%} of the "
        "declared length is there"
    )
    if n_found < n_wanted * _LEAST_SHARE or source.share_present < _LEAST_SHARE:
        raise VideoError(f"is truncated or damaged: {present}; fetch or export it again")
    if n_found < n_wanted or source.share_present < _WHOLE_SHARE:
        warnings.warn(f"{os.fspath(video)!r} is damaged: {present}", M3SWarning, stacklevel=3)
