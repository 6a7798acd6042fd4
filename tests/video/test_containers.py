"""Real-world files: trimmed, joined, mirrored, with odd tags or unknown parts."""

import struct
import warnings
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.video import FrameReader, read_clip, read_video

SCENE = np.full((48, 64, 3), 90, np.uint8)  # a corner is red, one green, one blue
SCENE[:24, :32], SCENE[:24, 32:], SCENE[24:, :32] = (220, 40, 40), (40, 200, 60), (30, 60, 220)


class Levels:
    """A meter that keeps the grey level of each frame, away from its bar, and its time."""

    def __init__(self):
        self.levels, self.times = [], []

    def add(self, frames, times, seconds):
        self.levels += frames[:, 8:24, 8:24].mean(axis=(1, 2, 3)).tolist()
        self.times += times.tolist()

    def value(self):
        return 0


def levels_and_times(path):
    meter = Levels()
    [value] = read_video(path, [FrameReader([meter], frame_rate=1000, frame_size=32)])
    if isinstance(value, Exception):
        raise value
    return np.array(meter.levels), np.array(meter.times)


def put_number(content, box, offset, value):
    """Overwrite a number of 32 bits in the first box of a kind."""
    struct.pack_into(">I", content, content.index(box) + 4 + offset, value)


def get_number(content, box, offset):
    return struct.unpack_from(">I", content, content.index(box) + 4 + offset)[0]


@pytest.mark.parametrize("n_reordered", [0, 2])
@pytest.mark.parametrize(
    ("first", "n_frames"), [(0, 40), (3, 37), (12, 28), (25, 10), (35, 5), (0, 21), (20, 9)]
)
def test_a_trim_by_an_edit_list_gives_the_frames_that_a_player_shows(
    tmp_path, draw, write_clip, first, n_frames, n_reordered
):
    options = {"crf": "1", "g": "10", "bf": str(n_reordered)}
    path = Path(write_clip(tmp_path / "a.mp4", draw(40), options=options))
    content = bytearray(path.read_bytes())
    media, movie = get_number(content, b"mdhd", 12), get_number(content, b"mvhd", 12)
    start = get_number(content, b"elst", 12) + round(first * media / 30)
    put_number(content, b"elst", 12, start)
    for box, offset in [(b"elst", 8), (b"tkhd", 20), (b"mvhd", 16)]:
        put_number(content, box, offset, round(n_frames * movie / 30))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        levels, times = levels_and_times(path)
    np.testing.assert_allclose(levels, 4 * np.arange(first, first + n_frames), atol=2)
    np.testing.assert_allclose(times, np.arange(n_frames) / 30, atol=1e-3)


@pytest.mark.parametrize("start", [0, 6000], ids=["at 0", "at 200 s"])
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".ts", "libx264"), (".ts", "mpeg2video"), (".mpg", "mpeg2video")]
)
def test_streams_of_appended_files_share_one_clock(
    tmp_path, draw, write_clip, suffix, codec, start
):
    options = {"crf": "4"} if codec == "libx264" else {"b": "4M", "bf": "2"}
    parts = []
    for i, ticks in enumerate([range(start, start + 15), range(15), range(15)]):
        frames = draw(45)[15 * i : 15 * (i + 1)]
        path = tmp_path / f"part{suffix}"
        write_clip(path, frames, codec=codec, ticks=ticks, options=options)
        parts.append(path.read_bytes())
    joined = tmp_path / f"joined{suffix}"
    joined.write_bytes(b"".join(parts))
    levels, times = levels_and_times(joined)
    np.testing.assert_allclose(levels, 4 * np.arange(45), atol=3)
    np.testing.assert_allclose(times, np.arange(45) / 30, atol=2e-3)


