"""Types of the engine."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sklearn_m3s.tiers._video_transformer import VideoTransformer

# A name for the engine, which the class itself imports.
Tier: TypeAlias = "VideoTransformer"

# From what was read of some videos to their descriptions, or to an exception in place of one.
Embedder = Callable[[list[Any]], Iterable[Any]]
