"""Transformers from videos to a matrix, one per tier of representation."""

from sklearn_m3s.tiers._clip_encoder import ClipEncoder
from sklearn_m3s.tiers._describe import describe, describe_all
from sklearn_m3s.tiers._describe_windows import describe_windows
from sklearn_m3s.tiers._described_videos import DescribedVideos, take_videos
from sklearn_m3s.tiers._event_understanding import EventUnderstanding
from sklearn_m3s.tiers._frame_encoder import FrameEncoder
from sklearn_m3s.tiers._raw_perception import RawPerception
from sklearn_m3s.tiers._scene_parsing import SceneParsing
from sklearn_m3s.tiers._tier_union import TierUnion, describe_for, first_tiers
from sklearn_m3s.tiers._video_transformer import SharedParameters, VideoTransformer

__all__ = [
    "ClipEncoder",
    "DescribedVideos",
    "EventUnderstanding",
    "FrameEncoder",
    "RawPerception",
    "SceneParsing",
    "SharedParameters",
    "TierUnion",
    "VideoTransformer",
    "describe",
    "describe_all",
    "describe_for",
    "describe_windows",
    "first_tiers",
    "take_videos",
]
