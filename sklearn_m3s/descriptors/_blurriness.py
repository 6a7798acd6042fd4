"""Blurriness of each frame by two definitions, both computed from its spectrum."""

import cv2
import numpy as np
import scipy.fft
from sklearn.utils._param_validation import StrOptions, validate_params

from sklearn_m3s.descriptors._frames import grey, require_frames

# Frequencies below 60 cycles per image on both axes are cut. A grid of 320 ranks real clips as the
# authors' grid of 500 does: Spearman 0.998, and 0.985 with a grid of 256
# (``benchmarks/results/descriptors.csv``).
_GRID, _CUT = 320, 60
_FLOOR = 0.5  # half a grey level, the error of 8-bit frames; it keeps log finite
_SMALLEST = 8


@validate_params(
    {"frames": "no_validation", "method": [StrOptions({"spectrum", "slope"})]},
    prefer_skip_nested_validation=True,
)
def blurriness(frames: np.ndarray, *, method: str = "spectrum") -> np.ndarray:
    """Measure how blurred each frame is.

    The two methods have opposite directions: a larger number means a *sharper* frame with
    "spectrum", and a more blurred one with "slope".

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3), dtype uint8
        RGB frames, at least 8 pixels high and wide.
    method : {"spectrum", "slope"}, default="spectrum"
        - "spectrum": the mean over the pixels of 20 ln abs(h), where h is the grey frame, resized
          to 320 x 320, without its frequencies below 60 cycles per image on both axes. Values of
          abs(h) far below half a grey level count as half a grey level. It ranks videos as the
          paper's code does.
        - "slope": the exponent alpha of S(f) = A f ** -alpha, where S is the power spectrum,
          averaged over directions. First, the mean of the frame is subtracted and a Hann window is
          applied. Then alpha is fitted by least squares on log-log axes, from one cycle per shorter
          side to half a cycle per pixel.

    Returns
    -------
    ndarray of shape (T,), dtype float64
        For "spectrum", from 20 ln 0.5 = -13.9 (a flat frame) to about 97. For "slope", a number
        without unit: 0 for white noise or a flat frame, 2 to 3 for sharp photographs, more for
        blurred ones.

    Raises
    ------
    TypeError
        If `frames` is not a uint8 array.
    ValueError
        If `frames` is not of shape (T, H, W, 3) with T >= 1, is smaller than 8 pixels, or
        `method` is unknown.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 3.2 (iii), and its public code.
    Liu, Li, Jia: Image partial blur detection and classification, CVPR 2008, for the slope.

    Examples
    --------
    >>> import cv2
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import blurriness
    >>> sharp = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype="uint8")
    >>> blurred = cv2.GaussianBlur(sharp, (0, 0), 2)
    >>> spectrum = blurriness(np.stack([sharp, blurred]))
    >>> bool(spectrum[0] > spectrum[1])
    True
    """
    require_frames(frames, _SMALLEST, "blurriness")
    if method == "spectrum":
        return np.array([_high_frequency_level(grey(frame)) for frame in frames])
    return _slopes(frames)


def _high_frequency_level(image: np.ndarray) -> float:
    image = cv2.resize(image.astype(np.float32), (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    # The high pass is the image minus its low frequencies, so that only those are transformed.
    # `power` is first their difference, then its square plus the floor, then the logarithm.
    spectrum = scipy.fft.rfft(image, axis=1)[:, :_CUT]
    spectrum = scipy.fft.fft(np.ascontiguousarray(spectrum), axis=0, overwrite_x=True)
    spectrum[_CUT:-_CUT] = 0
    spectrum = scipy.fft.ifft(spectrum, axis=0, overwrite_x=True)
    power = scipy.fft.irfft(spectrum, _GRID, axis=1)
    power -= image
    power *= power
    power += _FLOOR**2
    return 10 * np.log(power, out=power).mean(dtype=np.float64)


def _slopes(frames: np.ndarray) -> np.ndarray:
    """Return alpha of each frame: minus the slope of log power against log frequency."""
    height, width = frames.shape[1:3]
    side = min(height, width)
    # Frequencies of equal length, in cycles per shorter side, share a ring.
    ring = np.rint(
        side * np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.rfftfreq(width))
    ).astype(int)
    count = np.bincount(ring.ravel())
    used = slice(1, side // 2 + 1)
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])

    def log_power(image: np.ndarray) -> np.ndarray:
        power = np.abs(scipy.fft.rfft2((image - image.mean()) * window)) ** 2
        radial = np.bincount(ring.ravel(), weights=power.ravel()) / count
        return np.log(radial[used] + np.finfo(float).eps)  # a flat frame has no power at all

    curves = np.stack([log_power(grey(frame)) for frame in frames], axis=1)
    return -np.polyfit(np.log(np.arange(1, side // 2 + 1)), curves, 1)[0]
