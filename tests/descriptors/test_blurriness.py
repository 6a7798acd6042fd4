import cv2
import numpy as np
import pytest

from sklearn_m3s.descriptors import blurriness


def _rgb(images):
    images = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return np.repeat(images[..., None], 3, axis=-1)


def _power_law(shape, alpha, rng):
    """Return a grey image of random phases whose power falls as frequency ** -alpha."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = np.inf
    phases = np.fft.rfft2(rng.standard_normal(shape))
    amplitude = np.ones(frequency.shape) if alpha == 0 else frequency ** (-alpha / 2)
    image = np.fft.irfft2(phases / np.abs(phases) * amplitude, s=shape)
    return 127 + 30 * (image - image.mean()) / image.std()


def _wave(cycles, amplitude=50, side=320):
    along = 127.5 + amplitude * np.cos(2 * np.pi * cycles * np.arange(side) / side + 0.3)
    return np.tile(along, (side, 1))


@pytest.mark.parametrize("alpha", [0, 1, 2, 3])
@pytest.mark.parametrize("shape", [(256, 256), (128, 256)])
def test_slope_is_the_exponent_of_the_power_spectrum(alpha, shape, rng):
    frames = _rgb(np.stack([_power_law(shape, alpha, rng) for _ in range(8)]))
    assert blurriness(frames, method="slope").mean() == pytest.approx(alpha, abs=0.1)


def test_spectrum_of_a_high_wave_is_its_mean_log():
    wave = _rgb(_wave(100)[None])
    high = wave[0, ..., 0] - wave[0, ..., 0].mean()
    expected = 10 * np.log(high**2 + 0.25).mean()
    np.testing.assert_allclose(blurriness(wave), expected, rtol=1e-3)


@pytest.mark.parametrize(("cycles", "passes"), [(55, False), (65, True)])
def test_spectrum_cuts_below_sixty_cycles(cycles, passes):
    level = blurriness(_rgb(_wave(cycles)[None]))[0]
    assert (level > 50) if passes else (level < 0)


@pytest.mark.parametrize(("method", "direction"), [("spectrum", -1), ("slope", 1)])
def test_more_blur_changes_the_measure_in_one_direction(method, direction, rng):
    sharp = _power_law((256, 256), 2, rng)
    frames = _rgb(np.stack([sharp, *(cv2.GaussianBlur(sharp, (0, 0), s) for s in (0.7, 1.5))]))
    assert (np.diff(blurriness(frames, method=method)) * direction > 0).all()


@pytest.mark.parametrize(("method", "level"), [("spectrum", 20 * np.log(0.5)), ("slope", 0)])
def test_flat_frames_are_finite(method, level):
    frames = np.full((2, 50, 70, 3), 77, np.uint8)
    np.testing.assert_allclose(blurriness(frames, method=method), level, atol=1e-6)


def test_spectrum_ranks_real_windows_as_the_reference(rank_agreement):
    assert rank_agreement(blurriness, "blurriness_fft500") >= 0.995
