"""Synthetic clips whose scores are known functions of what they show."""

import os
import uuid
from functools import partial
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from skimage.draw import disk
from skimage.filters import gaussian
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_m3s.datasets import _planted

_FRAME_RATE = 15
_WHOLE_ROWS = 128  # pixels, 8 of H.264's macroblocks: as many as x264 takes at a time
_SCENES = ("sky", "city", "water", "grass")
_FACTORS = ("motion", "contrast", "object_count", "scene")
_SCENE_EFFECTS = np.array([-1.5, 1.5, -0.5, 0.5])
_MOST_OBJECTS = 8


@validate_params(
    {
        "n_videos": [Interval(Integral, 1, None, closed="left")],
        "folder": [str, os.PathLike],
        "random_state": ["random_state"],
        "duration": [Interval(Real, 0, None, closed="neither")],
        "frame_size": [Interval(Integral, 32, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "planted": [StrOptions(set(_planted.PLANTED)), None],
    },
    prefer_skip_nested_validation=True,
)
def make_videos(
    n_videos,
    folder,
    random_state=None,
    *,
    duration=2.0,
    frame_size=128,
    noise=0.02,
    planted=None,
):
    """Write real H.264 clips with memorability scores that depend on known factors.

    By default each clip shows objects that drift over one of four kinds of scene. Its score is::

        0.65 + 0.05 · (motion + contrast - object_count + scene effect) + noise

    clipped to [0, 1], where the first three factors are standardised and the effects of sky,
    city, water and grass are -1.5, 1.5, -0.5 and 0.5. With `planted`, the score depends on one
    factor, which one tier of the model can see: what an ablation of tiers has to find.

    Parameters
    ----------
    n_videos : int
        How many clips to write.
    folder : str or os.PathLike
        Where to write them, as ``clip_0000.mp4`` and so on; made if it does not exist. Clips of
        these names are overwritten.
    random_state : int, RandomState instance or None, default=None
        Seed of factors, drawing and noise: the same seed gives the same scores and frames.
    duration : float, default=2.0
        Seconds a clip, at 15 frames a second.
    frame_size : int, default=128
        Side of the frames in pixels, even, at least 32.
    noise : float, default=0.02
        Standard deviation of what the factors do not explain.
    planted : {"raw", "scene", "event", "similarity"} or None, default=None
        The tier that can see what the scores depend on; see the notes. Clips with a planted effect
        look different from those without. A seed gives the same files and factors for all four
        tiers, and only the scores differ.

    Returns
    -------
    Bunch
        ``videos`` (list of str, the paths), ``scores`` (ndarray of shape (n_videos,), float64, in
        [0, 1]), ``factors`` (ndarray of shape (n_videos, 4), float64: motion in frame widths a
        second, contrast in [0.2, 1], number of objects, index of the scene), ``factor_names`` and
        ``scene_names``. With `planted`, the factors are motion in [0, 0.5] frame widths a second,
        hue of the middle frame in radians, forward share in [0, 1] and index of the kind, and
        ``kind_names`` replaces ``scene_names``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    A clip with a planted effect is a picture in a still border, under faint grey ripples that
    drift in a random direction; some clips are a little brighter than others. The picture has a
    tint whose hue goes round the colour circle in five frames; each turn starts at a random hue.
    Neither tint nor border changes the luma, and the borders share one value of HSV, so grey images
    and means over time are blind to all colours (over whole turns, that is in clips of a multiple
    of a third of a second). Every clip draws four factors, spread evenly and independent of each
    other. The score is::

        0.65 + 0.1 · effect + noise

    clipped to [0, 1], where the effect is a standardised function of one factor:

    - ``"raw"``: the speed of the ripples. Optical flow measures it however faint they are. One
      frame does not show it, and beside the tints it hardly moves the embedding of a clip.
    - ``"scene"``: the cosine of twice the hue of the middle frame; red and cyan score high,
      yellow and blue low. Over time its turn has all hues, like any other.
    - ``"event"``: the share of turns that run forwards, from red by yellow to cyan. They come
      first, the others run back; frame by frame, and on average, both look the same.
    - ``"similarity"``: the rarity, -log(share), of the kind of clip: the colour of its border,
      orange (40 % of clips), green (30 %), cyan (20 %) or magenta (10 %). It makes the clusters
      of the deep embeddings, so the deep tiers themselves can learn it too; the raw tier cannot.

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
        raise ValueError(f"frame_size={frame_size} is odd: H.264 needs an even number of pixels")
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    n_frames = max(1, round(duration * _FRAME_RATE))
    if planted is None:
        factors = _factors(n_videos, rng)
        scores, draw = _scores(factors), _draw
        names = {"factor_names": list(_FACTORS), "scene_names": list(_SCENES)}
    else:
        factors = _planted.draw_factors(n_videos, n_frames, rng)
        scores = _planted.score(factors, planted, n_frames)
        draw = partial(_planted.draw, frame_rate=_FRAME_RATE)
        names = {"factor_names": list(_planted.FACTORS), "kind_names": list(_planted.KINDS)}
    scores += noise * rng.standard_normal(n_videos)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"clip_{i:04d}.mp4" for i in range(n_videos)]
    for path, row, seed in zip(paths, factors, rng.integers(2**31, size=n_videos), strict=True):
        frames = draw(row, n_frames, frame_size, rng=np.random.default_rng(seed))
        _write(path, frames, frame_size)
    videos = [str(path) for path in paths]
    return Bunch(videos=videos, scores=scores.clip(0, 1), factors=factors, **names)


def _factors(n_videos, rng):
    return np.column_stack(
        [
            rng.uniform(0, 0.5, n_videos),
            rng.uniform(0.2, 1, n_videos),
            rng.integers(1, _MOST_OBJECTS + 1, n_videos),
            rng.permutation(np.arange(n_videos) % len(_SCENES)),
        ]
    )


def _scores(factors):
    motion, contrast, n_objects, scene = factors.T
    # Means and standard deviations of the uniform distributions that the factors come from.
    effects = (
        (motion - 0.25) / (0.5 / np.sqrt(12))
        + (contrast - 0.6) / (0.8 / np.sqrt(12))
        - (n_objects - (_MOST_OBJECTS + 1) / 2) / np.sqrt((_MOST_OBJECTS**2 - 1) / 12)
        + _SCENE_EFFECTS[scene.astype(int)]
    )
    return 0.65 + 0.05 * effects


def _draw(factors, n_frames, size, rng):
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


def _background(scene, size, rng):
    """Return an RGB picture of a kind of scene, with a texture and a tint of its own."""
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


def _write(path, frames, size):
    """Encode frames so that equal ones give equal files, and move the file into place."""
    import av  # takes a while to import, and arrays need no codec

    options = {"threads": "1"}
    if size % _WHOLE_ROWS:  # x264's look-ahead reads past shorter rows, into whatever lies there
        options["x264-params"] = "mbtree=0"
    aside = path.with_name(f".{uuid.uuid4().hex}.mp4")
    try:
        with av.open(os.fspath(aside), "w") as container:
            stream = container.add_stream("libx264", rate=_FRAME_RATE, options=options)
            stream.width = stream.height = size
            stream.pix_fmt = "yuv420p"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
