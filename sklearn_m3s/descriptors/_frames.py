"""Check frames and turn them grey, as all descriptors do first."""

import cv2
import numpy as np


def require_frames(frames: np.ndarray, smallest: int = 1, user: str = "this descriptor") -> None:
    """Raise an error unless `frames` is uint8 (T, H, W, 3), T >= 1, H and W >= `smallest`."""
    if not isinstance(frames, np.ndarray):
        raise TypeError(
            f"frames must be a NumPy array of uint8, got {type(frames).__name__}: "
            "stack the frames with np.stack"
        )
    if frames.dtype != np.uint8:
        raise TypeError(
            f"frames must be of dtype uint8 (values 0 to 255), got {frames.dtype} of shape "
            f"{frames.shape}: scale the values to 0..255 and convert with astype('uint8')"
        )
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.shape[0] == 0:
        raise ValueError(
            f"frames must be RGB of shape (T, H, W, 3) with T >= 1, got {frames.shape}: "
            "pass a single image as frames[None]"
        )
    if min(frames.shape[1:3]) < smallest:
        raise ValueError(
            f"frames must be at least {smallest} pixels high and wide for {user}, "
            f"got the shape {frames.shape}: resize the frames first"
        )


def grey(frame: np.ndarray) -> np.ndarray:
    """Return the luma of one RGB frame, uint8 (H, W)."""
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
