import cv2
import numpy as np
import pytest
from skimage.data import camera
from skimage.feature import hog as reference_hog

from sklearn_m3s.descriptors import hog


@pytest.fixture(scope="module")
def photograph():
    """Return one RGB frame of 256 x 256."""
    grey = cv2.resize(camera(), (256, 256), interpolation=cv2.INTER_AREA)
    return np.repeat(grey[None, ..., None], 3, axis=-1)


@pytest.mark.parametrize(("cell_size", "n_features"), [(16, 8100), (8, 34596)])
def test_hog_is_close_to_scikit_image(photograph, cell_size, n_features):
    ours = hog(photograph, cell_size)
    assert ours.shape == (1, n_features)
    assert ours.dtype == np.float32
    theirs = reference_hog(
        photograph[0, ..., 0],
        orientations=9,
        pixels_per_cell=(cell_size, cell_size),
        cells_per_block=(2, 2),
        feature_vector=False,
    )
    n = 256 // cell_size - 1  # OpenCV goes down the columns, scikit-image along the rows
    ours = ours.reshape(n, n, 2, 2, 9).transpose(1, 0, 3, 2, 4)
    # OpenCV also shares a pixel among cells and orientations, and weighs it by its place.
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.75


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
