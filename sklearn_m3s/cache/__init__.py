"""A folder of descriptions of videos, looked up by content and settings."""

from sklearn_m3s.cache._feature_cache import FeatureCache
from sklearn_m3s.cache._maintenance import cache_clear, cache_info

__all__ = ["FeatureCache", "cache_clear", "cache_info"]
