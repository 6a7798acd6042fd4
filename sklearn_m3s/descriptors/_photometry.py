"""Contrast and brightness of each frame."""

import cv2
import numpy as np
from sklearn.utils._param_validation import StrOptions, validate_params

from sklearn_m3s.descriptors._frames import grey, require_frames

_CHANNEL = {"hue": 0, "value": 2}


def contrast(frames: np.ndarray) -> np.ndarray:
    """Compute the standard deviation of the grey values of each frame.

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3), dtype uint8
        RGB frames.

    Returns
    -------
    ndarray of shape (T,), dtype float64
        In grey levels, from 0 (one flat colour) to 127.5 (half black, half white).

    Raises
    ------
    TypeError
        If `frames` is not a uint8 array.
    ValueError
        If `frames` is not of shape (T, H, W, 3) with T >= 1.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 3.2 (i).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import contrast
    >>> frame = np.zeros((4, 4, 3), dtype="uint8")
    >>> frame[:2] = 255
    >>> float(contrast(frame[None])[0])
    127.5
    """
    require_frames(frames)
    return np.array([cv2.meanStdDev(grey(frame))[1].item() for frame in frames])


@validate_params(
    {"frames": "no_validation", "component": [StrOptions(set(_CHANNEL))]},
    prefer_skip_nested_validation=True,
)
def brightness(frames: np.ndarray, *, component: str = "value") -> np.ndarray:
    """Compute the mean value, or the mean hue, of each frame.

    The paper averages the value in section 3.1 and the hue in section 3.2. The default is the
    value, the usual meaning of brightness.

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3), dtype uint8
        RGB frames.
    component : {"value", "hue"}, default="value"
        The component of HSV to average. The mean of the hue ignores that hue is an angle: two
        reds, at 2 and 358 degrees, average to 180 degrees, which is cyan. Greys count as 0
        degrees.

    Returns
    -------
    ndarray of shape (T,), dtype float64
        For "value", from 0 (black) to 255; for "hue", in degrees, from 0 to 360.

    Raises
    ------
    TypeError
        If `frames` is not a uint8 array.
    ValueError
        If `frames` is not of shape (T, H, W, 3) with T >= 1, or `component` is unknown.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, sections 3.1 and 3.2 (ii).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import brightness
    >>> green = np.zeros((1, 4, 4, 3), dtype="uint8")
    >>> green[..., 1] = 200
    >>> float(brightness(green)[0]), float(brightness(green, component="hue")[0])
    (200.0, 120.0)
    """
    require_frames(frames)
    channel = _CHANNEL[component]
    scale = 2.0 if component == "hue" else 1.0  # OpenCV's 8-bit hue counts pairs of degrees
    hsv = (cv2.cvtColor(frame, cv2.COLOR_RGB2HSV) for frame in frames)
    return np.array([scale * cv2.mean(image)[channel] for image in hsv])