@pytest.mark.parametrize(
    "matrix",
    [
        (1, 0, 0, 1),
        (0, 1, -1, 0),
        (-1, 0, 0, -1),
        (0, -1, 1, 0),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, -1, -1, 0),
    ],
)
def test_a_display_matrix_takes_every_point_where_it_says(tmp_path, write_clip, matrix):
    """A point (x, y) goes to (a x + c y, b x + d y)."""
    path = Path(write_clip(tmp_path / "a.mp4", SCENE[None].repeat(2, axis=0)))
    content = bytearray(path.read_bytes())
    a, b, c, d = matrix
    fixed = [value << 16 for value in (a, b, 0, c, d, 0, 0, 0)]
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, *fixed, 1 << 30)
    path.write_bytes(content)
    y, x = np.mgrid[:48, :64]
    moved_x, moved_y = a * x + c * y, b * x + d * y
    shown = np.empty((64, 48, 3) if b else (48, 64, 3), np.uint8)
    shown[moved_y - moved_y.min(), moved_x - moved_x.min()] = SCENE
    expected = cv2.resize(shown, (32, 32), interpolation=cv2.INTER_AREA).astype(int)
    clip = read_clip(path, n_frames=1, frame_size=32)
    assert np.abs(clip[0] - expected).mean() < 4


def write_song(path, draw, container, codec, n_frames=0):
    """Write a second of silence with a cover of level 80, and perhaps a video of level 160."""
    with av.open(str(path), "w", format=container) as file:
        sound = file.add_stream(codec, rate=44100)
        sound.layout = "mono"
        video = file.add_stream("libx264", rate=30) if n_frames else None
        cover = file.add_stream("mjpeg", rate=1)
        cover.disposition = Disposition.attached_pic
        for stream in filter(None, (video, cover)):
            stream.height, stream.width = 48, 64
            stream.pix_fmt = "yuv420p" if stream is video else "yuvj420p"
        picture = av.VideoFrame.from_ndarray(draw(21)[20], format="rgb24")
        file.mux(cover.encode(picture))
        file.mux(cover.encode(None))
        for i in range(n_frames):
            frame = av.VideoFrame.from_ndarray(draw(41)[40], format="rgb24")
            frame.pts = i
            file.mux(video.encode(frame))
        if video:
            file.mux(video.encode(None))
        for i in range(40):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, 1024 * i
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("name", "container", "codec"), [("a.mp3", "mp3", "libmp3lame"), ("a.m4a", "mp4", "aac")]
)
def test_a_song_with_a_cover_is_not_a_video(tmp_path, draw, name, container, codec):
    write_song(tmp_path / name, draw, container, codec)
    with pytest.raises(VideoError, match="has no video stream"):
        read_clip(tmp_path / name, n_frames=1)


def test_the_cover_of_a_video_is_not_the_video(tmp_path, draw):
    path = tmp_path / "a.mp4"
    write_song(path, draw, "mp4", "aac", n_frames=10)
    assert read_clip(path, n_frames=1, frame_size=32)[0, 16, 16, 0] == pytest.approx(160, abs=3)


@pytest.mark.parametrize(
    ("suffix", "known", "unknown"),
    [(".mp4", b"avc1", b"zzz9"), (".mkv", b"V_MPEG4/ISO/AVC", b"V_ZZZZ9/ISO/AVC")],
)
def test_an_unknown_codec_is_an_error_that_says_to_convert(
    tmp_path, clip_path, draw, write_clip, suffix, known, unknown
):
    path = Path(write_clip(tmp_path / f"a{suffix}", draw(4)))
    path.write_bytes(path.read_bytes().replace(known, unknown))
    with pytest.raises(VideoError, match=r"codec that this FFmpeg does not know: convert it"):
        read_clip(path, n_frames=1)


