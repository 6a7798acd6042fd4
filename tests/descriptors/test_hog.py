import cv2
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from skimage.data import camera
from skimage.feature import hog as reference_hog

from sklearn_m3s.descriptors import hog


@pytest.fixture(scope="module")
def photograph():
    """Return one RGB frame of 256 x 256."""
    grey = cv2.resize(camera(), (256, 256), interpolation=cv2.INTER_AREA)
    return np.repeat(grey[None, ..., None], 3, axis=-1)


@pytest.mark.parametrize(("side", "cell_size"), [(256, 8), (132, 12), (36, 5)])
def test_hog_equals_that_of_scikit_image(photograph, side, cell_size):
    ours = hog(photograph[:, :side, :side], cell_size=cell_size)
    whole = side // cell_size * cell_size
    theirs = reference_hog(photograph[0, :whole, :whole, 0], 9, (cell_size,) * 2, (2, 2))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours[0], theirs, atol=1e-6)


def test_cells_of_sixteen_equal_cells_of_eight_in_half_the_frame(photograph):
    half = cv2.resize(photograph[0], (128, 128), interpolation=cv2.INTER_AREA)
    assert hog(photograph).shape == (1, 8100)
    np.testing.assert_allclose(hog(photograph), hog(half[None], cell_size=8), atol=1e-6)


@pytest.mark.parametrize("orientation", range(9))
def test_a_slanted_ramp_falls_into_its_orientation(orientation):
    angle = np.deg2rad(20 * orientation + 10)
    y, x = np.mgrid[-16:16, -16:16]
    ramp = np.rint(127.5 + 5.5 * (np.cos(angle) * x + np.sin(angle) * y)).astype(np.uint8)
    bins = hog(np.repeat(ramp[None, ..., None], 3, axis=-1), cell_size=8).reshape(-1, 9)
    assert (bins.argmax(axis=1) == orientation).all()


def test_blocks_have_unit_norm(photograph):
    norms = np.linalg.norm(hog(photograph).reshape(-1, 36), axis=1)
    np.testing.assert_allclose(norms, 1, atol=0.01)


def test_a_flat_frame_has_no_gradients():
    assert not hog(np.full((1, 64, 64, 3), 9, np.uint8)).any()


def test_pixels_beyond_the_last_whole_cell_are_left_out(rng):
    frames = rng.integers(0, 256, (2, 70, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(hog(frames), hog(frames[:, :64, :48]))


def test_hog_keeps_the_distances_of_real_windows(clips):
    """Rank correlation with cells of 8 pixels, four times as many, which the paper's code has."""

    def distances(cell_size):
        rows = [hog(clip[::5], cell_size=cell_size) for clip in clips.values()]
        return pdist([part[i : i + 9].mean(axis=0) for part in rows for i in (0, 9)])

    assert spearmanr(distances(16), distances(8))[0] >= 0.98
