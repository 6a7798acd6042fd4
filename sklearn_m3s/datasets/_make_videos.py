"""Synthetic clips whose scores are known functions of their content."""

import os
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from skimage.draw import disk
from skimage.filters import gaussian
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval

from sklearn_m3s._files import PathLike, written_aside
from sklearn_m3s._validation import check_arguments
from sklearn_m3s._x264 import x264_options

_FRAME_RATE = 15
_SCENES = ("sky", "city", "water", "grass")
_FACTORS = ("motion", "contrast", "object_count", "scene")
_SCENE_EFFECTS = np.array([-1.5, 1.5, -0.5, 0.5])
_MOST_OBJECTS = 8


@check_arguments(
    n_videos=[Interval(Integral, 1, None, closed="left")],
    folder=[str, os.PathLike],
    duration=[Interval(Real, 0, None, closed="neither")],
    frame_size=[Interval(Integral, 32, None, closed="left")],
    noise=[Interval(Real, 0, None, closed="left")],
    random_state=["random_state"],
)
def make_videos(
    n_videos: int,
    folder: PathLike,
    *,
    duration: float = 2.0,
    frame_size: int = 128,
    noise: float = 0.02,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Write real H.264 clips with memorability scores that depend on known factors.

    Each clip shows objects that drift over one of four kinds of scene. Its score is::

        0.65 + 0.05 · (motion + contrast - object_count + scene effect) + noise

    clipped to [0, 1]. The first three factors are standardised. The effects of the scenes sky,
    city, water and grass are -1.5, 1.5, -0.5 and 0.5.

    Parameters
    ----------
    n_videos : int
        Number of clips.
    folder : str or os.PathLike
        Folder for the clips ``clip_0000.mp4`` and so on. It is made if it does not exist. Existing
        clips of these names are overwritten.
    duration : float, default=2.0
        Length of a clip in seconds, at 15 frames per second.
    frame_size : int, default=128
        Side of the frames in pixels: an even number, at least 32.
    noise : float, default=0.02
        Standard deviation of the noise in the scores, at least 0.
    random_state : int, RandomState instance or None, default=None
        Seed of the factors, pictures and noise. The same seed gives the same scores and frames.

    Returns
    -------
    Bunch
        ``videos`` (list of str, the paths), ``scores`` (ndarray of shape (n_videos,), float64, in
        [0, 1]), ``factors`` (ndarray of shape (n_videos, 4), float64: motion in frame widths per
        second, contrast in [0.2, 1], number of objects, index of the scene), ``factor_names`` and
        ``scene_names``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_m3s.datasets import make_videos
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data = make_videos(2, folder, random_state=0, duration=0.2, frame_size=32)
    >>> data.factors.shape
    (2, 4)
    >>> data.factor_names
    ['motion', 'contrast', 'object_count', 'scene']
    """
    if frame_size % 2:
        raise ValueError(f"frame_size={frame_size} is odd: pass an even number, as H.264 needs it")
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    factors = _factors(n_videos, rng)
    scores = _scores(factors) + noise * rng.standard_normal(n_videos)
    paths = [Path(folder) / f"clip_{i:04d}.mp4" for i in range(n_videos)]
    n_frames = max(1, round(duration * _FRAME_RATE))
    for path, row, seed in zip(paths, factors, rng.integers(2**31, size=n_videos), strict=True):
        _write(path, _draw(row, n_frames, frame_size, np.random.default_rng(seed)), frame_size)
    return Bunch(
        videos=[str(path) for path in paths],
        scores=scores.clip(0, 1),
        factors=factors,
        factor_names=list(_FACTORS),
        scene_names=list(_SCENES),
    )


def _factors(n_videos: int, rng: np.random.Generator) -> np.ndarray:
    return np.column_stack(
        [
            rng.uniform(0, 0.5, n_videos),
            rng.uniform(0.2, 1, n_videos),
            rng.integers(1, _MOST_OBJECTS + 1, n_videos),
            rng.permutation(np.arange(n_videos) % len(_SCENES)),
        ]
    )


def _scores(factors: np.ndarray) -> np.ndarray:
    motion, contrast, n_objects, scene = factors.T
    # Numbers are standardised by the mean and deviation of their uniform distributions.
    effects = (
        (motion - 0.25) / (0.5 / np.sqrt(12))
        + (contrast - 0.6) / (0.8 / np.sqrt(12))
        - (n_objects - (_MOST_OBJECTS + 1) / 2) / np.sqrt((_MOST_OBJECTS**2 - 1) / 12)
        + _SCENE_EFFECTS[scene.astype(int)]
    )
    return 0.65 + 0.05 * effects


def _draw(
    factors: np.ndarray, n_frames: int, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the frames of one clip."""
    motion, contrast, n_objects, scene = factors
    background = _background(_SCENES[int(scene)], size, rng)
    n_objects = int(n_objects)
    starts = rng.uniform(0, size, (n_objects, 2))
    angles = rng.uniform(0, 2 * np.pi, n_objects)
    steps = motion * size / _FRAME_RATE * np.column_stack([np.cos(angles), np.sin(angles)])
    radii = rng.integers(size // 16, size // 8, n_objects)
    colours = rng.integers(0, 256, (n_objects, 3))
    for i in range(n_frames):
        frame = background.copy()
        for start, step, radius, colour in zip(starts, steps, radii, colours, strict=True):
            frame[disk((start + i * step) % size, radius, shape=(size, size))] = colour
        yield np.clip(128 + contrast * (frame.astype(float) - 128), 0, 255).astype(np.uint8)


def _background(scene: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return an RGB picture of a kind of scene. Each kind has its own texture and tint."""
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    phase = rng.uniform(0, 2 * np.pi)
    if scene == "sky":
        texture, tint = 1 - y, (0.6, 0.8, 1.0)
    elif scene == "city":
        texture, tint = ((8 * x + phase) // 1 + (12 * y) // 1) % 2, (0.9, 0.8, 0.7)
    elif scene == "water":
        texture, tint = 0.5 + 0.5 * np.sin(40 * y + 4 * np.sin(6 * x + phase)), (0.4, 0.7, 0.9)
    else:
        texture, tint = gaussian(rng.uniform(size=(size, size)), 0.8), (0.5, 0.9, 0.4)
    return (255 * texture[..., None] * np.array(tint)).astype(np.uint8)


def _write(path: Path, frames: Iterable[np.ndarray], size: int) -> None:
    """Encode frames so that equal frames give equal files."""
    import av  # slow to import, and the loaders do without it

    options = x264_options(size, {"threads": "1"})
    with written_aside(path) as aside, av.open(os.fspath(aside), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_FRAME_RATE, options=options)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
