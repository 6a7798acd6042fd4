"""`descriptors.flow` against OpenCV's TV-L1 at its defaults, the baseline.

    python benchmarks/flow.py

Prints milliseconds per pair of 256 x 256 frames, with one thread of OpenCV, and the speed-up of
each method. `descriptors.py` has the agreement of each with the baseline on real clips.
"""

import platform
import time
from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from sklearn_m3s.descriptors import flow

N_PAIRS = 4


def drifting_texture(n_pairs):
    """Return frames of a smooth texture that moves by three pixels per frame."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    texture = cv2.resize(texture, (256, 256), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(texture, 3 * i, axis=1) for i in range(n_pairs + 1)])


def opencv_default(frames):
    """Return the mean magnitude of OpenCV's default TV-L1 for each pair."""
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    fields = [solver.calc(before, after, None) for before, after in pairwise(greys)]
    return np.array([np.hypot(*np.moveaxis(field, -1, 0)).mean() for field in fields])


def milliseconds(function, frames):
    """Return the time per pair, the best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function(frames)
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / (len(frames) - 1)


def main():
    """Print the table."""
    cv2.setNumThreads(1)
    frames = drifting_texture(N_PAIRS)
    theirs = milliseconds(opencv_default, frames)
    print(f"OpenCV {cv2.__version__}, NumPy {np.__version__}, {platform.machine()}")
    print(f"opencv default  {theirs:8.1f} ms per pair")
    for method in ("tvl1", "dis", "farneback"):
        ours = milliseconds(partial(flow, method=method), frames)
        print(f"flow={method:10} {ours:8.1f} ms per pair, {theirs / ours:6.0f} times as fast")


if __name__ == "__main__":
    main()
