"""Paths and arrays in, RGB frames out, in memory bound by what is asked for."""

from sklearn_m3s.video._inputs import check_videos, video_name
from sklearn_m3s.video._read import read_clip, share_video, stream_frames
from sklearn_m3s.video._sampling import sample_at_rate, sample_evenly

__all__ = [
    "check_videos",
    "read_clip",
    "sample_at_rate",
    "sample_evenly",
    "share_video",
    "stream_frames",
    "video_name",
]
