"""Clips with one factor for each tier to see. The score depends on one of the factors.

A clip shows a picture in a still border, under faint grey ripples that drift in a random
direction. The picture has a tint whose hue runs round the colour circle in five frames. Neither
tint nor border changes the luma, and the borders share one value of HSV: grey images and means
over time do not show any colour. Each tier sees one factor:

- raw: the speed of the ripples, in frame widths per second. A single frame does not show it, and it
  hardly moves the embedding of a clip.
- scene: the hue of the middle frame. Over time every clip has all hues.
- event: the share of turns that run forwards. Single frames and their mean do not show it.
- similarity: the rarity of the colour of the border. It makes the clusters of the deep embeddings.
"""

import numpy as np
from scipy.stats import qmc

FRAME_RATE = 15
_SHARES = np.array([0.4, 0.3, 0.2, 0.1])  # of the colours of the borders
_FASTEST = 0.5
_TURN = 5  # frames
_WAVES, _FINEST = 6, 4
_TEXTURE, _TINT, _BORDER = 8, 100, 40
_DARKEST, _BRIGHTEST = 120, 136

_LUMA = np.array([0.299, 0.587, 0.114])
# Colours to add to a grey without a change of luma: the reddest, and the one at right angles to it.
_RED = np.array([1, 0, 0]) - _LUMA[0] * _LUMA / (_LUMA @ _LUMA)
_RED /= np.linalg.norm(_RED)
_ACROSS = np.cross(_LUMA / np.linalg.norm(_LUMA), _RED)
# Orange, green, cyan and magenta, with the same maximum.
_BORDERS = np.array(
    [
        [1, 0, -_LUMA[0] / _LUMA[2]],
        [-_LUMA[1] / (1 - _LUMA[1]), 1, -_LUMA[1] / (1 - _LUMA[1])],
        [-(1 - _LUMA[0]) / _LUMA[0], 1, 1],
        [1, -(1 - _LUMA[1]) / _LUMA[1], 1],
    ]
)


def make_planted(n_videos, folder, write_clip, *, n_frames, size, seed=0):
    """Write clips, and return their paths and a dict of their scores by tier."""
    rng = np.random.default_rng(seed)
    factors = draw_factors(n_videos, n_frames, rng)
    paths = []
    for i, row in enumerate(factors):
        frames = np.stack(list(draw_frames(row, n_frames, size, rng)))
        options = {"threads": "1", "x264-params": "mbtree=0"}
        path = folder / f"clip_{i:04d}.mp4"
        paths.append(write_clip(path, frames, rate=FRAME_RATE, options=options))
    noise = 0.02 * rng.standard_normal(n_videos)
    effects = standard_effects(factors, n_frames)
    return paths, {name: 0.65 + 0.1 * effect + noise for name, effect in effects.items()}


def draw_factors(n_videos, n_frames, rng):
    """Return speed, hue, forward share and border of each clip, independent of each other."""
    even = qmc.Halton(4, scramble=False).random(n_videos) + rng.uniform(size=4)
    speed, hue, forward, border = rng.permutation(even % 1).T
    n_turns = n_frames // _TURN
    return np.column_stack(
        [
            _FASTEST * speed,
            2 * np.pi * hue,
            np.floor((n_turns + 1) * forward) / n_turns,
            np.searchsorted(np.cumsum(_SHARES)[:-1], border, side="right"),
        ]
    )


def standard_effects(factors, n_frames):
    """Return what each tier can see, standardised by the distributions of the factors."""
    speed, hue, forward_share, border = factors.T
    n_turns = n_frames // _TURN
    surprise = -np.log(_SHARES)
    usual = _SHARES @ surprise
    return {
        "raw": (speed / _FASTEST - 0.5) * np.sqrt(12),
        # Twice the hue: the embedding of a clip keeps a trace of the hue itself.
        "scene": np.sqrt(2) * np.cos(2 * hue),
        "event": (forward_share - 0.5) * np.sqrt(12 * n_turns / (n_turns + 2)),
        "similarity": (surprise[border.astype(int)] - usual)
        / np.sqrt(_SHARES @ (surprise - usual) ** 2),
    }


def draw_frames(factors, n_frames, size, rng):
    """Yield the frames of one clip."""
    speed, hue, forward_share, border = factors
    hues = _hues(hue, forward_share, n_frames, rng)
    tints = _TINT * (np.outer(np.cos(hues), _RED) + np.outer(np.sin(hues), _ACROSS))
    waves = rng.integers(-_FINEST, _FINEST + 1, (_WAVES, 2))
    waves[~waves.any(axis=1)] = 1
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    angle = rng.uniform(0, 2 * np.pi)
    step = speed / FRAME_RATE * np.array([np.cos(angle), np.sin(angle)])
    base = rng.uniform(_DARKEST, _BRIGHTEST)
    places = np.stack(np.meshgrid(*2 * [np.arange(size) / size], indexing="ij"), axis=-1)
    picture = np.full((size, size, 3), _BORDER * _BORDERS[int(border)])
    inside = slice(size // 4, -(size // 4))
    for i, tint in enumerate(tints):
        ripples = np.sin(2 * np.pi * (places - i * step) @ waves.T + phases).sum(axis=-1)
        picture[inside, inside] = tint
        grey = base + _TEXTURE * np.sqrt(2 / _WAVES) * ripples
        yield np.clip(np.rint(grey[..., None] + picture), 0, 255).astype(np.uint8)


def _hues(hue, forward_share, n_frames, rng):
    """Return the hue of each frame: turns forwards, then turns back, and `hue` in the middle.

    Every turn starts at its own hue. Otherwise the first and last frames, which the padding of a
    network sets apart, would give away the middle one.
    """
    n_turns = n_frames // _TURN
    frames = np.arange(n_frames)
    turns = np.minimum(frames // _TURN, n_turns - 1)
    directions = np.where(np.arange(n_turns) < round(forward_share * n_turns), 1, -1)
    angles = directions[turns] * 2 * np.pi * frames / _TURN
    starts = rng.uniform(0, 2 * np.pi, n_turns)
    middle = n_frames // 2
    starts[turns[middle]] = hue - angles[middle]
    return starts[turns] + angles
