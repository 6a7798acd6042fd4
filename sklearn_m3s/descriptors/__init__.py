"""Low-level descriptors: pure functions from the frames of a video to a few numbers.

Each takes uint8 RGB frames of shape (T, H, W, 3) and treats every frame, or pair of successive
frames, by itself, so that a long video can be described in blocks.
"""

from sklearn_m3s.descriptors._flow import flow
from sklearn_m3s.descriptors._h264 import H264Meter, h264_bytes
from sklearn_m3s.descriptors._hog import hog
from sklearn_m3s.descriptors._photometry import brightness, contrast
from sklearn_m3s.descriptors._sharpness import blurriness

__all__ = ["H264Meter", "blurriness", "brightness", "contrast", "flow", "h264_bytes", "hog"]
