"""Pictures, read with Pillow, which knows their formats and orientations better than FFmpeg."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import methodcaller
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TgaImagePlugin import TgaImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._geometry import Geometry, Orientation
from sklearn_m3s.video._limits import VideoLimits, check_frame_size, over_limit
from sklearn_m3s.video._sampling import last_end

_HEAD = 1 << 16
_CURE = "it is damaged, truncated or of a rare kind; convert it to PNG, or fetch it again"
_EXIF_ORIENTATION = 0x0112
_BAND = 1 << 22  # pixels
_LEAST_MS = 100  # as browsers show frames without a duration
_MOVING = AvifImageFile, WebPImageFile
_STARTS: dict[bytes, Callable[..., Image.Image]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"BM": BmpImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"II+\0": TiffImageFile,
    b"MM\0+": TiffImageFile,
}


def picture_kind(path: str) -> Callable[..., Image.Image] | None:
    """Return the function that opens a picture, or None if Pillow does not read the file.

    FFmpeg reads animated PNG, GIF, motion JPEG and everything else.
    """
    suffix = os.path.splitext(path)[1].lower()
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    if head[4:8] == b"ftyp":
        brands = head[8 : int.from_bytes(head[:4])]
        return AvifImageFile if b"avif" in brands or b"avis" in brands else None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WebPImageFile
    for start, kind in _STARTS.items():
        if head.startswith(start):
            is_moving = (kind is PngImageFile and b"acTL" in head) or suffix in (".mjpeg", ".mjpg")
            return None if is_moving else kind
    return TgaImageFile if suffix == ".tga" else None


class PictureFile:
    """A file with a picture or an animation, read by Pillow, as a `Source`.

    Parameters
    ----------
    path : str
        An existing, non-empty file.
    kind : callable
        The result of `picture_kind`.
    limits : VideoLimits
        Limits for the file.

    Attributes
    ----------
    times : ndarray of shape (n_frames,), float64
        Time of each frame in seconds, ascending.
    end : float
        End of the last frame in seconds.

    Raises
    ------
    VideoError
        If the file is damaged, or exceeds the limits.
    """

    share_present = 1.0
    fault = ""

    def __init__(self, path: str, kind: Callable[..., Image.Image], limits: VideoLimits) -> None:
        self._path, self._kind, self._limits = path, kind, limits
        with _opened(self._path, self._kind, self._limits) as image:
            n_frames = _n_frames(image)
            self._check_limits(image, n_frames)
            shown = [_seconds_shown(image, i) for i in range(n_frames)] if n_frames > 1 else [0.0]
        self.times = np.append(0.0, np.cumsum(shown[:-1]))
        self.end = last_end(self.times, shown[-1])
        if self.times[-1] > limits.seconds:
            raise over_limit("seconds", f"{self.times[-1]:,.0f} seconds")

    def times_at(self, frame_rate: float) -> tuple[np.ndarray, float]:
        """Return the times of the file, and the end of its last frame. The rate has no effect."""
        return self.times, self.end

    def frames(self, wanted: np.ndarray) -> Iterator[tuple[int, Callable[[Geometry], np.ndarray]]]:
        """Yield (index, draw) of the wanted frames."""
        with _opened(self._path, self._kind, self._limits) as image:
            for index in wanted:
                if index:
                    image.seek(int(index))
                image.load()
                picture = _rgb(image)
                # Asked after loading: Pillow turns some kinds itself, and then drops the tag.
                turn = Orientation.of_exif(image.getexif().get(_EXIF_ORIENTATION, 1))
                yield int(index), methodcaller("apply", turn.apply(picture))

    def _check_limits(self, image: Image.Image, n_frames: int) -> None:
        limits = self._limits
        if n_frames > limits.frames:
            raise over_limit("frames", f"{n_frames:,} frames")
        if n_frames > 1:
            check_frame_size(image.width, image.height, "pixels", limits.pixels)
        else:  # some decoders keep several copies of a picture
            limit = limits.picture_pixels // (2 if isinstance(image, _MOVING) else 1)
            check_frame_size(image.width, image.height, "picture_pixels", limit)
        n_bytes = n_frames * image.width * image.height * 4
        if n_bytes > limits.decoded_bytes:
            raise over_limit("decoded_bytes", f"{n_bytes:,} bytes of decoded frames")


def picture_info(
    path: str, kind: Callable[..., Image.Image], limits: VideoLimits
) -> tuple[int, int, int]:
    """Return the number, width and height of the frames of a file, from its header."""
    with _opened(path, kind, limits) as image:
        return _n_frames(image), image.width, image.height


def _n_frames(image: Any) -> int:
    return getattr(image, "n_frames", 1) if isinstance(image, _MOVING) else 1


def _seconds_shown(image: Any, index: int) -> float:
    """Return the time that a frame of an animation is shown, in seconds."""
    image.seek(index)
    image.load()  # sets the duration
    return (image.info.get("duration") or _LEAST_MS) / 1000


@contextmanager
def _opened(
    path: str, kind: Callable[..., Image.Image], limits: VideoLimits
) -> Iterator[Image.Image]:
    try:
        with open(path, "rb") as file:
            try:
                # Not Image.open: it warns of large pictures, and that is set for all threads.
                image = kind(file)
            except SyntaxError:
                if kind is not TiffImageFile:
                    raise
                image = _read_tiff(file, limits)
            yield image
    except (MemoryError, VideoError):
        raise
    except Exception as error:  # a damaged picture can raise anything
        raise VideoError(f"cannot be decoded ({error}): {_CURE}") from error


def _read_tiff(file: BinaryIO, limits: VideoLimits) -> Image.Image:
    """Read the first picture of a TIFF whose pixel type Pillow does not support."""
    import tifffile

    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        if page.nbytes > 4 * limits.picture_pixels:
            raise over_limit("picture_pixels", f"{page.nbytes:,} bytes of levels")
        array = _levels(page.asarray())
    if array.ndim == 3 and array.shape[0] in (3, 4):  # one plane per colour
        array = np.moveaxis(array, 0, -1)
    return Image.fromarray(np.ascontiguousarray(array))


def _rgb(image: Image.Image) -> np.ndarray:
    """Return a loaded picture as RGB, uint8, converted by bands to save memory."""
    n_rows = -(-_BAND // image.width)
    if image.height <= n_rows:
        return _converted(image)
    picture = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, n_rows):
        bottom = min(top + n_rows, image.height)
        picture[top:bottom] = _converted(image.crop((0, top, image.width, bottom)))
    return picture


def _converted(image: Image.Image) -> np.ndarray:
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return np.repeat(_levels(np.asarray(image))[..., None], 3, axis=2)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _levels(array: np.ndarray) -> np.ndarray:
    """Return levels as uint8. They may be integers of 16 bits, or fractions from 0 to 1."""
    if array.dtype == np.uint8:
        return array
    white = 1.0 if array.dtype.kind == "f" else 65535.0
    if not (array.min() >= 0 and array.max() <= white):
        raise VideoError(f"has levels outside 0 to {white:g}: convert it to 8 bits per channel")
    return (array * np.float32(255 / white) + np.float32(0.5)).astype(np.uint8)
