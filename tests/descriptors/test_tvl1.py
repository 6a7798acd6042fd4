"""TV-L1 against OpenCV's, and in torch against NumPy."""

from itertools import pairwise, repeat

import cv2
import numpy as np
import pytest

from sklearn_m3s.descriptors._tvl1 import TVL1
from sklearn_m3s.descriptors._tvl1_numpy import NumPyBackend
from sklearn_m3s.descriptors._tvl1_torch import TorchBackend

BACKENDS = [NumPyBackend(), TorchBackend("cpu")]


class OpenCVBackend(NumPyBackend):
    """Warp as OpenCV does: cubic, and black outside the image, which the package finds worse."""

    def warp(self, images, field):
        height, width = images.shape[2:]
        x = field[0] + np.arange(width, dtype=np.float32)
        y = field[1] + np.arange(height, dtype=np.float32)[:, None]
        warped = [list(map(cv2.remap, c, x, y, repeat(cv2.INTER_CUBIC))) for c in images]
        return np.array(warped)


@pytest.fixture
def images(rng):
    """Return a smooth texture of 40 x 60 that moves by (0.5, -1) pixels an image."""
    texture = cv2.GaussianBlur(rng.standard_normal((200, 200)), (0, 0), 6)
    texture = (127 + 100 * texture / np.abs(texture).max()).astype(np.float32)
    centres = [(100 + 0.5 * step, 100 - step) for step in range(4)]
    return np.stack([cv2.getRectSubPix(texture, (60, 40), centre) for centre in centres])


@pytest.mark.parametrize("backend", BACKENDS, ids=["numpy", "torch"])
def test_fields_are_the_shift_along_x_and_y(images, backend):
    fields = backend.fetch(TVL1().fields(images, backend))
    assert fields.shape == (2, 3, 40, 60)
    assert fields.dtype == np.float32
    shift = np.median(fields, axis=(2, 3))
    np.testing.assert_allclose(shift, [[-0.5] * 3, [1] * 3], atol=0.05)


@pytest.mark.parametrize("settings", [{}, {"scales": 3, "warps": 1, "medians": 2, "steps": 7}])
def test_torch_gives_the_fields_of_numpy(images, settings):
    ours, theirs = (x.fetch(TVL1(**settings).fields(images, x)) for x in BACKENDS)
    np.testing.assert_allclose(ours, theirs, atol=0.02)  # OpenCV warps to 1/32 pixel


@pytest.mark.parametrize("settings", [{}, {"scales": 1, "warps": 3, "medians": 2, "steps": 7}])
def test_with_the_warp_of_opencv_the_fields_are_those_of_opencv(images, settings):
    pytest.importorskip("cv2.optflow", reason="needs OpenCV's contributed modules")
    ours = TVL1(**settings)
    solver = cv2.optflow.DualTVL1OpticalFlow_create(
        nscales=ours.scales,
        scaleStep=0.5,
        warps=ours.warps,
        outerIterations=ours.medians,
        epsilon=1e-6,
        medianFiltering=3,
    )
    solver.setInnerIterations(ours.steps)  # its keyword is misspelt in OpenCV
    greys = np.rint(images).astype(np.uint8)
    theirs = [solver.calc(before, after, None) for before, after in pairwise(greys)]
    fields = ours.fields(greys.astype(np.float32), OpenCVBackend())
    np.testing.assert_allclose(fields, np.moveaxis(theirs, -1, 0), atol=1e-3)
