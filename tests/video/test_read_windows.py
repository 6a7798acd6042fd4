"""Windows of a video give the same as files of their frames."""

import av
import numpy as np
import pytest

from sklearn_m3s import RawPerception
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video import ClipReader, FrameGeometry, read_video, read_windows

GEOMETRY = FrameGeometry.square(32)


class Indices:
    """A reader that returns the indices and times of the frames of a window."""

    geometry, frame_rate = GEOMETRY, 15

    def wanted(self, times, end):
        self.end, self.found = end - times[0], []
        return np.arange(len(times))

    def add(self, index, picture, time):
        self.found.append((index, round(time, 4), int(picture[0, -1, 0])))

    def value(self):
        return self.found, round(self.end, 4)


def windows(video, **settings):
    spans, values = read_windows(video, [Indices()], **settings)
    return spans.tolist(), [value for [value] in values]


@pytest.fixture
def noise(rng):
    """Return six seconds of noise at 15 frames per second."""
    return rng.integers(0, 256, (90, 40, 40, 3), dtype=np.uint8)


def test_a_window_has_the_frames_from_its_start_to_before_its_end(draw):
    video = draw(30)
    spans, found = windows(video, window=1, stride=0.4)
    assert spans == [[0, 1], [0.4, 1.4], [0.8, 1.8]]
    for start, (frames, end) in zip((0, 6, 12), found, strict=True):
        assert [index for index, _, _ in frames] == list(range(15))
        assert [grey for _, _, grey in frames] == [4 * (start + i) for i in range(15)]
        assert [time for _, time, _ in frames] == [round(i / 15, 4) for i in range(15)]
        assert end == 1


@pytest.mark.parametrize("n_frames", [1, 14, 15])
def test_a_video_no_longer_than_the_window_is_one_window(draw, n_frames):
    spans, [(frames, end)] = windows(draw(n_frames), window=1, stride=0.1)
    assert spans == [[0, pytest.approx(n_frames / 15)]]
    assert len(frames) == n_frames
    assert end == pytest.approx(n_frames / 15, abs=1e-4)


def test_the_last_window_ends_less_than_a_stride_before_the_end(draw):
    assert windows(draw(44), window=1, stride=0.5)[0] == [[0, 1], [0.5, 1.5], [1, 2], [1.5, 2.5]]
    assert windows(draw(45), window=1, stride=0.5)[0][-1] == [2, 3]


def test_gaps_between_windows_are_left_out(draw):
    spans, found = windows(draw(60), window=0.2, stride=2)
    assert spans == [[0, 0.2], [2, 2.2]]
    assert [[grey for _, _, grey in frames] for frames, _ in found] == [[0, 4, 8], [120, 124, 128]]


def test_a_part_of_the_windows_can_be_read(draw):
    spans, found = windows(draw(60), window=1, stride=0.5)
    again, others = windows(draw(60), window=1, stride=0.5, part=slice(1, None, 3))
    assert again == spans
    assert others == found[1::3]


def test_a_frame_that_is_shown_for_long_is_in_all_windows(tmp_path, draw, write_clip):
    path = write_clip(
        tmp_path / "clip.mp4", draw(4), rate=10, ticks=[0, 1, 50, 51], options={"bf": "0"}
    )
    _, found = windows(path, window=1, stride=1)
    assert [[index for index, _, _ in frames] for frames, _ in found] == [[0, 1], *([[0]] * 4)]
    assert [end for _, end in found[:1]] == [1]


@pytest.mark.parametrize(("window", "stride"), [(2, 1), (1.5, 0.7)])
def test_arrays_give_what_their_slices_give(noise, window, stride):
    raw = RawPerception(frame_size=32, hog_cell=8)
    readers = [raw._reader(), ClipReader(7, GEOMETRY)]
    spans, values = read_windows(noise, readers, window=window, stride=stride)
    for (start, end), found in zip(spans, values, strict=True):
        cut = noise[int(np.ceil(start * 15 - 1e-6)) : int(np.ceil(end * 15 - 1e-6))]
        expected = read_video(cut, [raw._reader(), ClipReader(7, GEOMETRY)])
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
        np.testing.assert_array_equal(found[1], expected[1])


def cut(path, target, start, stop):
    """Copy the packets of some frames of an intra-coded file to another."""
    with av.open(path) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size][start:stop]
        offset = packets[0].pts
        for packet in packets:
            packet.pts -= offset
            packet.dts = packet.pts
            packet.stream = copy
            container.mux(packet)
    return str(target)


@pytest.mark.parametrize(("suffix", "rate"), [("mkv", 30), ("mp4", 25)])
def test_files_give_what_files_of_a_window_give(noise, tmp_path, write_clip, suffix, rate):
    options = {"g": "1", "bf": "0", "crf": "20"}
    path = write_clip(tmp_path / f"clip.{suffix}", noise, rate=rate, options=options)
    raw = RawPerception(frame_size=32, hog_cell=8)
    spans, values = read_windows(
        path, [raw._reader(), ClipReader(5, GEOMETRY)], window=1.4, stride=0.6
    )
    for i, (start, end) in enumerate(spans):
        first, stop = (int(round(time * rate, 3)) for time in (start, end))
        assert first == pytest.approx(start * rate)
        own = cut(path, tmp_path / f"{i}.{suffix}", first, stop)
        expected = read_video(own, [raw._reader(), ClipReader(5, GEOMETRY)])
        found = next(values)
        np.testing.assert_allclose(found[0], expected[0], rtol=2e-3)
        np.testing.assert_array_equal(found[1], expected[1])


def test_windows_come_before_the_rest_is_decoded(noise):
    decoded = []

    class Noted(Indices):
        def add(self, index, picture, time):
            decoded.append(index)

        def value(self):
            return len(decoded)

    _, values = read_windows(noise, [Noted()], window=1, stride=1)
    assert [value for [value] in values] == [15, 30, 45, 60, 75, 90]


def test_a_failing_reader_loses_only_its_window(draw):
    class Fails(Indices):
        def add(self, index, picture, time):
            if picture[0, -1, 0] == 80:
                raise ValueError("dark")

        def value(self):
            return "fine"

    _, values = read_windows(draw(45), [Fails(), Indices()], window=1, stride=1)
    values = list(values)
    assert [value[0] == "fine" for value in values] == [True, False, True]
    assert "dark" in str(values[1][0])
    assert len(values[1][1][0]) == 15


def test_damaged_frames_lose_only_their_windows(tmp_path, noise, write_clip):
    path = tmp_path / "clip.mp4"
    write_clip(path, noise, rate=15, options={"g": "1", "bf": "0"})
    content = path.read_bytes()
    start, end = len(content) * 2 // 5, len(content) // 2
    path.write_bytes(content[:start] + bytes(end - start) + content[end:])
    _, found = windows(path, window=1, stride=1)
    are_lost = [isinstance(value, VideoError) for value in found]
    assert are_lost == [False, False, True, False, False, False]
    assert "of 15 frames could be decoded" in str(found[2])


def test_what_is_not_a_video_is_an_error():
    with pytest.raises(VideoError, match="does not exist"):
        read_windows("missing.mp4", [Indices()], window=1, stride=1)
