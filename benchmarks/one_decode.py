"""`TierUnion`, which decodes each file once for all tiers, against a pass over it for each tier.

    python benchmarks/one_decode.py [--clips 8] [--seconds 3] [--repeats 3]

The baseline is scikit-learn's `FeatureUnion` of the same three tiers. A network that takes no time
replaces the real ones, so only reading and the raw tier are compared. The two take turns. Prints
the least seconds per clip, and the ratio.
"""

import argparse
import tempfile
import time

import numpy as np
from sklearn.pipeline import FeatureUnion

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.tiers import TierUnion


class Scene(SceneParsing):
    """Reads as SceneParsing does, and computes nothing."""

    def _embedder(self, n_videos):
        return lambda clips: np.zeros((len(clips), 720), np.float32)


class Event(EventUnderstanding):
    """Reads as EventUnderstanding does, and computes nothing."""

    def _embedder(self, n_videos):
        return lambda clips: np.zeros((len(clips), 2048), np.float32)


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
            deep = [("scene", Scene(weights=None)), ("event", Event(weights=None))]
            branches = [("raw", tier), *deep]
            times = {FeatureUnion: [], TierUnion: []}
            for _ in range(args.repeats):
                for union, taken in times.items():
                    start = time.perf_counter()
                    union(branches).fit_transform(videos)
                    taken.append(time.perf_counter() - start)
            apart, together = (min(taken) / args.clips for taken in times.values())
            print(
                f"raw tier with {name}: {apart:.3f} s per clip in three passes, {together:.3f} s "
                f"in one, {apart / together:.2f} times as fast"
            )


if __name__ == "__main__":
    main()
