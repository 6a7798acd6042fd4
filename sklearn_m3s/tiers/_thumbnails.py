"""Thumbnails as rows, so that workers read them in one pass with the tiers."""

from typing import Unpack

from sklearn_m3s.tiers._video_transformer import SharedParameters, VideoTransformer
from sklearn_m3s.video._thumbnails import ThumbnailReader


class Thumbnails(VideoTransformer):
    """Describe videos by thumbnails. `unpack_thumbnails` turns the rows into pictures.

    Parameters
    ----------
    n_thumbnails : int, default=3
        Number of thumbnails per video.
    side : int, default=160
        Largest height and width in pixels.
    """

    def __init__(
        self, n_thumbnails: int = 3, *, side: int = 160, **shared: Unpack[SharedParameters]
    ) -> None:
        super().__init__(**shared)
        self.n_thumbnails = n_thumbnails
        self.side = side

    def _reader(self) -> ThumbnailReader:
        return ThumbnailReader(self.n_thumbnails, side=self.side)
