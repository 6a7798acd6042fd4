"""Frames of files and arrays, against what was drawn and against OpenCV's decoder."""

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.video import FrameReader, VideoLimits, read_clip, read_video, set_limits

DECODERS = ["pyav", "decord"]


@pytest.fixture(params=DECODERS)
def decoder(request):
    if request.param == "decord":
        pytest.importorskip("decord", reason='needs the extra "decord"')
    return request.param


class Blocks:
    """A meter that keeps its input."""

    def __init__(self):
        self.frames, self.times = [], []

    def add(self, frames, times, seconds):
        self.frames.append(frames)
        self.times.append(times)

    def value(self):
        return 0


def collect(video, decoder="pyav", **kwargs):
    """Return the frames at a regular rate and their times."""
    blocks = Blocks()
    [value] = read_video(video, [FrameReader([blocks], **kwargs)], decoder=decoder)
    if isinstance(value, Exception):
        raise value
    return np.concatenate(blocks.frames), np.concatenate(blocks.times)


def grey_levels(frames):
    """Return the grey level of each frame, away from its bar. `draw` numbers frames by it."""
    height, width = frames.shape[1:3]
    return frames[:, height // 4 : -height // 4, width // 4 : -width // 4].mean(axis=(1, 2, 3))


def test_a_file_gives_the_frames_that_were_written(clip_path, draw, decoder):
    frames, times = collect(clip_path, frame_rate=15, frame_size=32, decoder=decoder)
    np.testing.assert_allclose(grey_levels(frames), grey_levels(draw(30)[::2]), atol=2)
    np.testing.assert_allclose(times, np.arange(15) / 15, atol=1e-6)


def test_frames_are_resized_by_area_to_uint8_rgb(rng):
    image = rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)
    frames, _ = collect(image, frame_size=32)
    blocks = image.reshape(32, 3, 32, 4, 3).mean(axis=(1, 3))
    assert frames.dtype == np.uint8
    np.testing.assert_allclose(frames[0], blocks, atol=0.51)


def test_colours_are_in_the_order_red_green_blue(tmp_path, write_clip, decoder):
    red = np.zeros((4, 48, 64, 3), np.uint8)
    red[..., 0] = 220
    path = write_clip(tmp_path / "red.mp4", red)
    clip = read_clip(path, n_frames=1, frame_size=32, decoder=decoder)
    assert clip[..., 0].min() > 200
    assert clip[..., 1:].max() < 30


def test_variable_frame_rates_are_followed_by_their_time_stamps(tmp_path, draw, write_clip):
    ticks = [0, 1, 2, 3, 10, 20, 30, 31, 32, 60]
    path = write_clip(tmp_path / "vfr.mkv", draw(10), rate=60, ticks=ticks)
    frames, times = collect(path, frame_rate=6, frame_size=32)
    np.testing.assert_allclose(times, np.array([0, 10, 20, 30, 32, 60]) / 60, atol=2e-3)
    np.testing.assert_allclose(grey_levels(frames), [0, 16, 20, 24, 32, 36], atol=2)


def test_even_sampling_takes_exact_frames_of_a_file(clip_path, decoder):
    clip = read_clip(clip_path, n_frames=3, frame_size=32, decoder=decoder)
    np.testing.assert_allclose(grey_levels(clip), [4 * 5, 4 * 15, 4 * 25], atol=2)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_containers_agree_on_which_frame_is_which(tmp_path, draw, write_clip, suffix, decoder):
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    options = {"bf": "2", "b": "4M"} if suffix == ".avi" else None
    path = write_clip(tmp_path / f"clip{suffix}", draw(40), codec=codec, options=options)
    frames, _ = collect(path, frame_rate=30, frame_size=32, decoder=decoder)
    np.testing.assert_allclose(grey_levels(frames), grey_levels(draw(40)), atol=2)


def test_hidden_frames_of_vp8_are_not_missed(tmp_path, draw, write_clip):
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "1M"}
    path = write_clip(tmp_path / "clip.webm", draw(60), codec="libvpx", options=options)
    frames, _ = collect(path, frame_rate=15, frame_size=32)
    assert len(frames) == 30


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_tags_are_applied_as_opencv_does(tmp_path, draw, write_clip, degrees, decoder):
    frames = draw(1, height=96, width=128).repeat(4, axis=0)
    frames[:, :16] = (200, 40, 40)
    path = write_clip(tmp_path / "rotated.mp4", frames, rotation=degrees)
    _, expected = cv2.VideoCapture(path).read()
    expected = cv2.resize(expected[..., ::-1], (32, 32), interpolation=cv2.INTER_AREA)
    clip = read_clip(path, n_frames=1, frame_size=32, decoder=decoder)
    assert np.abs(clip[0].astype(int) - expected).mean() < 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
