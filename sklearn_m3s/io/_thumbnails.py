"""Small pictures of videos."""

from collections.abc import Sequence
from typing import Any

from sklearn.utils import gen_batches

from sklearn_m3s.tiers import describe_all
from sklearn_m3s.tiers._thumbnails import Thumbnails
from sklearn_m3s.video._thumbnails import unpack_thumbnails

_AT_ONCE = 1000  # videos whose pictures are in memory at a time


def make_thumbnails(videos: Sequence[Any], side: int, n_jobs: int | None) -> list[bytes]:
    """Return the middle frame of each video as a WebP file, or empty bytes if it cannot be read.

    The longer side has up to `side` pixels.
    """
    tier = Thumbnails(1, side=side, n_jobs=n_jobs)
    files = []
    for part in gen_batches(len(videos), _AT_ONCE):
        [rows], _ = describe_all([tier], videos[part])
        files += [(unpack_thumbnails(row, 1) or [b""])[0] for row in rows]
    return files
