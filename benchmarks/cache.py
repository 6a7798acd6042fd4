"""The feature cache: passes over cached videos, against a SHA-256 of every file.

    python benchmarks/cache.py [--videos 2000] [--size 0.5] [--folder /tmp]

The baseline reads and hashes all files. A cache that remembers no digests would do that in every
pass. The script writes files of random bytes (1 GB by default, removed at the end), and describes
them by a tier that reads no video. So only the cache is timed. All files stay in the system's file
cache. Prints seconds for 10,000 videos, by the clock and of processor time, and the ratio of clock
times to the baseline. Passes that can be repeated are timed three times, and the best counts. In a
pass of the "next process", digests come from the records in the cache.
"""

import argparse
import hashlib
import os
import platform
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from sklearn_m3s.cache import FeatureCache, _digests, cache_info
from sklearn_m3s.tiers import VideoTransformer, _describe

WIDTHS = {"RawPerception": 8105, "SceneParsing": 720, "EventUnderstanding": 2048}
SETTLED = 10  # seconds after a change, in which a file is still read again


class Stub(VideoTransformer):
    """A tier that takes no time: it returns a vector of zeros for each video."""

    def __init__(self, *, width=1, **shared):
        super().__init__(**shared)
        self.width = width

    def _n_described(self):
        return self.width

    def _reader(self):
        return np.zeros(self.width, dtype=np.float32)


_describe._read = lambda task, **settings: (task[1], [])  # no frame is decoded


def seconds(function, repeats=3, before=None):
    """Return the least clock and processor seconds of some calls."""
    times = []
    for _ in range(repeats):
        if before:
            before()
        start = time.perf_counter(), time.process_time()
        function()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return np.min(times, axis=0)


def measure(paths, folder):
    """Yield the name of each pass and its seconds, the baseline first."""
    cache = FeatureCache(folder, "Stub", {})
    next_process = _digests._known.clear

    def clear():
        next_process()
        shutil.rmtree(folder, ignore_errors=True)

    def keys():
        for path in paths:
            cache.key(path)

    yield "baseline: SHA-256 of every file", seconds(partial(hash_all, paths))
    yield "keys, no digest known", seconds(keys, before=clear)
    yield "keys, all digests known", seconds(keys)
    yield "keys, all digests known, next process", seconds(keys, before=next_process)
    for name, width in WIDTHS.items():
        plain = Stub(width=width).fit(paths)
        tier = Stub(width=width, cache=folder).fit(paths)
        bare = seconds(partial(plain.transform, paths))
        first = seconds(partial(tier.transform, paths), repeats=1)
        again = partial(tier.transform, paths)
        yield f"{name}, {width} numbers: storing them", first - bare
        yield f"{name}: loaded by the next process", seconds(again, before=next_process)
        yield f"{name}: loaded again", seconds(again)
    yield "cache_info of all this", seconds(partial(cache_info, folder))


def write_videos(folder, n_videos, size):
    """Write files that differ, wait until their digests are remembered, and return their paths."""
    block = os.urandom(int(size * 1e6))
    paths = [folder / f"{i}.mp4" for i in range(n_videos)]
    for i, path in enumerate(paths):
        path.write_bytes(i.to_bytes(8, "little") + block[8:])
    time.sleep(SETTLED + 1)
    return paths


def hash_all(paths):
    """Hash every file."""
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--size", type=float, default=0.5, help="megabytes per file")
    parser.add_argument("--folder", help="where to write; by default that of temporary files")
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}")
    print(f"{os.cpu_count()} cores, {args.videos} files of {args.size} MB\n")
    print(f"{'seconds for 10,000 videos':50} {'clock':>8} {'processor':>10} {'ratio':>8}")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        root = Path(folder)
        paths = write_videos(root, args.videos, args.size)
        baseline = None
        for name, times in measure(paths, root / "features"):
            clock, processor = times * 10_000 / args.videos
            baseline = baseline or clock
            print(f"{name:50} {clock:8.2f} {processor:10.2f} {clock / baseline:8.3f}", flush=True)


if __name__ == "__main__":
    main()
