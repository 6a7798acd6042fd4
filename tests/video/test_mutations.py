"""Damaged files: they give rows, warnings, or errors that name the file, and nothing else."""

import threading
import warnings
from collections import Counter

import av
import numpy as np
import pytest
from mutations import MEGABYTES, MOST_OFF, levels, mutated, read_mutations, write_videos

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.video import read_clip, report_errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact")
    write_videos(folder)
    return folder


@pytest.fixture
def reported():
    """Let FFmpeg report its errors, as the worker processes do."""
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    report_errors()
    yield
    av.logging.set_level(before[0])
    av.logging.set_skip_repeated(before[1])


@pytest.mark.parametrize(
    "indices",
    [
        pytest.param(range(0, 2000, 17), id="short"),
        pytest.param(range(2000), id="long", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_video_is_a_row_a_warning_or_a_video_error(folder, indices):
    endings = read_mutations(folder, indices)
    outcomes = Counter(ending["outcome"] for ending in endings)
    assert sorted(ending["index"] for ending in endings) == list(indices)
    assert set(outcomes) == {"row", "warned", "VideoError"}, endings
    assert min(outcomes.values()) > len(indices) / 10
    silent = [e for e in endings if e["outcome"] == "row" and e["off"] > MOST_OFF and e["reports"]]
    assert not silent
    assert max(ending["megabytes"] for ending in endings) < MEGABYTES


def test_the_same_seed_damages_in_the_same_way(folder):
    contents = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    for index in range(99):
        name, kind, content = mutated(contents, index)
        assert (name, kind, content) == mutated(contents, index)
        assert content != contents[name] or kind == "swap"


def test_a_process_that_dies_is_recorded_as_a_crash(tmp_path):
    assert read_mutations(tmp_path, [3, 5]) == [
        {"index": 3, "outcome": "crash"},  # there is nothing to damage
        {"index": 5, "outcome": "crash"},
    ]


@pytest.mark.usefixtures("reported")
def test_an_error_that_ffmpeg_only_reports_is_a_warning(folder, tmp_path):
    """The checksum of a slice is wrong, so the decoder repeats a part of the previous frame."""
    content = bytearray((folder / "ffv1.mkv").read_bytes())
    content[len(content) // 2] ^= 16
    paths = [tmp_path / "first.mkv", tmp_path / "second.mkv"]
    for path in paths:
        path.write_bytes(content)
        with pytest.warns(M3SWarning, match=rf"{path.name}.*24 of 24.*slice CRC mismatch"):
            levels(path)


@pytest.mark.usefixtures("reported")
def test_threads_do_not_mix_up_reported_errors(folder, tmp_path):
    content = bytearray((folder / "ffv1.mkv").read_bytes())
    content[len(content) // 2] ^= 16
    (tmp_path / "damaged.mkv").write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        paths = [tmp_path / "damaged.mkv", folder / "ffv1.mkv"]
        threads = [threading.Thread(target=levels, args=[path]) for path in paths * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ["damaged.mkv" in str(w.message) for w in caught] == [True] * 3


def test_a_lost_packet_of_a_transport_stream_is_a_warning(folder, tmp_path):
    content = (folder / "mpeg2.ts").read_bytes()
    packets = [content[i : i + 188] for i in range(0, len(content), 188)]
    del packets[len(packets) // 2]
    path = tmp_path / "lost.ts"
    path.write_bytes(b"".join(packets))
    with pytest.warns(M3SWarning, match=r"lost\.ts.*1 of 2\d packets are corrupt"):
        levels(path)


def test_a_stream_that_begins_in_the_middle_can_be_read(folder, tmp_path):
    sound = tmp_path / "sound.ts"
    with av.open(str(sound), "w") as container:
        video = container.add_stream("mpeg2video", rate=25)
        video.height, video.width = 48, 64
        others = [container.add_stream("mp2", rate=48000) for _ in range(3)]
        for i in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 110, np.uint8), format="rgb24")
            frame.pts = i
            container.mux(video.encode(frame))
        for stream in others:
            silence = np.zeros((1, 2 * 48000), np.int16)
            frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
            frame.sample_rate = 48000
            container.mux(stream.encode(frame))
        for stream in (video, *others):
            container.mux(stream.encode(None))
    path = tmp_path / "joined.ts"
    path.write_bytes((folder / "mpeg2.ts").read_bytes() + sound.read_bytes())
    assert len(read_clip(path, n_frames=48, frame_size=32)) == 48


@pytest.mark.parametrize("kind", [AttributeError, OverflowError])
def test_whatever_pyav_raises_is_a_video_error(folder, monkeypatch, kind):
    def fail(*args, **kwargs):
        raise kind("for no good reason")

    monkeypatch.setattr(av, "open", fail)
    with pytest.raises(VideoError, match=rf"cannot be decoded \({kind.__name__}: for no good"):
        read_clip(folder / "vp9.webm", n_frames=1)
