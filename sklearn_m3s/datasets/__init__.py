"""Videos with memorability scores."""

from sklearn_m3s.datasets._make_videos import make_videos

__all__ = ["make_videos"]
