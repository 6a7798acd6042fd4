"""Describing very many videos leaves nothing behind."""

import contextlib
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from sklearn_m3s import ClipEncoder, FrameEncoder, RawPerception
from sklearn_m3s.tiers import TierUnion

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]
N_VIDEOS = 2000
N_BEFORE = 200  # until everything is imported, started and warm


def raw(**settings):
    return RawPerception(frame_size=32, hog_components=2, **settings)


def frames(**settings):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return FrameEncoder(network, frame_size=32, engine="torch", version="1", **settings)


def clips(**settings):
    network = nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    return ClipEncoder(network, n_frames=4, frame_size=32, engine="torch", version="1", **settings)


def union(**settings):
    return TierUnion([(make.__name__, make(**settings)) for make in (raw, frames, clips)])


@pytest.fixture(scope="module")
def videos(tmp_path_factory, draw, write_clip):
    """Return files with different content. Every hundredth is damaged."""
    folder = tmp_path_factory.mktemp("videos")
    content = Path(write_clip(folder / "a.mp4", draw(6, 32, 32), rate=15)).read_bytes()
    paths = [folder / f"{i}.mp4" for i in range(N_VIDEOS)]
    for i, path in enumerate(paths):
        box = struct.pack(">I4sI", 12, b"free", i)
        path.write_bytes(content + box if i % 100 else content[:200] + box)
    return paths


def processes():
    """Return the folders in /proc of this process and its children."""
    pids = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            pids += (task / "children").read_text().split()
    return [Path("/proc/self"), *(Path("/proc") / pid for pid in pids)]


def used():
    """Return what this process and its workers hold."""
    folders = processes()
    lines = [line.split() for one in folders for line in (one / "status").read_text().splitlines()]
    return {
        "processes": len(folders),
        "threads": sum(int(line[1]) for line in lines if line[0] == "Threads:"),
        "descriptors": sum(len(list((one / "fd").iterdir())) for one in folders),
        "megabytes": sum(int(line[1]) for line in lines if line[0] == "VmRSS:") / 1024,
    }


@pytest.mark.filterwarnings("ignore:.*could not be described", "ignore:hog_components")
@pytest.mark.parametrize("make", [raw, frames, clips, union])
def test_two_thousand_videos_leave_nothing_behind(make, videos, tmp_path):
    tier = make(cache=tmp_path, n_jobs=2, on_error="nan").fit(videos[:N_BEFORE])
    tier.transform(videos[:N_BEFORE])
    time.sleep(1)
    before = used()
    rows = tier.transform(videos)
    time.sleep(1)  # until timers have ended
    after = used()
    assert np.isnan(rows).any(axis=1).sum() == N_VIDEOS // 100
    for kind in ("processes", "threads", "descriptors"):
        assert after[kind] <= before[kind], kind
    # Libraries free some memory late. This is less than FFmpeg needs to open a file.
    assert after["megabytes"] < before["megabytes"] + N_VIDEOS * 0.05
