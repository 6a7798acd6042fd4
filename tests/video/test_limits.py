"""Limits of one video, which are checked before memory is allocated."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sklearn_m3s import RawPerception
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import (
    ClipReader,
    FrameGeometry,
    VideoLimits,
    get_limits,
    memory_ceiling,
    read_clip,
    set_limits,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to this limit")


@pytest.fixture(autouse=True)
def former():
    """Restore the limits after each test."""
    before = get_limits()
    yield
    set_limits(before)


def write_gif(path, side, n_frames):
    """Write an animation whose frames are of one pixel, on a canvas of any size."""
    frame = b"\x21\xf9\x04\x00\x0a\x00\x00\x00\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0)
    frame += b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    path.write_bytes(head + n_frames * frame + b";")


def peak_megabytes(path):
    """Return the memory that a separate process needs to read a file, and its outcome."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of a process is listed by Linux")
    program = (
        "import re, sys\n"
        "from sklearn_m3s.video import read_clip\n"
        "try:\n"
        "    end = str(read_clip(sys.argv[1], n_frames=4).shape)\n"
        "except ValueError as error:\n"
        "    end = str(error)\n"
        "status = open('/proc/self/status').read()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024, end)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    size, end = done.stdout.split(" ", 1)
    return int(size), end


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("pixels", 64 * 48 - 1),
        ("frames", 29),
        ("decoded_bytes", 30 * 64 * 48 * 3 // 2 - 1),
        ("seconds", 0.9),
        ("memory", 17 * 64 * 48 * 3 // 2 - 1),
    ],
)
def test_a_video_beyond_a_limit_is_an_error_that_names_it(clip_path, field, limit):
    set_limits(VideoLimits(**{field: limit + 1}))
    assert len(read_clip(clip_path, n_frames=2)) == 2
    set_limits(VideoLimits(**{field: limit}))
    with pytest.raises(VideoError, match=rf"more than the limit.*raise {field} with set_limits"):
        read_clip(clip_path, n_frames=2)


@pytest.mark.parametrize(("kind", "share"), [("PNG", 1), ("JPEG", 1), ("WEBP", 2), ("PPM", 2)])
def test_a_picture_beyond_the_limit_is_an_error(tmp_path, kind, share):
    path = tmp_path / f"a.{kind.lower()}"
    Image.new("RGB", (64, 48)).save(path, kind)
    set_limits(VideoLimits(picture_pixels=64 * 48 * share))
    assert len(read_clip(path, n_frames=2)) == 2
    set_limits(VideoLimits(picture_pixels=64 * 48 * share - 1))
    with pytest.raises(VideoError, match="raise picture_pixels with set_limits"):
        read_clip(path, n_frames=2)


def test_an_animation_beyond_a_limit_is_an_error(tmp_path):
    first, *others = [Image.new("RGB", (64, 48), (i, i, i)) for i in (0, 80, 160, 240)]
    path = tmp_path / "a.webp"
    first.save(path, save_all=True, append_images=others, duration=1000)
    for field, limit in [("pixels", 3071), ("frames", 3), ("seconds", 2.9)]:
        set_limits(VideoLimits(**{field: limit}))
        with pytest.raises(VideoError, match=f"raise {field} with set_limits"):
            read_clip(path, n_frames=2)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_limits_reach_the_workers(clip_path, n_jobs):
    tier = RawPerception(descriptors=["brightness"], n_jobs=n_jobs)
    assert tier.fit_transform([clip_path] * 2).shape == (2, 1)  # workers start before
    set_limits(VideoLimits(frames=29))
    with pytest.raises(VideoError, match="more than 29 frames"):
        tier.fit_transform([clip_path] * 2)


@pytest.fixture(scope="module")
def hungry():
    """Return a tier of one column, and let it allocate; workers need not import its class."""

    class Reader(ClipReader):
        def __init__(self, n_bytes):
            super().__init__(1, FrameGeometry.square(8))
            self.n_bytes = n_bytes

        def value(self):
            return np.ones(self.n_bytes, np.uint8)[:1]

    class Hungry(VideoTransformer):
        def __init__(self, *, n_bytes=1, **shared):
            super().__init__(**shared)
            self.n_bytes = n_bytes

        def _reader(self):
            return Reader(self.n_bytes)

    return Hungry


@LINUX
def test_a_file_cannot_take_more_memory_in_a_worker_and_an_array_can(hungry, clip_path):
    set_limits(VideoLimits(memory=200_000_000))
    with pytest.raises(VideoError, match=r"of more than 200,000,000 bytes(.|\n)*raise memory"):
        hungry(n_bytes=250_000_000).fit_transform([clip_path])
    assert hungry(n_bytes=150_000_000).fit_transform([clip_path, clip_path]).shape == (2, 1)
    array = np.zeros((300, 1000, 1000, 3), np.uint8)
    assert hungry(n_bytes=250_000_000).fit_transform([array]).shape == (1, 1)


@LINUX
def test_a_decoder_that_needs_more_memory_than_its_header_says_is_an_error(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx265", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p10le"
        stream.options = {"preset": "ultrafast", "x265-params": "ref=6:bframes=0:log-level=none"}
        for i in range(16):
            frame = av.VideoFrame.from_ndarray(np.full((1080, 1920, 3), 100, np.uint8), "rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    tier = RawPerception(descriptors=["brightness"])
    assert tier.fit_transform([path])[0, 0] == pytest.approx(100, abs=1)
    kept = 8 * 1920 * 1080 * 3
    set_limits(VideoLimits(memory=kept))
    with pytest.raises(VideoError, match=rf"of more than {kept:,} bytes(.|\n)*raise memory"):
        tier.fit_transform([path])


@LINUX
def test_a_memory_ceiling_holds_only_in_its_block_and_can_have_any_value():
    resource = pytest.importorskip("resource")
    for n_bytes in (100_000_000, 10**30):
        before = resource.getrlimit(resource.RLIMIT_DATA)
        with memory_ceiling(n_bytes):
            assert resource.getrlimit(resource.RLIMIT_DATA) != before
        assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_the_defaults_pass_8k_a_film_of_two_hours_and_100_megapixels():
    limits = VideoLimits()
    assert limits.pixels >= 8192 * 4320
    assert limits.picture_pixels >= 11648 * 8736  # of medium-format cameras
    assert limits.seconds >= 7200
    assert limits.frames >= 7200 * 60
    assert limits.decoded_bytes >= 7200 * 30 * 3840 * 2160 * 1.5
    assert limits.memory >= 8 * 8192 * 4320 * 3  # HEVC of 10 bits


def test_a_picture_of_100_megapixels_is_read_in_less_than_1500_megabytes(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (11700, 8700), (90, 120, 50)).save(path)
    size, end = peak_megabytes(path)
    assert end.startswith("(4, 256, 256, 3)")
    assert size < 1500


@pytest.mark.parametrize("side", [6000, 16000])
def test_a_small_file_with_huge_frames_takes_little(tmp_path, side):
    path = tmp_path / "a.gif"
    write_gif(path, side, 20)
    size, end = peak_megabytes(path)
    assert "(4, 256, 256, 3)" in end if side == 6000 else "set_limits" in end
    assert size < (1000 if side == 6000 else 200)


@pytest.mark.parametrize("start", [b"\0\0\0\1\x67", b"\0\0\0\1\x40\1", b"\0\0\1\xb3", b""])
@pytest.mark.parametrize("suffix", [".h264", ".hevc", ".m4v", ".mp4", ".ts"])
def test_a_sparse_file_is_given_up_soon(tmp_path, start, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(start)
    os.truncate(path, 5 * 2**30)
    size, end = peak_megabytes(path)
    assert "cannot be decoded" in end or "no frame" in end
    assert size < 1000


def declare(path, write_clip, draw, n_samples):
    """Write an MP4 whose header says that it has many samples, of one byte each."""
    content = bytearray(Path(write_clip(path, draw(1))).read_bytes())
    for kind, fields in {
        b"stsz": (1, n_samples),
        b"stts": (1, n_samples, 1),
        b"stsc": (1, 1, n_samples, 1),
    }.items():
        place = content.index(kind) + 8
        struct.pack_into(f">{len(fields)}I", content, place, *fields)
    path.write_bytes(content)


@pytest.mark.parametrize("n_samples", [5_000_000, 2**32 - 1])
def test_a_header_cannot_declare_any_number_of_samples(tmp_path, write_clip, draw, n_samples):
    declare(tmp_path / "a.mp4", write_clip, draw, n_samples)
    size, end = peak_megabytes(tmp_path / "a.mp4")
    assert f"{n_samples:,} samples in its header, more than the limit" in end
    assert size < 200


def test_a_fragment_cannot_declare_any_number_of_samples(tmp_path, draw):
    path = tmp_path / "a.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = 48, 64
        for array in draw(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode(None))
    assert len(read_clip(path, n_frames=2)) == 2
    content = bytearray(path.read_bytes())
    place = content.index(b"trun") + 4
    struct.pack_into(">II", content, place, 0, 2**31)  # all samples of one size and duration
    path.write_bytes(content)
    with pytest.raises(VideoError, match="2,147,483,648 samples in its header"):
        read_clip(path, n_frames=2)


def test_plain_sound_may_have_a_sample_for_every_point_in_time(tmp_path, draw):
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=1)
        video.height, video.width = 48, 64
        sound = container.add_stream("pcm_s16le", rate=48000)
        sound.layout = "mono"
        container.mux(video.encode(av.VideoFrame.from_ndarray(draw(1)[0], format="rgb24")))
        container.mux(video.encode(None))
        for i in range(60):
            silence = np.zeros((1, 48000), np.int16)
            frame = av.AudioFrame.from_ndarray(silence, layout="mono")
            frame.sample_rate, frame.pts = 48000, 48000 * i
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert len(read_clip(path, n_frames=2)) == 2


def test_set_limits_keeps_the_new_limits_and_returns_the_previous_ones():
    before = set_limits(VideoLimits(frames=7))
    assert get_limits().frames == 7
    assert set_limits(before) == VideoLimits(frames=7)
