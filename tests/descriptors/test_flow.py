from functools import partial

import cv2
import numpy as np
import pytest

from sklearn_m3s.descriptors import flow

METHODS = ["tvl1", "dis", "farneback"]
TOLERANCE = 0.05 if cv2.__version__ >= "5" else 0.06  # OpenCV 4.9 is 5.2 % off


@pytest.fixture
def view(rng):
    """Return a function that cuts a frame out of one smooth texture, moved by whole pixels."""
    texture = cv2.GaussianBlur(rng.standard_normal((640, 640)), (0, 0), 6)
    texture = np.rint(127 + 100 * texture / np.abs(texture).max()).astype(np.uint8)

    def cut(dx=0, dy=0, height=256, width=256):
        part = texture[40 + dy : 40 + dy + height, 40 + dx : 40 + dx + width]
        return np.repeat(part[..., None], 3, axis=-1)

    return cut


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [(3, 0), (0, 5), (6, 8)])
def test_flow_of_a_moved_texture_is_its_shift(method, shift, view):
    lengths = flow(np.stack([view(), view(*shift)]), method=method)
    np.testing.assert_allclose(lengths, [np.hypot(*shift)], rtol=TOLERANCE)


@pytest.mark.parametrize("grain", [1.5, 2, 3, 4])
@pytest.mark.parametrize("shift", [0.5, 1, 2, 4, 8])
def test_flow_of_a_fine_texture_is_its_shift(rng, grain, shift):
    noise = rng.integers(0, 256, (256, 300, 3)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), grain), None, 0, 255, cv2.NORM_MINMAX)
    moved = cv2.warpAffine(texture, np.float32([[1, 0, -shift], [0, 1, 0]]), (300, 256))
    frames = np.rint(np.stack([texture, moved])[:, :, 20:276]).astype(np.uint8)
    np.testing.assert_allclose(flow(frames), [shift], rtol=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_flow_is_in_pixels_of_the_given_frames(method, view):
    frames = np.stack([view(), view(6, 8)])
    smaller = np.stack([cv2.resize(frame, (128, 128), None, 0, 0, 3) for frame in frames])
    np.testing.assert_allclose(flow(smaller, method=method), [5], rtol=0.1)


def test_flow_of_oblong_frames_is_scaled_axis_by_axis(view):
    frames = np.stack([view(height=256, width=401), view(6, 8, height=256, width=401)])
    np.testing.assert_allclose(flow(frames), [10], rtol=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_identical_frames_do_not_move(method, view):
    np.testing.assert_allclose(flow(np.stack([view()] * 3), method=method), [0, 0], atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_has_no_pairs(method, view):
    lengths = flow(view()[None], method=method)
    assert lengths.shape == (0,)
    assert lengths.dtype == np.float64


@pytest.mark.parametrize("method", METHODS)
def test_blocks_that_overlap_by_a_frame_give_the_same(method, view):
    frames = np.stack([view(step, 2 * step) for step in range(5)])
    blocks = np.concatenate([flow(frames[:3], method=method), flow(frames[2:], method=method)])
    np.testing.assert_allclose(blocks, flow(frames, method=method), rtol=1e-9)


def test_many_pairs_have_the_flow_of_each_pair_alone(view):
    frames = np.stack([view(step % 7, step % 5) for step in range(40)])
    pairs = [flow(frames[i : i + 2])[0] for i in range(39)]
    np.testing.assert_allclose(flow(frames), pairs, rtol=1e-9)


def test_long_thin_frames_are_accepted(rng):
    frames = rng.integers(0, 256, (3, 4000, 16, 3), dtype=np.uint8)
    assert np.isfinite(flow(frames)).all()


@pytest.mark.parametrize(("method", "least"), [("tvl1", 0.995), ("dis", 0.99), ("farneback", 0.98)])
def test_flow_ranks_real_windows_as_the_reference(rank_agreement, method, least):
    assert rank_agreement(partial(flow, method=method), "tvl1_pair_mean") >= least