def test_an_image_is_a_video_of_one_frame(tmp_path, draw, suffix, decoder):
    path = tmp_path / f"image{suffix}"
    cv2.imwrite(str(path), draw(5)[4])
    frames, times = collect(path, frame_size=32, decoder=decoder)
    assert frames.shape == (1, 32, 32, 3)
    assert times == [0]
    assert grey_levels(frames)[0] == pytest.approx(16, abs=2)
    assert read_clip(path, n_frames=4, frame_size=32, decoder=decoder).shape == (4, 32, 32, 3)


def test_arrays_count_as_sampled_at_the_frame_rate(draw):
    frames, times = collect(draw(20), frame_rate=7, frame_size=32)
    np.testing.assert_array_equal(grey_levels(frames), grey_levels(draw(20)))
    np.testing.assert_allclose(times, np.arange(20) / 7)


def test_blocks_are_short_whatever_the_length(draw):
    blocks = Blocks()
    read_video(draw(40), [FrameReader([blocks], frame_size=32)])
    assert [len(times) for times in blocks.times] == [16, 16, 8]


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros((2, 8, 8, 3)), "dtype float64: convert it to uint8"),
        (np.zeros((8, 8), np.uint8), r"shape \(8, 8\)"),
        (np.zeros((2, 8, 8, 4), np.uint8), r"shape \(2, 8, 8, 4\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), r"shape \(0, 8, 8, 3\)"),
        (3.5, "is a float"),
        (None, "is a NoneType"),
    ],
)
def test_anything_but_a_video_is_an_error_that_says_what_it_is(array, fault):
    with pytest.raises(VideoError, match=fault):
        read_clip(array, n_frames=1)


def test_bad_paths_are_errors_that_say_what_is_wrong(tmp_path, decoder):
    files = {"list.m3u8": b"#EXTM3U\n#EXTINF:5,\nclip.mp4\n#EXT-X-ENDLIST\n"}
    files |= {"empty.mp4": b"", "text.mp4": b"no video " * 99, "text.txt": b"no video\n" * 99}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    faults = {
        "missing.mp4": "does not exist",
        "": "is a folder",
        "list.m3u8": "cannot be decoded",
        "empty.mp4": r"empty \(0 bytes\)",
        "text.mp4": "cannot be decoded",
        "text.txt": r"format tty \(.*\), which is not supported",
    }
    for name, fault in faults.items():
        with pytest.raises(VideoError, match=fault):
            read_clip(tmp_path / name, n_frames=1, decoder=decoder)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_clip_may_start_late_and_end_on_a_long_frame(tmp_path, draw, write_clip, suffix):
    ticks = [150, 151, 152, 153, 300]
    path = write_clip(tmp_path / f"late{suffix}", draw(5), ticks=ticks)
    _, times = collect(path, frame_rate=30, frame_size=32)
    np.testing.assert_allclose(times, (np.array(ticks) - 150) / 30, atol=2e-3)


