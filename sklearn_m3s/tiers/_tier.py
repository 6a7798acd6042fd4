"""What the engine asks of a tier."""

import os
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sklearn_m3s.video import Reader

# From what was read of some videos to their rows, or to an exception in place of a row.
Embedder = Callable[[list[Any]], Iterable[Any]]


class Tier(Protocol):
    """The parameters and hooks of `VideoTransformer` that the engine uses."""

    cache: str | os.PathLike[str] | None
    n_jobs: int | None
    on_error: str
    decoder: str
    verbose: bool | int
    batch_size: int

    def _settings(self) -> dict[str, Any]: ...

    def _reader(self) -> Reader: ...

    def _embedder(self, n_videos: int) -> Embedder | None: ...

    def _n_described(self) -> int: ...
