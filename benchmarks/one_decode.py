"""One pass over each file for all tiers, against a pass for each tier.

    python benchmarks/one_decode.py [--clips 8] [--seconds 3] [--repeats 3]

The networks are replaced by one that takes no time, so that what is read and decoded is all that is
compared. Prints seconds a clip, at best of turns that follow each other, and the ratio.
"""

import argparse
import tempfile
import time

import numpy as np
from sklearn.pipeline import FeatureUnion

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.tiers import TierUnion


class _NoNetwork:
    def _settings(self):
        return {"n_frames": self.n_frames, "frame_size": self.frame_size}

    def _finisher(self):
        return lambda clips: [np.zeros(self._width, np.float32) for _ in clips]


class Scene(_NoNetwork, SceneParsing):
    """Reads as SceneParsing does."""


class Event(_NoNetwork, EventUnderstanding):
    """Reads as EventUnderstanding does."""


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    raw = {
        "all descriptors": RawPerception(),
        "contrast only": RawPerception(descriptors=["contrast"]),
    }
    with tempfile.TemporaryDirectory() as folder:
        size = {"duration": args.seconds, "frame_size": 640}
        videos = make_videos(args.clips, folder, random_state=0, **size).videos
        for name, tier in raw.items():
            branches = [("raw", tier), ("scene", Scene()), ("event", Event())]
            times = {FeatureUnion: [], TierUnion: []}
            for _ in range(args.repeats):
                for union, taken in times.items():
                    start = time.perf_counter()
                    union(branches).fit_transform(videos)
                    taken.append(time.perf_counter() - start)
            apart, together = (min(taken) / args.clips for taken in times.values())
            print(
                f"raw tier with {name}: a pass for each tier {apart:.3f} s a clip, one pass "
                f"{together:.3f} s, {apart / together:.2f} times as fast"
            )


if __name__ == "__main__":
    main()
