"""Low-level descriptors: from the frames of a video to a few numbers.

The functions take uint8 RGB frames of shape (T, H, W, 3). They treat each frame, or each pair of
successive frames, separately. The classes take the frames of a whole video in blocks, and return
one number or vector. They share one interface: ``add(frames, times, seconds)`` and ``value()``.
"""

from sklearn_m3s.descriptors._blurriness import blurriness
from sklearn_m3s.descriptors._flow import flow
from sklearn_m3s.descriptors._h264 import H264Meter, h264_bytes
from sklearn_m3s.descriptors._hog import hog
from sklearn_m3s.descriptors._over_time import FlowOverTime, MeanOverTime
from sklearn_m3s.descriptors._photometry import brightness, contrast

__all__ = [
    "FlowOverTime",
    "H264Meter",
    "MeanOverTime",
    "blurriness",
    "brightness",
    "contrast",
    "flow",
    "h264_bytes",
    "hog",
]