@pytest.mark.parametrize(
    "text",
    [b"about two seconds.", b"nan:inf:1e9 seconds", b"00:00:02,000000000", b"::", b"\xff" * 9],
)
def test_a_duration_in_words_is_ignored(tmp_path, draw, write_clip, text):
    """Matroska stores the duration of a track in a tag, which programs write freely."""
    path = Path(write_clip(tmp_path / "a.mkv", draw(20)))
    content = path.read_bytes()
    place = content.index(b"00:00:0", content.index(b"DURATION"))
    path.write_bytes(content[:place] + text[:18].ljust(18) + content[place + 18 :])
    levels, _ = levels_and_times(path)
    assert len(levels) == 20


@pytest.mark.parametrize(("curve", "code"), [("PQ", 16), ("HLG", 18)])
def test_an_hdr_file_is_one_warning(tmp_path, draw, curve, code):
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        stream.codec_context.color_trc = code
        for array in draw(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.warns(M3SWarning) as caught:
        read_clip(path, n_frames=2)
    assert [f"hdr.mkv' is HDR ({curve})" in str(warning.message) for warning in caught] == [True]


def box(kind, *parts):
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind, *parts, version=0):
    return box(kind, struct.pack(">I", version << 24), *parts)


def write_tiles(path, brand, levels):
    """Write a picture of three tiles side by side, like the pictures of phones."""
    tiles = []
    for level in levels:
        Image.new("RGB", (64, 64), (level,) * 3).save(path, "AVIF", quality=100)
        with av.open(str(path)) as container:
            [stream] = container.streams.video
            settings = bytes(stream.codec_context.extradata)
            tiles.append(bytes(next(container.demux(stream))))
    n = len(tiles)
    parts = [struct.pack(">BBBBHH", 0, 0, 0, n - 1, 64 * n, 64), *tiles]  # the grid is item 1
    kinds = [b"grid"] + n * [b"av01"]
    entries = [
        full_box(b"infe", struct.pack(">HH4sB", i + 1, 0, kind, 0), version=2)
        for i, kind in enumerate(kinds)
    ]
    properties = box(
        b"ipco",
        full_box(b"ispe", struct.pack(">II", 64 * n, 64)),
        full_box(b"ispe", struct.pack(">II", 64, 64)),
        box(b"av1C", settings),
    )
    owners = [struct.pack(">HBB", 1, 1, 1)]
    owners += [struct.pack(">HBBB", i + 2, 2, 2, 0x80 | 3) for i in range(n)]
    fixed = [
        full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iinf", struct.pack(">H", n + 1), *entries),
        full_box(b"iref", box(b"dimg", struct.pack(f">{n + 2}H", 1, n, *range(2, n + 2)))),
        box(
            b"iprp",
            properties,
            full_box(b"ipma", struct.pack(">I", n + 1), *owners),
        ),
    ]
    file_type = box(b"ftyp", brand + bytes(4) + brand + b"mif1miaf")
    place = len(file_type) + len(full_box(b"meta", *fixed)) + 16 + 14 * (n + 1) + 8
    places = place + np.cumsum([0] + [len(part) for part in parts[:-1]])
    items = [
        struct.pack(">HHHII", i + 1, 0, 1, place, len(part))
        for i, (place, part) in enumerate(zip(places, parts, strict=True))
    ]
    location = full_box(b"iloc", struct.pack(">HH", 0x4400, n + 1), *items)
    path.write_bytes(file_type + full_box(b"meta", *fixed, location) + box(b"mdat", *parts))


def test_a_picture_in_tiles_is_whole(tmp_path):
    write_tiles(tmp_path / "a.avif", b"avif", [40, 90, 160])
    clip = read_clip(tmp_path / "a.avif", n_frames=1, frame_size=6)
    np.testing.assert_allclose(clip[0, 3, :, 0], [40, 40, 90, 90, 160, 160], atol=2)


def test_a_picture_in_tiles_that_cannot_be_read_is_an_error(tmp_path):
    write_tiles(tmp_path / "a.heic", b"heic", [40, 90, 160])
    with pytest.raises(VideoError, match=r"picture in tiles \(HEIC\).*convert it to JPEG"):
        read_clip(tmp_path / "a.heic", n_frames=1)
