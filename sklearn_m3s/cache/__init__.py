"""What a tier computed of each video, found again by content and settings."""

from sklearn_m3s.cache._feature_cache import FeatureCache
from sklearn_m3s.cache._inventory import cache_clear, cache_info

__all__ = ["FeatureCache", "cache_clear", "cache_info"]
