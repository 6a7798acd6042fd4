"""Information from the headers of videos."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video import probe
from sklearn_m3s.video._pyav import PyAVVideo


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "mov"])
def test_a_header_gives_length_size_and_rate(suffix, tmp_path, draw, write_clip):
    info = probe(write_clip(tmp_path / f"clip.{suffix}", draw(45), rate=30))
    assert (info.kind, info.width, info.height) == ("video", 64, 48)
    assert info.seconds == pytest.approx(1.5, abs=0.05)
    assert info.frame_rate == pytest.approx(30)
    assert info.n_frames == (None if suffix == "mkv" else 45)


def test_times_of_the_frames_give_the_length_whatever_the_rate(tmp_path, draw, write_clip):
    ticks = [0, 1, 2, 30, 31, 90]
    options = {"bf": "0"}  # with B-frames, the header counts the time to decode
    path = write_clip(tmp_path / "clip.mp4", draw(6), rate=30, ticks=ticks, options=options)
    info = probe(path)
    assert info.seconds == pytest.approx(3, abs=0.2)
    assert info.n_frames == 6


def test_a_stream_without_a_header_has_no_number_of_frames(tmp_path, draw, write_clip):
    info = probe(write_clip(tmp_path / "clip.h264", draw(45)))
    assert (info.kind, info.width, info.height, info.n_frames) == ("video", 64, 48, None)
    assert np.isnan(info.seconds)


def test_nothing_is_decoded(tmp_path, draw, write_clip, decoded, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4", draw(45))
    monkeypatch.setattr(PyAVVideo, "__init__", None)
    assert probe(path).n_frames == 45
    assert decoded == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "tga", "avif", "ppm", "ico"])
def test_a_picture_is_an_image_without_length(suffix, tmp_path):
    path = tmp_path / f"picture.{suffix}"
    Image.new("RGB", (64, 48)).save(path)
    info = probe(path)
    assert (info.kind, info.n_frames) == ("image", 1)
    if suffix != "ico":  # holds pictures of several sizes
        assert (info.width, info.height) == (64, 48)
    assert np.isnan([info.seconds, info.frame_rate]).all()


@pytest.mark.parametrize("suffix", ["webp", "gif", "avif"])
def test_moving_pictures_are_videos(suffix, tmp_path):
    path = tmp_path / f"moving.{suffix}"
    first, *others = [Image.new("RGB", (64, 48), (i, 0, 0)) for i in range(0, 250, 50)]
    first.save(path, save_all=True, append_images=others, duration=200)
    info = probe(path)
    assert (info.kind, info.width, info.height) == ("video", 64, 48)
    assert info.n_frames in (None, 5)


def test_arrays_have_no_time():
    video = np.zeros((20, 48, 64, 3), dtype=np.uint8)
    assert probe(video)[2:5] == (64, 48, 20)
    assert np.isnan(probe(video).seconds)
    assert probe(video[0]).kind == probe(video[:1]).kind == "image"


def test_what_is_not_a_video_is_refused(tmp_path, draw, write_clip):
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"ffconcat version 1.0\nfile {tmp_path}/other.mp4\n")
    with pytest.raises(VideoError, match="concat"):
        probe(playlist)
    with pytest.raises(VideoError, match="does not exist"):
        probe(tmp_path / "missing.mp4")
    with pytest.raises(VideoError, match="convert it to uint8"):
        probe(np.zeros((2, 8, 8, 3)))
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no video stream"):
        probe(sound)
    damaged = tmp_path / "damaged.mp4"
    whole = Path(write_clip(tmp_path / "clip.mp4", draw(9)))
    damaged.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(VideoError, match="cannot be decoded"):
        probe(damaged)
