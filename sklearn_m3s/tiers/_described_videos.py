"""Videos that carry their descriptions."""

import json
from collections.abc import Sequence
from operator import methodcaller
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from sklearn_m3s.tiers._tier import Tier
from sklearn_m3s.tiers._tier_rows import signature


class DescribedVideos(tuple):
    """A sequence of videos that carries their descriptions by some tiers.

    A tier that gets such a sequence takes its descriptions from there, and reads no video. The
    descriptions are part of the pickle of the sequence, so that they reach tiers in other
    processes.

    Parameters
    ----------
    videos : sequence of length n_videos
        Paths and arrays. If they already carry descriptions, these are kept.
    tiers : sequence of VideoTransformer
        The tiers.
    rows : sequence of ndarray of shape (n_videos, n_described)
        The descriptions by each tier, as `describe` returns them.

    Raises
    ------
    ValueError
        If two tiers have equal settings but different descriptions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import DescribedVideos, describe, take_videos
    >>> videos = [np.full((1, 32, 32, 3), level, dtype=np.uint8) for level in (0, 9)]
    >>> tier = RawPerception(descriptors=["brightness"])
    >>> described = DescribedVideos(videos, [tier], describe([tier], videos))
    >>> tier.fit_transform(take_videos(described, [1]))  # reads no video
    array([[9.]], dtype=float32)
    """

    _rows: dict[str, np.ndarray]

    def __new__(
        cls,
        videos: Sequence[Any],
        tiers: Sequence[Tier] = (),
        rows: Sequence[np.ndarray] = (),
    ) -> "DescribedVideos":
        described = super().__new__(cls, videos)
        described._rows = dict(getattr(videos, "_rows", {}))
        for tier, matrix in zip(tiers, rows, strict=True):
            other = described._rows.setdefault(_key(tier), matrix)
            if not np.array_equal(other, matrix, equal_nan=True):
                raise ValueError(
                    f"two tiers like {tier!r:.200} have equal settings but different "
                    "descriptions: pass a different version= for each network"
                )
        return described

    def rows_of(self, tier: Tier) -> np.ndarray | None:
        """Return the descriptions of a tier with the same class and settings.

        Parameters
        ----------
        tier : VideoTransformer
            The tier.

        Returns
        -------
        ndarray of shape (n_videos, n_described), float32, or None
            The descriptions, or None if the videos do not carry them.
        """
        return self._rows.get(_key(tier))

    def take(self, indices: Any) -> "DescribedVideos":
        """Return the videos at some indices, with their descriptions.

        Parameters
        ----------
        indices : array-like of int or bool, or slice
            Indices of the videos, or a mask.

        Returns
        -------
        DescribedVideos
            These videos.
        """
        indices = np.arange(len(self))[indices]
        taken = DescribedVideos([self[i] for i in indices])
        taken._rows = {key: matrix[indices] for key, matrix in self._rows.items()}
        return taken


def take_videos(X: Any, indices: Any) -> Any:
    """Return the items of a sequence of videos, or the rows of a matrix, at some indices.

    Parameters
    ----------
    X : DescribedVideos, sequence or matrix
        Videos or features. `DescribedVideos` keep their descriptions.
    indices : array-like of int
        Indices of the items to take.

    Returns
    -------
    DescribedVideos, list or matrix
        The items, in the type of `X`. A list if `X` is another sequence.

    Examples
    --------
    >>> from sklearn_m3s.tiers import take_videos
    >>> take_videos(["a.mp4", "b.mp4", "c.mp4"], [2, 0])
    ['c.mp4', 'a.mp4']
    """
    return X.take(indices) if isinstance(X, DescribedVideos) else _safe_indexing(X, indices)


def _key(tier: Tier) -> str:
    return json.dumps(signature(tier), sort_keys=True, default=methodcaller("tolist"))
