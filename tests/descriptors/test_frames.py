import numpy as np
import pytest

from sklearn_m3s.descriptors import (
    H264Meter,
    blurriness,
    brightness,
    contrast,
    flow,
    h264_bytes,
    hog,
)


def _slope(frames):
    return blurriness(frames, method="slope")


PER_FRAME = [contrast, brightness, blurriness, _slope, hog]
ALL = [*PER_FRAME, flow, h264_bytes, H264Meter().add]


@pytest.mark.parametrize("describe", ALL)
def test_another_dtype_is_an_error_that_names_it(describe):
    with pytest.raises(TypeError, match=r"frames .* uint8 .* float64 of shape \(2, 48, 48, 3\)"):
        describe(np.zeros((2, 48, 48, 3)))


@pytest.mark.parametrize("describe", ALL)
def test_a_list_of_frames_is_an_error_that_names_the_cure(describe):
    with pytest.raises(TypeError, match=r"got list: stack the frames with np\.stack"):
        describe([np.zeros((48, 48, 3), np.uint8)])


@pytest.mark.parametrize("describe", ALL)
@pytest.mark.parametrize("shape", [(48, 48, 3), (0, 48, 48, 3), (2, 48, 48, 4), (2, 3, 48, 48)])
def test_another_shape_is_an_error_that_names_it(describe, shape):
    with pytest.raises(ValueError, match=rf"frames .*got \({shape[0]}, {shape[1]}"):
        describe(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("describe", "smallest"), [(blurriness, 8), (hog, 32), (flow, 16)], ids=lambda x: str(x)[:20]
)
def test_too_small_frames_are_an_error_that_names_the_smallest(describe, smallest):
    describe(np.zeros((2, smallest, smallest, 3), np.uint8))
    with pytest.raises(ValueError, match=f"at least {smallest} pixels"):
        describe(np.zeros((2, smallest, smallest - 1, 3), np.uint8))


@pytest.mark.parametrize("describe", PER_FRAME)
def test_frames_may_be_added_in_blocks(describe, rng):
    frames = rng.integers(0, 256, (5, 48, 40, 3), dtype=np.uint8)
    blocks = np.concatenate([describe(frames[:2]), describe(frames[2:])])
    np.testing.assert_allclose(blocks, describe(frames), rtol=1e-9)


@pytest.mark.parametrize("describe", [*PER_FRAME, flow, h264_bytes])
def test_read_only_and_strided_frames_give_the_same(describe, rng):
    frames = rng.integers(0, 256, (2, 96, 96, 6), dtype=np.uint8)
    frames.flags.writeable = False
    view = frames[::-1, ::2, ::-2, ::2]
    np.testing.assert_allclose(describe(view), describe(np.ascontiguousarray(view)), rtol=1e-9)


@pytest.mark.parametrize(
    ("describe", "parameter", "value"),
    [
        (brightness, "component", "saturation"),
        (blurriness, "method", "laplace"),
        (hog, "cell_size", 1),
        (flow, "method", "raft"),
    ],
)
def test_an_unknown_option_is_an_error_that_names_it(describe, parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter"):
        describe(np.zeros((2, 48, 48, 3), np.uint8), **{parameter: value})
