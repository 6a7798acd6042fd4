"""One pass for several readers gives each what it would have read alone."""

import numpy as np
import pytest

from sklearn_m3s.video import read_clip, sample_evenly, share_video, stream_frames


def streamed(video):
    return np.concatenate([frames for frames, _ in stream_frames(video, frame_size=24)])


@pytest.fixture
def passes(monkeypatch):
    """Return a list that grows whenever a pass over a file begins."""
    from sklearn_m3s.video import _pyav

    begun = []
    original = _pyav.PyAVVideo.frames
    monkeypatch.setattr(
        _pyav.PyAVVideo, "frames", lambda self, wanted: begun.append(1) or original(self, wanted)
    )
    return begun


def test_readers_of_several_sizes_share_a_pass(clip_path, passes):
    expected = (
        streamed(clip_path),
        *(read_clip(clip_path, n_frames=n, frame_size=side) for n, side in ((4, 32), (2, 16))),
    )
    passes.clear()
    shared = share_video(clip_path)
    shared.keep(sample_evenly(shared.times, 4), 32)
    shared.keep(sample_evenly(shared.times, 2), 16)
    np.testing.assert_array_equal(streamed(shared), expected[0])
    np.testing.assert_array_equal(read_clip(shared, n_frames=4, frame_size=32), expected[1])
    np.testing.assert_array_equal(read_clip(shared, n_frames=2, frame_size=16), expected[2])
    assert len(passes) == 1


def test_what_was_not_asked_for_is_decoded_again(clip_path, passes):
    shared = share_video(clip_path)
    shared.keep(sample_evenly(shared.times, 1), 32)
    streamed(shared)
    clip = read_clip(shared, n_frames=3, frame_size=32)
    np.testing.assert_array_equal(clip, read_clip(clip_path, n_frames=3, frame_size=32))
    assert len(passes) == 3


def test_a_reader_that_stops_half_way_leaves_nothing_to_rely_on(clip_path, passes):
    shared = share_video(clip_path)
    shared.keep(sample_evenly(shared.times, 3), 32)
    next(iter(stream_frames(shared, frame_rate=30, frame_size=24)))
    clip = read_clip(shared, n_frames=3, frame_size=32)
    np.testing.assert_array_equal(clip, read_clip(clip_path, n_frames=3, frame_size=32))
    assert len(passes) == 3
