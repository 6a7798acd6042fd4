"""Transformers from videos to a matrix, one a tier of representation."""

from sklearn_m3s.tiers._base import VideoTransformer
from sklearn_m3s.tiers._event_understanding import EventUnderstanding
from sklearn_m3s.tiers._raw_perception import RawPerception
from sklearn_m3s.tiers._scene_parsing import SceneParsing
from sklearn_m3s.tiers._union import TierUnion

__all__ = [
    "EventUnderstanding",
    "RawPerception",
    "SceneParsing",
    "TierUnion",
    "VideoTransformer",
]
