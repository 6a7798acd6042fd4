"""Types of the engine."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sklearn_m3s.tiers._video_transformer import VideoTransformer

# The class imports the engine, so the engine knows it by this name only.
Tier: TypeAlias = "VideoTransformer"

# From the items read of some videos to their descriptions, or to an exception in place of one.
Embedder = Callable[[list[Any]], Iterable[Any]]
