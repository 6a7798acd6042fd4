"""One pass for several readers gives each the same as a pass of its own."""

import numpy as np
import pytest

from sklearn_m3s.descriptors import brightness, contrast
from sklearn_m3s.exceptions import M3SError, VideoError
from sklearn_m3s.video import ClipReader, FrameGeometry, FrameReader, read_clip, read_video


class Mean:
    """A meter of a descriptor: its mean over all frames."""

    def __init__(self, function):
        self.function, self.values = function, []

    def add(self, frames, times, seconds):
        self.values.extend(self.function(frames))

    def value(self):
        return np.mean(self.values)


def test_readers_of_several_rates_and_sizes_share_a_pass(clip_path, decoded):
    def readers():
        return [
            FrameReader([Mean(brightness), Mean(contrast)], frame_size=24),
            FrameReader([Mean(brightness)], frame_rate=7, frame_size=16),
            ClipReader(4, FrameGeometry.square(32)),
            ClipReader(2, FrameGeometry(20, 20, shortest_edge=30)),
        ]

    together = read_video(clip_path, readers())
    assert len(decoded) == 1
    for value, reader in zip(together, readers(), strict=True):
        np.testing.assert_array_equal(value, read_video(clip_path, [reader])[0])


def test_a_failing_reader_does_not_affect_the_others(clip_path):
    def refuse(frames):
        raise ZeroDivisionError("no such frame")

    readers = [FrameReader([Mean(refuse)]), ClipReader(3, FrameGeometry.square(32))]
    failed, clip = read_video(clip_path, readers)
    assert isinstance(failed, ZeroDivisionError)
    np.testing.assert_array_equal(clip, read_clip(clip_path, n_frames=3, frame_size=32))


def test_a_bad_file_is_the_outcome_of_every_reader(tmp_path):
    readers = [ClipReader(n, FrameGeometry.square(32)) for n in (1, 2)]
    outcomes = read_video(tmp_path / "missing.mp4", readers)
    assert [type(outcome) for outcome in outcomes] == [VideoError, VideoError]


@pytest.mark.parametrize("error", [ImportError, M3SError, MemoryError])
def test_what_would_fail_for_every_video_is_raised(clip_path, error):
    def fail(frames):
        raise error("no codec")

    with pytest.raises(error, match="no codec"):
        read_video(clip_path, [FrameReader([Mean(fail)])])


def test_an_array_counts_as_sampled_at_the_rate_of_each_reader(draw):
    class Last:
        def add(self, frames, times, seconds):
            self.times = times + seconds

        def value(self):
            return self.times[-1]

    readers = [FrameReader([Last()], frame_rate=rate) for rate in (5, 10)]
    last = read_video(draw(6), readers)
    np.testing.assert_allclose(np.concatenate(last), [6 / 5, 6 / 10])
