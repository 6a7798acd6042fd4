"""Every frame counts for as long as it is shown, whatever the frame rate."""

import copy
from functools import partial

import cv2
import numpy as np
import pytest

from sklearn_m3s.descriptors import (
    FlowOverTime,
    MeanOverTime,
    blurriness,
    brightness,
    contrast,
    hog,
)
from sklearn_m3s.video import FrameReader, read_clip, read_video

LOSSLESS = {"qp": "0"}


class Seconds:
    """A meter that keeps for how long each frame counts."""

    def __init__(self):
        self.seconds = []

    def add(self, frames, times, seconds):
        self.seconds.extend(seconds)

    def value(self):
        return np.array(self.seconds)


def counted(path, frame_rate=15):
    """Return for how long each sampled frame counts."""
    [seconds] = read_video(path, [FrameReader([Seconds()], frame_rate=frame_rate, frame_size=16)])
    return seconds


@pytest.fixture
def pictures(rng):
    """Return five textures of 48 x 64, each blurrier than the one before."""
    noise = rng.integers(0, 256, (5, 48, 64, 3), dtype=np.uint8)
    return np.stack([cv2.GaussianBlur(image, (0, 0), 0.7 + i) for i, image in enumerate(noise)])


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(
    "descriptor",
    [
        MeanOverTime(contrast),
        MeanOverTime(brightness),
        MeanOverTime(blurriness),
        MeanOverTime(partial(hog, cell_size=8)),
        FlowOverTime(),
    ],
    ids=["contrast", "brightness", "blurriness", "hog", "flow"],
)
def test_a_file_without_repeated_frames_equals_the_file_with_them(
    tmp_path, pictures, write_clip, suffix, descriptor
):
    ticks, shown = [0, 3, 6, 50, 147], [3, 3, 44, 97, 1]
    options = {"rate": 15, "options": LOSSLESS}
    short = write_clip(tmp_path / f"vfr{suffix}", pictures, ticks=ticks, **options)
    whole = write_clip(tmp_path / f"cfr{suffix}", pictures.repeat(shown, axis=0), **options)
    actual, expected = (
        read_video(path, [FrameReader([copy.deepcopy(descriptor)], frame_size=48)])[0]
        for path in (short, whole)
    )
    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4", ".ts"])
@pytest.mark.parametrize("rate", [6, 12, 15, 24, 30, 60])
def test_frames_of_a_constant_rate_count_alike(tmp_path, draw, write_clip, suffix, rate):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    options = {"b": "4M"} if suffix == ".avi" else None
    path = write_clip(tmp_path / f"c{suffix}", draw(40), rate=rate, codec=codec, options=options)
    seconds = counted(path)
    np.testing.assert_allclose(seconds, seconds[0], rtol=1e-6)
    assert seconds[0] == pytest.approx(max(1 / rate, 1 / 15), abs=1e-3)


def test_frames_of_an_array_count_alike(draw):
    np.testing.assert_allclose(counted(draw(40), frame_rate=7), np.full(40, 1 / 7))


def test_sampled_frames_stand_for_those_between_them(tmp_path, draw, write_clip):
    ticks = [*range(60), 120, 121]  # a second at 60 frames per second, one of a single frame
    path = write_clip(tmp_path / "burst.mp4", draw(62), rate=60, ticks=ticks)
    seconds = counted(path)
    assert len(seconds) == 17
    assert seconds[:15].sum() == pytest.approx(1, abs=0.05)
    assert seconds[15] == pytest.approx(61 / 60, abs=0.05)


def test_almost_simultaneous_frames_hardly_count(tmp_path, draw, write_clip):
    ticks = [0, 1000, 1002, 2000, 2002, 3000]
    path = write_clip(tmp_path / "stutter.mp4", draw(6), rate=1000, ticks=ticks)
    np.testing.assert_allclose(counted(path)[:5], [1, 0.002, 0.998, 0.002, 0.998], atol=2e-3)


def write_gif(path, levels, hundredths):
    """Write grey frames, each with its own time on the screen."""
    size = (8).to_bytes(2, "little") * 2
    table = bytes(level for grey in range(256) for level in [grey] * 3)
    content = b"GIF89a" + size + b"\xf7\0\0" + table
    for level, delay in zip(levels, hundredths, strict=True):
        # Each pixel is a code of nine bits, after a code that empties the decoder's memory.
        codes = [code for _ in range(64) for code in (256, level)] + [257]
        bits = sum(code << 9 * i for i, code in enumerate(codes))
        data = bits.to_bytes((9 * len(codes) + 7) // 8, "little")
        content += b"!\xf9\x04\0" + delay.to_bytes(2, "little") + b"\0\0"
        content += b"," + bytes(4) + size + b"\0\x08"
        for start in range(0, len(data), 255):
            content += bytes([len(data[start : start + 255])]) + data[start : start + 255]
        content += b"\0"
    path.write_bytes(content + b";")
    return str(path)


def test_the_last_frame_of_a_gif_counts_for_as_long_as_it_is_held(tmp_path):
    path = write_gif(tmp_path / "held.gif", [20, 60, 220], [10, 10, 980])
    assert (read_clip(path, n_frames=1, frame_size=8) == 220).all()
    readers = [FrameReader([MeanOverTime(brightness)], frame_size=8)]
    assert read_video(path, readers)[0] == pytest.approx(20 * 0.01 + 60 * 0.01 + 220 * 0.98)
