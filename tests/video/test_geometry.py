"""Geometries of frames, on pictures whose pixels encode their position."""

import cv2
import numpy as np
import pytest

from sklearn_m3s.video import FrameGeometry


@pytest.fixture
def ramp():
    """Return a picture of 100 x 200 pixels: red is the row, green the column."""
    rows, columns = np.mgrid[:100, :200]
    return np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)


def test_a_square_holds_the_whole_frame(ramp):
    picture = FrameGeometry.square(50).apply(ramp)
    expected = cv2.resize(ramp, (50, 50), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(picture, expected)


def test_a_crop_keeps_proportions_and_the_centre(ramp):
    picture = FrameGeometry(60, 60, shortest_edge=100).apply(ramp)
    np.testing.assert_array_equal(picture, ramp[20:80, 70:130])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((360, 640), (256, 455)), ((640, 360), (455, 256)), ((100, 100), (256, 256))],
)
def test_the_longer_side_is_rounded_down(shape, expected):
    assert FrameGeometry(224, 224, shortest_edge=256).resized_shape(*shape) == expected


def test_a_tall_frame_is_cropped_at_top_and_bottom(ramp):
    picture = FrameGeometry(50, 100, shortest_edge=100).apply(ramp.swapaxes(0, 1))
    np.testing.assert_array_equal(picture, ramp.swapaxes(0, 1)[75:125])
