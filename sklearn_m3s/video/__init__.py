"""Read RGB frames from paths and arrays, in bounded memory."""

from sklearn_m3s.video._ffmpeg_log import report_errors
from sklearn_m3s.video._geometry import FitGeometry, FrameGeometry
from sklearn_m3s.video._info import VideoInfo, probe
from sklearn_m3s.video._limits import VideoLimits, get_limits, memory_ceiling, set_limits
from sklearn_m3s.video._read import read_clip, read_video
from sklearn_m3s.video._read_windows import read_windows
from sklearn_m3s.video._reader import ClipReader, FrameReader, Meter, Reader
from sklearn_m3s.video._sampling import sample_at_rate, sample_evenly
from sklearn_m3s.video._source import check_content
from sklearn_m3s.video._validation import check_videos, video_name

__all__ = [
    "ClipReader",
    "FitGeometry",
    "FrameGeometry",
    "FrameReader",
    "Meter",
    "Reader",
    "VideoInfo",
    "VideoLimits",
    "check_content",
    "check_videos",
    "get_limits",
    "memory_ceiling",
    "probe",
    "read_clip",
    "read_video",
    "read_windows",
    "report_errors",
    "sample_at_rate",
    "sample_evenly",
    "set_limits",
    "video_name",
]
