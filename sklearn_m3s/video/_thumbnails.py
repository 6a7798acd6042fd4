"""Thumbnails: a few small frames of a video, compressed while it is read."""

import io

import cv2
import numpy as np

from sklearn_m3s.video._geometry import FitGeometry
from sklearn_m3s.video._sampling import sample_evenly

_ATTEMPTS = ((60, 1), (45, 1), (30, 1), (15, 1), (15, 0.5))  # quality, scale; the last is for noise


class ThumbnailReader:
    """Read evenly spaced frames as small WebP pictures, packed into one row.

    Parameters
    ----------
    n_thumbnails : int, default=3
        Number of thumbnails. All frames of a video with fewer are used.
    side : int, default=160
        Largest height and width in pixels.
    n_bytes : int, default=9000
        Largest total size of the thumbnails in bytes. They are compressed until they fit.
    """

    frame_rate = 1.0  # has no effect: equal parts of a video are the same at any rate

    def __init__(self, n_thumbnails: int = 3, *, side: int = 160, n_bytes: int = 9000) -> None:
        self.n_thumbnails = n_thumbnails
        self.n_bytes = n_bytes
        self.geometry = FitGeometry(side, side)
        self._pictures: list[np.ndarray] = []

    def wanted(self, times: np.ndarray, end: float) -> np.ndarray:
        """Choose the frames at the centres of equal parts."""
        return np.unique(sample_evenly(times, self.n_thumbnails, end=end))

    def add(self, index: int, picture: np.ndarray, time: float) -> None:
        """Keep a frame."""
        self._pictures.append(picture)

    def value(self) -> np.ndarray:
        """Return a row for `unpack_thumbnails`."""
        return pack_thumbnails(self._pictures, self.n_thumbnails, self.n_bytes)


def pack_thumbnails(pictures: list[np.ndarray], n_thumbnails: int, n_bytes: int) -> np.ndarray:
    """Return the sizes of compressed pictures, followed by their bytes, as one row of numbers."""
    for quality, scale in _ATTEMPTS:
        files = [compress(picture, quality, scale) for picture in pictures]
        if sum(map(len, files)) <= n_bytes:
            break
    else:
        files = []
    row = np.zeros(n_thumbnails + n_bytes, np.float32)
    row[: len(files)] = [len(file) for file in files]
    content = np.frombuffer(b"".join(files), np.uint8)
    row[n_thumbnails : n_thumbnails + len(content)] = content
    return row


def unpack_thumbnails(row: np.ndarray, n_thumbnails: int = 3) -> list[bytes]:
    """Return the WebP files in a row of `ThumbnailReader`. A row of NaN has no files."""
    if np.isnan(row).any():
        return []
    sizes = row[:n_thumbnails].astype(int)
    content = row[n_thumbnails:].astype(np.uint8).tobytes()
    ends = np.cumsum(sizes)
    return [content[end - size : end] for size, end in zip(sizes, ends, strict=True) if size]


def compress(picture: np.ndarray, quality: int, scale: float = 1) -> bytes:
    """Return an RGB picture as a WebP file."""
    from PIL import Image  # slow to import

    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "webp", quality=quality, method=4)
    return file.getvalue()
