"""Windows of one video, described in one pass by workers that may die."""

import os
import subprocess
import sys
import time

import av
import numpy as np
import pytest
from torch import nn

from sklearn_m3s import ClipEncoder, FrameEncoder, RawPerception
from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.tiers import VideoTransformer, describe, describe_windows
from sklearn_m3s.video import ClipReader, FrameGeometry


def tiers(**settings):
    """Return a tier of each kind."""
    means = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    clips = nn.Sequential(nn.AdaptiveAvgPool3d((3, 1, 1)), nn.Flatten())
    return [
        RawPerception(frame_size=32, hog_cell=8, **settings),
        FrameEncoder(means, frame_size=32, n_frames=3, batch_size=2, version="1", **settings),
        ClipEncoder(clips, frame_size=32, n_frames=6, version="1", **settings),
    ]


def together(parts):
    """Return the spans, the matrix of each tier, and the places of the failures."""
    parts = list(parts)
    spans = np.concatenate([part[0] for part in parts])
    matrices = [np.concatenate(rows) for rows in zip(*(part[1] for part in parts), strict=True)]
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    failures = {
        start + i: error
        for start, part in zip(starts, parts, strict=False)
        for i, error in part[2].items()
    }
    return spans, matrices, failures


@pytest.fixture
def noise(rng):
    """Return four seconds of noise at 15 frames per second."""
    return rng.integers(0, 256, (60, 40, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_rows_are_those_of_the_slices(noise, n_jobs):
    parts = describe_windows(tiers(), noise, window=1, stride=0.2, n_jobs=n_jobs)
    spans, matrices, failures = together(parts)
    assert failures == {}
    np.testing.assert_allclose(spans[:, 0], 0.2 * np.arange(16))
    slices = [noise[3 * i : 3 * i + 15] for i in range(16)]
    for matrix, expected in zip(matrices, describe(tiers(), slices), strict=True):
        np.testing.assert_allclose(matrix, expected, rtol=1e-5, atol=1e-6)


def test_arrays_are_read_at_the_given_frame_rate(noise):
    spans, [rows], _ = together(
        describe_windows(tiers()[1:2], noise, window=1, stride=1, frame_rate=30)
    )
    assert spans.tolist() == [[0, 1], [1, 2]]
    [expected] = describe(tiers()[1:2], [noise[:30], noise[30:]])
    np.testing.assert_allclose(rows, expected, rtol=1e-5)


def test_a_file_is_sent_to_one_worker_once(tmp_path, noise, write_clip, monkeypatch):
    from sklearn_m3s.tiers._workers import Workers

    orders, stream = [], Workers.stream

    def count(self, function, video, *settings):
        orders.append(video)
        return stream(self, function, video, *settings)

    monkeypatch.setattr(Workers, "stream", count)
    path = write_clip(tmp_path / "clip.mp4", noise, rate=15)
    spans, matrices, _ = together(describe_windows(tiers(), path, window=1, stride=0.5))
    assert orders == [path]
    assert [len(matrix) for matrix in matrices] == [len(spans)] * 3 == [7] * 3
    assert np.isfinite(np.hstack(matrices)).all()


def test_nothing_is_put_into_the_cache(tmp_path, noise):
    parts = describe_windows(tiers(cache=tmp_path / "rows")[:1], noise, window=1, stride=1)
    assert len(together(parts)[0]) == 4
    assert not (tmp_path / "rows").exists()


def level(action, **shared):
    """Return a tier of the mean grey of a window, which calls a function above 100."""

    class Reader(ClipReader):
        def value(self):
            grey = super().value().mean()
            if grey > 100:
                action()
            return np.array([grey])

    class Level(VideoTransformer):
        def _reader(self):
            return Reader(1, FrameGeometry.square(16))

    return Level(**shared)


@pytest.fixture
def steps():
    """Return six seconds, each 30 grey levels lighter than the last."""
    levels = np.repeat(np.arange(6, dtype=np.uint8) * 30, 15)
    return np.broadcast_to(levels[:, None, None, None], (90, 16, 16, 3)).copy()


def test_an_error_loses_only_its_windows(steps):
    def fail():
        raise ValueError("too light")

    _, [rows], failures = together(describe_windows([level(fail)], steps, window=1, stride=1))
    assert rows[:4].ravel().tolist() == [0, 30, 60, 90]
    assert np.isnan(rows[4:]).all()
    assert sorted(failures) == [4, 5]
    assert "too light" in str(failures[4])


@pytest.mark.parametrize("how", ["crash", "hang"])
@pytest.mark.parametrize(("n_jobs", "lost"), [(1, [4, 5]), (2, [4, 5])])
def test_a_crash_loses_the_windows_from_there_on(steps, how, n_jobs, lost):
    action = {"crash": os.abort, "hang": lambda: time.sleep(1000)}[how]
    tier = level(action, timeout=3)
    parts = describe_windows([tier], steps, window=1, stride=1, n_jobs=n_jobs)
    _, [rows], failures = together(parts)
    assert rows[:4].ravel().tolist() == [0, 30, 60, 90]
    assert sorted(failures) == lost
    expected = {"crash": "ended the worker process", "hang": "took longer than timeout=3"}
    assert expected[how] in str(failures[4])


def test_the_timeout_applies_to_each_window(steps):
    tier = level(lambda: time.sleep(0.7), timeout=1.2)
    _, [rows], failures = together(describe_windows([tier], steps, window=1, stride=0.5))
    assert failures == {}
    assert np.count_nonzero(rows > 100) > 2  # more than the timeout in all


def test_reading_stops_when_no_more_windows_are_taken(noise):
    parts = describe_windows(tiers(), noise, window=1, stride=0.1)
    assert len(next(parts)[0]) == 16
    parts.close()
    assert len(together(describe_windows(tiers(), noise, window=1, stride=0.1))[0]) == 31


def test_warnings_of_the_worker_are_issued_here(steps):
    def warn():
        import warnings

        warnings.warn("light", M3SWarning, stacklevel=2)

    with pytest.warns(M3SWarning, match="light"):
        together(describe_windows([level(warn)], steps, window=1, stride=1))


def test_a_missing_file_is_an_error():
    with pytest.raises(VideoError, match="does not exist"):
        together(describe_windows(tiers(), "missing.mp4", window=1, stride=1))


def test_tiers_need_one_decoder(noise):
    mixed = [tiers()[0], tiers(decoder="decord")[1]]
    with pytest.raises(ValueError, match="decoders"):
        together(describe_windows(mixed, noise, window=1, stride=1))


PROGRAM = """
import sys
from pathlib import Path
from torch import nn
from sklearn_m3s import ClipEncoder, RawPerception
from sklearn_m3s.tiers import describe_windows

def peak():
    "Return the most memory in MB that this process and its worker have had."
    pids = ["self"]
    for task in Path("/proc/self/task").iterdir():
        pids += (task / "children").read_text().split()
    lines = [l for p in pids for l in Path(f"/proc/{p}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

def describe(path):
    network = nn.Sequential(nn.AdaptiveAvgPool3d((3, 1, 1)), nn.Flatten())
    tiers = [
        RawPerception(descriptors=["brightness", "h264_bytes"], frame_size=64),
        ClipEncoder(network, frame_size=64, n_frames=8, version="1"),
    ]
    return sum(len(spans) for spans, _, _ in describe_windows(tiers, path, window=10, stride=5))

describe(sys.argv[1])
before = peak()
print(describe(sys.argv[2]), peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    "minutes", [20, pytest.param(120, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_long_video_needs_no_more_memory(tmp_path, rng, minutes):
    pictures = rng.integers(0, 256, (5, 48, 64, 3), dtype=np.uint8)
    paths = []
    for seconds in (300, 60 * minutes):  # the first fills some batches
        paths.append(str(tmp_path / f"{seconds}.mp4"))
        with av.open(paths[-1], "w") as container:
            stream = container.add_stream("libx264", rate=2, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for i in range(2 * seconds):
                frame = av.VideoFrame.from_ndarray(pictures[i % 5], format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    n_windows, megabytes = done.stdout.split()
    assert int(n_windows) == 12 * minutes - 1
    # All clips of two hours are 140 MB, and of 20 minutes 23 MB.
    assert float(megabytes) < (40 if minutes > 60 else 20)
