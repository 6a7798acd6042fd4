"""Videos with memorability scores."""

from sklearn_m3s.datasets._fixed_split import fixed_split
from sklearn_m3s.datasets._lamem import load_lamem
from sklearn_m3s.datasets._make_videos import make_videos
from sklearn_m3s.datasets._mediaeval import load_mediaeval
from sklearn_m3s.datasets._memento10k import load_memento10k
from sklearn_m3s.datasets._scores_from_responses import scores_from_responses
from sklearn_m3s.datasets._videomem import load_videomem

__all__ = [
    "fixed_split",
    "load_lamem",
    "load_mediaeval",
    "load_memento10k",
    "load_videomem",
    "make_videos",
    "scores_from_responses",
]
