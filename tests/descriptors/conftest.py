"""Real frames and their published descriptors, if the reference data is present."""

import av
import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

WINDOW, STEP = 45, 8  # three seconds; this step makes 63 windows of the five clips


def _decode(path, wanted):
    kept = {}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                image = frame.to_ndarray(format="rgb24")
                kept[index] = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
    return np.stack([kept[index] for index in sorted(wanted)])


@pytest.fixture(scope="session")
def golden(reference):
    """Return the reference descriptors by clip and name."""
    with np.load(reference("golden/descriptors.npz")) as arrays:
        by_clip = {}
        for key in arrays:
            clip, name = key.split("/")
            by_clip.setdefault(clip, {})[name] = arrays[key]
    return by_clip


@pytest.fixture(scope="session")
def clips(golden, reference):
    """Return the frames that the reference descriptors describe, by clip."""
    return {
        clip: _decode(reference(f"clips/{clip}"), set(entry["frames"].tolist()))
        for clip, entry in golden.items()
    }


def _window_means(series):
    """Return the means of the windows. A series of pairs is one shorter than its frames."""
    return np.concatenate(
        [
            [values[start : start + length].mean() for start in range(0, last + 1, STEP)]
            for values, length, last in series
        ]
    )


@pytest.fixture(scope="session")
def rank_agreement(golden, clips):
    """Return a function from a descriptor to its Spearman with a reference over the windows."""

    def correlate(describe, name):
        ours, theirs = [], []
        for clip, frames in clips.items():
            expected = golden[clip][name]
            length = WINDOW - (len(frames) - len(expected))
            last = len(frames) - WINDOW
            ours.append((describe(frames), length, last))
            theirs.append((expected, length, last))
        ours, theirs = _window_means(ours), _window_means(theirs)
        assert len(ours) == 63
        return spearmanr(ours, theirs)[0]

    return correlate
