"""TV-L1 against a known shift and against OpenCV's."""

from itertools import pairwise, repeat

import cv2
import numpy as np
import pytest

from sklearn_m3s.descriptors import _tvl1
from sklearn_m3s.descriptors._tvl1 import tvl1_fields


def warp_as_opencv(images, field):
    """Warp with cubic interpolation, and black outside the image."""
    height, width = images.shape[2:]
    x = field[0] + np.arange(width, dtype=np.float32)
    y = field[1] + np.arange(height, dtype=np.float32)[:, None]
    return np.array([list(map(cv2.remap, c, x, y, repeat(cv2.INTER_CUBIC))) for c in images])


def gradient_as_opencv(images):
    """Return images and their central differences."""
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    along = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]
    down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
    return np.stack([images, along / 2, down / 2])


@pytest.fixture
def images(rng):
    """Return a smooth texture of 40 x 60 that moves by (0.5, -1) pixels per image."""
    texture = cv2.GaussianBlur(rng.standard_normal((200, 200)), (0, 0), 6)
    texture = (127 + 100 * texture / np.abs(texture).max()).astype(np.float32)
    centres = [(100 + 0.5 * step, 100 - step) for step in range(4)]
    return np.stack([cv2.getRectSubPix(texture, (60, 40), centre) for centre in centres])


def test_fields_are_the_shift_along_x_and_y(images):
    fields = tvl1_fields(images)
    assert fields.shape == (2, 3, 40, 60)
    assert fields.dtype == np.float32
    shift = np.median(fields, axis=(2, 3))
    np.testing.assert_allclose(shift, [[-0.5] * 3, [1] * 3], atol=0.05)


def test_pairs_do_not_affect_each_other(images):
    np.testing.assert_array_equal(tvl1_fields(images)[:, :1], tvl1_fields(images[:2]))


@pytest.mark.parametrize(
    "settings",
    [
        {"scales": 2, "warps": 3, "medians": 2, "steps": 5},
        {"scales": 1, "warps": 2, "medians": 3, "steps": 7},
    ],
    ids=["default", "other"],
)
def test_with_the_warp_and_slopes_of_opencv_the_fields_equal_those_of_opencv(
    images, settings, monkeypatch
):
    pytest.importorskip("cv2.optflow", reason="needs OpenCV's contributed modules")
    monkeypatch.setattr(_tvl1, "with_gradient", gradient_as_opencv)
    monkeypatch.setattr(_tvl1, "warp", warp_as_opencv)
    solver = cv2.optflow.DualTVL1OpticalFlow_create(
        nscales=settings["scales"],
        scaleStep=0.5,
        warps=settings["warps"],
        outerIterations=settings["medians"],
        epsilon=1e-6,
        medianFiltering=3,
    )
    solver.setInnerIterations(settings["steps"])  # OpenCV misspells this keyword
    greys = np.rint(images).astype(np.uint8)
    theirs = [solver.calc(before, after, None) for before, after in pairwise(greys)]
    ours = tvl1_fields(greys.astype(np.float32), **settings)
    np.testing.assert_allclose(ours, np.moveaxis(theirs, -1, 0), atol=1e-3)