def test_a_cut_inside_a_group_of_pictures_starts_where_it_says(tmp_path, draw, write_clip):
    """Packets before the start are needed for decoding, but are not part of the clip."""
    source = write_clip(tmp_path / "whole.mp4", draw(40), options={"crf": "4", "bf": "0"})
    path = tmp_path / "cut.mp4"
    with av.open(source) as whole, av.open(str(path), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        tick = int(1 / (30 * whole.streams.video[0].time_base))
        for packet in whole.demux(video=0):
            if packet.size:
                packet.pts -= 25 * tick
                packet.dts -= 25 * tick
                packet.stream = stream
                cut.mux(packet)
    frames, _ = collect(path, frame_rate=30, frame_size=32)
    np.testing.assert_allclose(grey_levels(frames), grey_levels(draw(40)[25:]), atol=2)


def test_a_clock_that_jumps_costs_no_memory(tmp_path, draw, write_clip):
    path = write_clip(tmp_path / "jump.mkv", draw(4), ticks=[0, 1, 2, 10**9])
    with pytest.raises(VideoError, match=r"has 33,333,333 seconds.*set_limits"):
        collect(path)
    before = set_limits(VideoLimits(seconds=1e9))
    try:
        frames, _ = collect(path, frame_rate=30, frame_size=32)
    finally:
        set_limits(before)
    assert len(frames) == 4


def test_a_file_name_is_only_a_name(tmp_path, draw):
    for number in (0, 1):
        cv2.imwrite(str(tmp_path / f"im{number:03d}.png"), draw(20)[9 * number])
    pattern, colon = tmp_path / "im%03d.png", tmp_path / "a:b.png"
    for path in (pattern, colon):
        cv2.imwrite(str(path), draw(20)[4])
        clip = read_clip(path, n_frames=1, frame_size=32)
        np.testing.assert_allclose(grey_levels(clip), 16)


def test_a_shortened_file_is_a_warning_with_its_share(tmp_path, rng, write_clip):
    noise = rng.integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    content = Path(write_clip(tmp_path / "whole.mkv", noise)).read_bytes()
    path = tmp_path / "short.mkv"
    path.write_bytes(content[: len(content) * 95 // 100])
    with pytest.warns(M3SWarning, match=r"short\.mkv.*9\d% of the declared length"):
        collect(path, frame_rate=30, frame_size=32)


def test_sound_without_pictures_is_an_error(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(VideoError, match="has no video stream"):
        read_clip(path, n_frames=1)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_a_truncated_file_is_an_error(tmp_path, rng, write_clip, suffix):
    noise = rng.integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    content = Path(write_clip(tmp_path / f"whole{suffix}", noise, codec=codec)).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"truncated or damaged|damaged, truncated"):
        read_clip(cut, n_frames=4)


def test_a_few_lost_frames_are_a_warning_with_their_number(tmp_path, rng, write_clip):
    path = tmp_path / "hurt.mp4"
    noise = rng.integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    write_clip(path, noise, options={"crf": "20", "g": "1"})
    zero_packet(path, 31)
    with pytest.warns(M3SWarning, match=r"hurt\.mp4.*59 of 60 frames could be decoded"):
        frames, _ = collect(path, frame_rate=30, frame_size=32)
    assert len(frames) == 59
    with pytest.warns(M3SWarning, match="19 of 20 frames"):
        clip = read_clip(path, n_frames=20, frame_size=32)
    assert len(clip) == 20


def zero_packet(path, number):
    """Overwrite one packet of a file by zeros."""
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][number]
        place, size = packet.pos, packet.size
    content = bytearray(path.read_bytes())
    content[place : place + size] = bytes(size)
    path.write_bytes(content)


def test_a_damaged_file_does_not_keep_the_interpreter_from_exiting(tmp_path, rng, write_clip):
    path = tmp_path / "damaged.mp4"
    write_clip(path, rng.integers(0, 256, (90, 48, 64, 3), dtype=np.uint8))
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content) // 10, len(content) * 9 // 10, 60):
        content[place] ^= 0xFF
    path.write_bytes(content)
    program = (
        "import sys, av\n"
        "av.logging.set_level(av.logging.ERROR)  # what makes it hang with frame threads\n"
        "from sklearn_m3s.exceptions import VideoError\n"
        "from sklearn_m3s.video import read_clip\n"
        "for _ in range(5):\n"
        "    try:\n"
        "        read_clip(sys.argv[1], n_frames=32)\n"
        "    except VideoError:\n"
        "        pass\n"
        "print('read')\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "read\n"


def test_the_log_level_of_ffmpeg_is_set_only_where_a_process_asks_for_it():
    package = Path(sys.modules["sklearn_m3s"].__file__).parent
    [place] = [p for p in package.rglob("*.py") if "logging.set_level" in p.read_text()]
    assert place.name == "_ffmpeg_log.py"


def test_decord_says_how_to_install_it(monkeypatch, clip_path):
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(ImportError, match=r"pip install .sklearn-m3s\[decord\]"):
        read_clip(clip_path, n_frames=1, decoder="decord")


@pytest.mark.parametrize(
    "name", ["arm_wrestling.mp4", "basketball.mp4", "flipping_pancake.mkv", "pool_cleaning.mp4"]
)
def test_real_clips_give_the_reference_frames(reference, name, decoder):
    golden = np.load(reference("golden/descriptors.npz"))
    frames, _ = collect(reference(f"clips/{name}"), decoder=decoder)
    values = [cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 2].mean() for frame in frames]
    # The reference was converted by swscale's default, which rounds down, as decord does.
    error = np.array(values) - golden[f"{name}/value_mean"]
    low, high = (-1e-3, 1e-3) if decoder == "decord" else (0.6, 1.1)
    assert low < error.min() <= error.max() < high
