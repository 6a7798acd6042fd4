"""Paths and arrays in, RGB frames out, in memory bound by what is asked for."""

from sklearn_m3s.video._ffmpeg_log import report_errors
from sklearn_m3s.video._geometry import FrameGeometry
from sklearn_m3s.video._limits import VideoLimits, get_limits, memory_ceiling, set_limits
from sklearn_m3s.video._read import read_clip, read_video
from sklearn_m3s.video._reader import ClipReader, FrameReader, Meter, Reader
from sklearn_m3s.video._sampling import sample_at_rate, sample_evenly
from sklearn_m3s.video._source import check_content
from sklearn_m3s.video._validation import check_videos, video_name

__all__ = [
    "ClipReader",
    "FrameGeometry",
    "FrameReader",
    "Meter",
    "Reader",
    "VideoLimits",
    "check_content",
    "check_videos",
    "get_limits",
    "memory_ceiling",
    "read_clip",
    "read_video",
    "report_errors",
    "sample_at_rate",
    "sample_evenly",
    "set_limits",
    "video_name",
]
