"""Paths and arrays in, RGB frames out, in memory bound by what is asked for."""

from sklearn_m3s.video._geometry import FrameGeometry
from sklearn_m3s.video._read import read_clip, read_video
from sklearn_m3s.video._reader import ClipReader, FrameReader, Meter, Reader
from sklearn_m3s.video._sampling import sample_at_rate, sample_evenly
from sklearn_m3s.video._validation import check_videos, video_name

__all__ = [
    "ClipReader",
    "FrameGeometry",
    "FrameReader",
    "Meter",
    "Reader",
    "check_videos",
    "read_clip",
    "read_video",
    "sample_at_rate",
    "sample_evenly",
    "video_name",
]
