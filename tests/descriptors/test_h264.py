import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from sklearn_m3s._x264 import x264_options
from sklearn_m3s.descriptors import H264Meter, _h264, h264_bytes
from sklearn_m3s.exceptions import M3SError


@pytest.fixture
def noise(rng):
    """Return ten frames that compress badly."""
    return rng.integers(0, 256, (10, 32, 48, 3), dtype=np.uint8)


def written_size(frames, **options):
    """Return the size of a file that libx264 writes at 15 frames per second."""
    stored = io.BytesIO()
    with av.open(stored, "w", format="h264") as container:
        options = {"threads": "1", **options}
        stream = container.add_stream("libx264", rate=Fraction(15), options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return len(stored.getvalue())


@pytest.mark.parametrize(("width", "trees"), [(128, ""), (48, ":mbtree=0")])
def test_size_is_that_of_the_written_stream(rng, width, trees):
    noise = rng.integers(0, 256, (10, 32, width, 3), dtype=np.uint8)
    options = {"preset": "veryfast", "crf": "23"}
    options["x264-params"] = f"partitions=none:me=dia:subme=1{trees}"
    assert h264_bytes(noise) == written_size(noise, **options)


def test_the_look_ahead_by_trees_is_off_where_rows_do_not_fill_its_blocks():
    given = {"x264-params": "subme=1"}
    assert x264_options(64, {}) == x264_options(200, {}) == {"x264-params": "mbtree=0"}
    assert x264_options(64, given) == {"x264-params": "subme=1:mbtree=0"}
    assert x264_options(128, {}) == {}
    assert x264_options(256, given) == given


def test_size_does_not_depend_on_the_blocks(noise):
    meter = H264Meter()
    for block in (noise[:1], noise[1:4], noise[4:]):
        meter.add(block)
    assert meter.value() == h264_bytes(noise)


def test_the_value_can_be_read_twice(noise):
    meter = H264Meter()
    meter.add(noise)
    assert meter.value() == meter.value() > 1000


def test_frames_after_the_value_are_an_error(noise):
    meter = H264Meter()
    meter.value()
    with pytest.raises(ValueError, match=r"value\(\) has ended this stream.*a new H264Meter"):
        meter.add(noise)


def test_a_moving_video_is_larger_than_a_still(noise):
    still = np.repeat(noise[:1], len(noise), axis=0)
    assert h264_bytes(noise[:1]) < h264_bytes(still) < h264_bytes(noise) / 3


def test_odd_sides_are_made_even_by_repeating_the_border(noise):
    odd = noise[:, :31, :47]
    padded = np.pad(odd, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    assert h264_bytes(odd) == h264_bytes(padded)


@pytest.mark.parametrize("side", [32, 48, 64, 96, 128])
def test_equal_frames_have_equal_sizes_whatever_the_memory_held(side, rng):
    texture = cv2.resize(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), (side, side))
    frames = np.stack([np.roll(texture, 2 * i, axis=1) for i in range(20)])
    sizes = set()
    for _ in range(8):
        sizes.add(h264_bytes(frames))
        h264_bytes(rng.integers(0, 256, (6, side, side, 3), dtype=np.uint8))  # leaves traces
    assert len(sizes) == 1


@pytest.mark.parametrize("frame_rate", [30000 / 1001, 0.5, np.float32(12.5), 60])
def test_any_positive_frame_rate_is_accepted(noise, frame_rate):
    assert h264_bytes(noise, frame_rate=frame_rate) > 1000


def test_a_meter_without_frames_counts_nothing():
    assert H264Meter().value() == 0


def test_frames_of_another_size_are_an_error(noise):
    meter = H264Meter()
    meter.add(noise[:, :, :32])
    with pytest.raises(
        ValueError, match=r"\(32, 32\) of the earlier ones, got the shape \(10, 32, 48"
    ):
        meter.add(noise)


@pytest.mark.parametrize("frame_rate", [0, -15, "15"])
def test_an_impossible_frame_rate_is_an_error_that_names_it(noise, frame_rate):
    with pytest.raises(ValueError, match="'frame_rate' parameter"):
        h264_bytes(noise, frame_rate=frame_rate)


def test_a_missing_encoder_is_an_error_with_the_cure(monkeypatch, noise):
    monkeypatch.setattr(_h264, "_ENCODER", "no_such_encoder")
    with pytest.raises(M3SError, match=r"no_such_encoder.*pip install av"):
        h264_bytes(noise)


def test_size_ranks_real_windows_as_the_default_preset(clips):
    windows = [frames[i : i + 45] for frames in clips.values() for i in range(0, 98 - 44, 45)]
    quick = [h264_bytes(window) for window in windows]
    assert spearmanr(quick, [written_size(window) for window in windows])[0] >= 0.99
