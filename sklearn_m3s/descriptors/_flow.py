"""Mean optical flow between successive frames."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from sklearn.utils._param_validation import StrOptions, validate_params

from sklearn_m3s.descriptors._frames import grey, require_frames
from sklearn_m3s.descriptors._tvl1 import tvl1_fields

_SMALLEST = 16
_PAIRS_AT_ONCE = 16  # more would not fit into the cache of a core
# The length in pixels to which a method reduces the shorter side.
SIDES = {"tvl1": 48, "dis": 256, "farneback": 128}


@validate_params(
    {"frames": "no_validation", "method": [StrOptions(set(SIDES))]},
    prefer_skip_nested_validation=True,
)
def flow(frames: np.ndarray, *, method: str = "tvl1") -> np.ndarray:
    """Compute the mean magnitude of the optical flow between successive frames.

    Larger frames are first reduced, by area averaging, to a shorter side of 48 ("tvl1"), 256
    ("dis") or 128 pixels ("farneback"). The flow is scaled back to pixels of the given frames.

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3), dtype uint8
        RGB frames, at least 16 pixels high and wide, in the order of time.
    method : {"tvl1", "dis", "farneback"}, default="tvl1"
        - "tvl1": minimises the TV-L1 energy, as in the paper, with fewer steps. It ranks windows
          of 3 seconds as OpenCV's TV-L1 does with default settings at 256 pixels (Spearman 0.998,
          by ``benchmarks/descriptors.py``).
        - "dis": dense inverse search (Spearman 0.994).
        - "farneback": polynomial expansion (Spearman 0.984).

    Returns
    -------
    ndarray of shape (T - 1,), dtype float64
        In pixels of the given frames, 0 or more, for each pair. Empty for a single frame.

    Raises
    ------
    TypeError
        If `frames` is not a uint8 array.
    ValueError
        If `frames` is not of shape (T, H, W, 3) with T >= 1, is smaller than 16 pixels, or
        `method` is unknown.

    References
    ----------
    Zach, Pock, Bischof: A duality based approach for realtime TV-L1 optical flow, DAGM 2007.
    Sanchez, Meinhardt-Llopis, Facciolo: TV-L1 optical flow estimation, IPOL 2013.
    Kroeger, Timofte, Dai, Van Gool: Fast optical flow using dense inverse search, ECCV 2016.
    Farneback: Two-frame motion estimation based on polynomial expansion, SCIA 2003.
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 3.2 (v).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import flow
    >>> flow(np.zeros((3, 32, 32, 3), dtype="uint8"))
    array([0., 0.])
    """
    require_frames(frames, _SMALLEST, "optical flow")
    height, width = frames.shape[1:3]
    ratio = min(1.0, SIDES[method] / min(height, width))
    size = round(width * ratio), round(height * ratio)
    images = np.stack([_reduced(frame, size) for frame in frames])
    along, down = np.float32(width / size[0]), np.float32(height / size[1])
    fields = _tvl1(images) if method == "tvl1" else _pair_by_pair(images, _SOLVERS[method]())
    return np.array([_mean_length(dx * along, dy * down) for dx, dy in fields], dtype=float)


def _tvl1(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the field of each pair, of shape (2, h, w), computed for some pairs at once."""
    for start in range(0, len(images) - 1, _PAIRS_AT_ONCE):
        block = images[start : start + _PAIRS_AT_ONCE + 1].astype(np.float32)
        yield from np.moveaxis(tvl1_fields(block), 1, 0)


def _pair_by_pair(images: np.ndarray, solve: Callable) -> Iterator[np.ndarray]:
    """Yield the field of each pair, of shape (2, h, w)."""
    for before, after in pairwise(images):
        yield np.moveaxis(solve(before, after, None), -1, 0)


def _dis() -> Callable:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc


def _farneback() -> Callable:
    settings = {"pyr_scale": 0.5, "levels": 3, "winsize": 15, "iterations": 3}
    settings |= {"poly_n": 5, "poly_sigma": 1.2, "flags": 0}
    return partial(cv2.calcOpticalFlowFarneback, **settings)


_SOLVERS = {"dis": _dis, "farneback": _farneback}


def _mean_length(dx: np.ndarray, dy: np.ndarray) -> float:
    return cv2.mean(cv2.magnitude(dx, dy))[0]


def _reduced(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(grey(frame), size, interpolation=cv2.INTER_AREA)
