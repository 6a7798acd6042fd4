import colorsys

import numpy as np
import pytest

from sklearn_m3s.descriptors import brightness, contrast


def test_contrast_of_two_greys_is_half_their_distance():
    frames = np.full((2, 6, 6, 3), 40, np.uint8)
    frames[1, :, :3] = 100
    np.testing.assert_allclose(contrast(frames), [0, 30])


def test_contrast_weighs_the_channels_as_the_eye_does():
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    for channel in range(3):
        frames[channel, :2, :, channel] = 255
    luma = 255 * np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, red first
    np.testing.assert_allclose(contrast(frames), luma / 2, atol=0.3)


def test_value_is_the_mean_of_the_largest_channel(rng):
    frames = rng.integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    np.testing.assert_allclose(brightness(frames), frames.max(axis=3).mean(axis=(1, 2)))


def test_hue_is_in_degrees(rng):
    colours = rng.integers(0, 256, (20, 3), dtype=np.uint8)
    frames = np.tile(colours[:, None, None], (1, 4, 4, 1))
    expected = [360 * colorsys.rgb_to_hsv(*colour)[0] for colour in colours / 255]
    np.testing.assert_allclose(brightness(frames, component="hue"), expected, atol=1.5)


@pytest.mark.parametrize(
    ("describe", "name"),
    [(contrast, "contrast"), (brightness, "value_mean")],
    ids=["contrast", "brightness"],
)
def test_photometry_equals_the_reference_on_real_clips(golden, clips, describe, name):
    for clip, frames in clips.items():
        np.testing.assert_allclose(describe(frames), golden[clip][name], atol=0.01)
