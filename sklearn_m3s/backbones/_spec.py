"""Description of a network before it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from sklearn_m3s.video import FrameGeometry

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class NetworkSpec:
    """How to build a network, how to feed it, and what determines its features."""

    name: str  # for messages
    # What it takes: normalised float32 RGB of shape (N, 3, H, W) or (N, 3, T, H, W). None, here and
    # below, means that it is unknown, as of a module of the user.
    kind: Literal["image", "clip"] | None
    build: Callable[[], nn.Module]  # float32, on the CPU, in eval mode
    identity: Callable[[], dict[str, Any]]  # what determines its features, as JSON values
    geometry: FrameGeometry | None = None  # of the pictures that it was trained on
    mean: RGB | None = None  # of RGB in [0, 1], as are the standard deviations
    std: RGB | None = None
    n_frames: int | None = None  # of a clip that it was trained on; None for images, too
    n_features: int | None = None
    only_frames: int | None = None  # the only number that it takes; None if others will do
    # Why geometry, mean or std is None although the network was trained on pictures of one kind:
    # the user has to give them.
    unknown: str | None = None
    origin: Literal["registry", "hugging_face", "user"] = "user"  # the user's is never changed
    is_trained: bool = True  # as far as is known
