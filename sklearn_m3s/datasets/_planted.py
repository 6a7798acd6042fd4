"""Clips with a factor for each tier of the model to see, one of which makes the score."""

import numpy as np
from scipy.stats import qmc

FACTORS = ("motion", "hue", "forward_share", "kind")
KINDS = ("orange", "green", "cyan", "magenta")
PLANTED = ("raw", "scene", "event", "similarity")
_SHARES = np.array([0.4, 0.3, 0.2, 0.1])
_FASTEST = 0.5
_TURN = 5  # frames in which the tint of the picture goes round
_WAVES, _FINEST = 6, 4
_TEXTURE, _TINT, _BORDER = 8, 100, 40
_DARKEST, _BRIGHTEST = 120, 136

_LUMA = np.array([0.299, 0.587, 0.114])
# Colours to add to a grey. None changes the luma: the reddest there is, the one at right angles
# to it, and those of the borders, which have the same maximum, the value of HSV, as well.
_RED = np.array([1, 0, 0]) - _LUMA[0] * _LUMA / (_LUMA @ _LUMA)
_RED /= np.linalg.norm(_RED)
_ACROSS = np.cross(_LUMA / np.linalg.norm(_LUMA), _RED)
_KIND_COLOURS = np.array(
    [
        [1, 0, -_LUMA[0] / _LUMA[2]],
        [-_LUMA[1] / (1 - _LUMA[1]), 1, -_LUMA[1] / (1 - _LUMA[1])],
        [-(1 - _LUMA[0]) / _LUMA[0], 1, 1],
        [1, -(1 - _LUMA[1]) / _LUMA[1], 1],
    ]
)


def draw_factors(n_videos, n_frames, rng):
    """Return the factors of each clip, of shape (n_videos, 4)."""
    # Spread evenly, so that in few clips too the factors have nothing to do with each other.
    even = qmc.Halton(len(FACTORS), scramble=False).random(n_videos) + rng.uniform(size=4)
    motion, hue, forward, kind = rng.permutation(even % 1).T
    n_turns = _n_turns(n_frames)
    return np.column_stack(
        [
            _FASTEST * motion,
            2 * np.pi * hue,
            np.floor((n_turns + 1) * forward) / n_turns,
            np.searchsorted(np.cumsum(_SHARES)[:-1], kind, side="right"),
        ]
    )


def score(factors, planted, n_frames):
    """Return the scores, without noise, of clips whose effect is planted for one tier."""
    motion, hue, forward_share, kind = factors.T
    n_turns = _n_turns(n_frames)
    surprise = -np.log(_SHARES)
    usual = _SHARES @ surprise
    # Means and standard deviations are those of the distributions that the factors come from.
    effect = {
        "raw": (motion / _FASTEST - 0.5) * np.sqrt(12),
        # Twice the hue: of the hue itself, the embedding of a clip keeps a trace.
        "scene": np.sqrt(2) * np.cos(2 * hue),
        "event": (forward_share - 0.5) * np.sqrt(12 * n_turns / (n_turns + 2)),
        "similarity": (surprise[kind.astype(int)] - usual)
        / np.sqrt(_SHARES @ (surprise - usual) ** 2),
    }
    return 0.65 + 0.1 * effect[planted]


def draw(factors, n_frames, size, rng, frame_rate):
    """Yield the frames of one clip."""
    motion, hue, forward_share, kind = factors
    hues = _hues(hue, forward_share, n_frames, rng)
    tints = _TINT * (np.outer(np.cos(hues), _RED) + np.outer(np.sin(hues), _ACROSS))
    waves = rng.integers(-_FINEST, _FINEST + 1, (_WAVES, 2))
    waves[~waves.any(axis=1)] = 1
    phases = rng.uniform(0, 2 * np.pi, _WAVES)
    angle = rng.uniform(0, 2 * np.pi)
    step = motion / frame_rate * np.array([np.cos(angle), np.sin(angle)])
    base = rng.uniform(_DARKEST, _BRIGHTEST)
    places = np.stack(np.meshgrid(*2 * [np.arange(size) / size], indexing="ij"), axis=-1)
    picture = np.full((size, size, 3), _BORDER * _KIND_COLOURS[int(kind)])
    inside = slice(size // 4, -(size // 4))
    for i, tint in enumerate(tints):
        ripples = np.sin(2 * np.pi * (places - i * step) @ waves.T + phases).sum(axis=-1)
        picture[inside, inside] = tint
        grey = base + _TEXTURE * np.sqrt(2 / _WAVES) * ripples
        yield np.clip(np.rint(grey[..., None] + picture), 0, 255).astype(np.uint8)


def _hues(hue, forward_share, n_frames, rng):
    """Return the hue of each frame: turns forwards, then turns back, and `hue` in the middle.

    Every turn starts at a hue of its own: else those of the first and last frames, which the
    padding of a network sets apart, would give away the middle one.
    """
    n_turns = _n_turns(n_frames)
    frames = np.arange(n_frames)
    turns = np.minimum(frames // _TURN, n_turns - 1)
    directions = np.where(np.arange(n_turns) < round(forward_share * n_turns), 1, -1)
    angles = directions[turns] * 2 * np.pi * frames / _TURN
    starts = rng.uniform(0, 2 * np.pi, n_turns)
    middle = n_frames // 2
    starts[turns[middle]] = hue - angles[middle]
    return starts[turns] + angles


def _n_turns(n_frames):
    return max(1, n_frames // _TURN)
