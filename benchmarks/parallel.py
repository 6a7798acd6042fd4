"""The raw tier with several worker processes against one, and the cost of each tier per clip.

    python benchmarks/parallel.py [--clips 24] [--repeats 3] [--n-jobs 2] [--no-deep]

Draws clips of 3 s at 256 x 256. `RawPerception` describes them with one process, the baseline, and
with `--n-jobs` processes, in turn. Prints seconds by the clock and their ratio, and the processor
seconds of all processes. Other programs disturb clock times more, so the load is printed as well.
Processor time outside the thread that describes a clip belongs to threads of libraries, and should
be close to 0.

Then prints the processor seconds of each tier per clip, and the size of a row in the cache. The
networks are untrained and run by torch.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
import warnings
from copy import deepcopy
from pathlib import Path

import cv2
import joblib
import numpy as np

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.tiers import _describe
from sklearn_m3s.video import FrameReader, read_video

SECONDS = 3


class TimedReader(FrameReader):
    """A reader that returns what its video took: seconds of the process and of the thread."""

    def __setstate__(self, state):  # in the copy that is made before a video is opened
        vars(self).update(state)
        self.start = time.process_time(), time.thread_time()

    def value(self):
        super().value()
        return np.subtract((time.process_time(), time.thread_time()), self.start)


class Timed(RawPerception):
    """The tier, with the time of its work in place of the numbers."""

    def _reader(self):
        reader = super()._reader()
        return TimedReader(reader.meters, frame_rate=reader.frame_rate, frame_size=self.frame_size)

    def _reduction(self):
        return None


def scaling(videos, n_jobs, repeats):
    """Print the table of the raw tier."""
    start = time.perf_counter()
    Timed(n_jobs=n_jobs).fit_transform(videos[:n_jobs])
    print(f"{n_jobs} workers start in {time.perf_counter() - start:.1f} s")
    clock, processor, elsewhere = ({1: [], n_jobs: []} for _ in range(3))
    for _ in range(repeats):
        for n in clock:
            start, used = time.perf_counter(), time.process_time()
            process, thread = Timed(n_jobs=n).fit_transform(videos).mean(axis=0)
            clock[n].append((time.perf_counter() - start) / len(videos))
            processor[n].append((time.process_time() - used) / len(videos) + process)
            elsewhere[n].append(process - thread)
    print(f"{'n_jobs':>8} {'s/clip':>9} {'times':>6} {'CPU s/clip':>13} {'other threads':>14}")
    for n, seconds in clock.items():
        ratio = statistics.median(a / b for a, b in zip(clock[1], seconds, strict=True))
        print(
            f"{n:8} {statistics.median(seconds):9.3f} {ratio:6.2f} "
            f"{statistics.median(processor[n]):13.3f} {statistics.median(elsewhere[n]):14.3f}"
        )
    share = statistics.median(processor[1]) / statistics.median(processor[n_jobs])
    print(f"by processor time, {n_jobs} idle cores would do {n_jobs * share:.2f} times as much")


def costs(videos, deep):
    """Print processor seconds and bytes a clip, by each tier."""
    # Files are read in this process, since only its time is measured.
    _describe._read = lambda task, decoder, **_: (read_video(*deepcopy(task), decoder=decoder), [])
    tiers = [RawPerception()]
    if deep:
        import torch

        torch.set_num_threads(1)
        untrained = {"weights": None, "device": "cpu", "engine": "torch"}
        tiers += [SceneParsing(**untrained), EventUnderstanding(**untrained)]
    print(f"{'tier':>20} {'CPU s per clip':>15} {'columns kept':>13} {'bytes':>8} {'on disk':>8}")
    for tier in tiers:
        with tempfile.TemporaryDirectory() as cache, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the networks are untrained
            tier.fit_transform(videos[:1])
            tier.set_params(cache=cache)
            start = time.process_time()
            tier.fit_transform(videos)
            seconds = (time.process_time() - start) / len(videos)
            status = next(Path(cache).rglob("*.npy")).stat()
        print(
            f"{type(tier).__name__:>20} {seconds:15.3f} {tier._n_described():13} "
            f"{status.st_size:8} {512 * status.st_blocks:8}"
        )


def main():
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--no-deep", action="store_true", help="leave out the networks")
    options = parser.parse_args()
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{joblib.cpu_count()} cores, load {load} (1, 5, 15 min), {platform.machine()}")
    print(f"joblib {joblib.__version__}, OpenCV {cv2.__version__}, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        shape = {"duration": SECONDS, "frame_size": 256}
        drawn = make_videos(options.clips, folder, random_state=0, **shape)
        scaling(drawn.videos, options.n_jobs, options.repeats)
        costs(drawn.videos[:2], deep=not options.no_deep)


if __name__ == "__main__":
    main()
