"""Limits on the size of one video."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sklearn_m3s.exceptions import VideoError


class VideoLimits(NamedTuple):
    """Limits above which a video is refused.

    Files are checked before memory for their pixels is allocated. The defaults allow 8K video,
    films of two hours and pictures of 100 megapixels.

    Parameters
    ----------
    pixels : int, default=36_000_000
        Largest number of pixels of a frame of a video.
    picture_pixels : int, default=110_000_000
        Largest number of pixels of a picture in JPEG, PNG, BMP, TIFF or TGA. For other formats,
        whose decoders need more memory, the limit is half of it.
    frames : int, default=500_000
        Largest number of frames of a video. The default is 2.3 hours at 60 frames per second.
    decoded_bytes : int, default=4_000_000_000_000
        Largest number of bytes of all decoded frames. The default is more than 2 hours of 4K at 30
        frames per second.
    seconds : float, default=14_400
        Longest time from the first frame to the last, in seconds.
    memory : int, default=1_290_000_000
        Largest number of bytes of memory for reading a file. A file is refused if the frames that
        its decoder can keep at a time are larger: 17 frames for H.264, fewer for others. In the
        worker processes of the tiers, no more can be allocated; see `memory_ceiling`.

    See Also
    --------
    set_limits : Change the limits in force.

    Examples
    --------
    >>> from sklearn_m3s.video import VideoLimits
    >>> VideoLimits(seconds=60).frames
    500000
    """

    pixels: int = 36_000_000
    picture_pixels: int = 110_000_000
    frames: int = 500_000
    decoded_bytes: int = 4_000_000_000_000
    seconds: float = 14_400
    memory: int = 1_290_000_000


_in_force = VideoLimits()


def get_limits() -> VideoLimits:
    """Return the limits in force.

    Returns
    -------
    VideoLimits
        The limits of `read_video`, `read_clip` and all tiers.

    Examples
    --------
    >>> from sklearn_m3s.video import get_limits
    >>> get_limits().seconds
    14400
    """
    return _in_force


def set_limits(limits: VideoLimits) -> VideoLimits:
    """Set the limits for every video that is read from now on.

    The workers of the tiers use the limits of the process that calls the tier.

    Parameters
    ----------
    limits : VideoLimits
        The new limits.

    Returns
    -------
    VideoLimits
        The previous limits.

    Examples
    --------
    >>> from sklearn_m3s.video import VideoLimits, get_limits, set_limits
    >>> before = set_limits(VideoLimits(seconds=8 * 3600))
    >>> get_limits().seconds
    28800
    >>> _ = set_limits(before)
    """
    global _in_force
    before, _in_force = _in_force, limits
    return before


def over_limit(field: str, amount: str) -> VideoError:
    """Return the error for a video that exceeds a limit."""
    return VideoError(
        f"has {amount}, more than the limit: if you trust it, raise {field} with set_limits"
    )


def check_frame_size(width: int, height: int, field: str, limit: int) -> None:
    """Raise an error for frames with more pixels than `limit`, a field of `VideoLimits`."""
    if width * height > limit:
        raise over_limit(field, f"frames of {width} x {height} pixels")


@contextmanager
def memory_ceiling(n_bytes: int) -> Iterator[None]:
    """Limit the memory that this process can allocate. This only has an effect on Linux.

    The worker processes of the tiers read files under this limit, with the `memory` of
    `VideoLimits`.

    Parameters
    ----------
    n_bytes : int
        Number of bytes that can be allocated in addition to those in use.

    Raises
    ------
    VideoError
        If more is allocated, instead of a `MemoryError`. C code may end the process.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import memory_ceiling, read_clip
    >>> with memory_ceiling(500_000_000):
    ...     clip = read_clip(np.zeros((9, 48, 64, 3), dtype=np.uint8), n_frames=2)
    >>> clip.shape
    (2, 256, 256, 3)
    """
    if sys.platform != "linux":  # other systems have no such limit, or do not enforce it
        yield
        return
    import resource

    # Not RLIMIT_AS: it also counts address space that is reserved or mapped from files.
    # The sixth number of statm is the size of data and stack, in pages.
    n_pages = int(Path("/proc/self/statm").read_text().split()[5])
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = min(n_pages * resource.getpagesize() + n_bytes, sys.maxsize)
    if hard != resource.RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
    try:
        yield
    except MemoryError as error:
        raise over_limit("memory", f"a need of more than {n_bytes:,} bytes of memory") from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
