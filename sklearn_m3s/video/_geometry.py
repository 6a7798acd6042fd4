"""Geometry: from a frame of any size to the picture for a descriptor or a network."""

from typing import NamedTuple, TypeAlias

import cv2
import numpy as np


class FrameGeometry(NamedTuple):
    """Resize a frame, then crop its centre.

    Parameters
    ----------
    height, width : int
        Size of the picture in pixels.
    shortest_edge : int or None, default=None
        Number of pixels to which the shorter side of the frame is resized. The proportions are
        kept, and the picture is cut out of the centre. None stretches the whole frame to the
        picture.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import FrameGeometry
    >>> frame = np.zeros((360, 640, 3), dtype=np.uint8)
    >>> FrameGeometry.square(256).apply(frame).shape
    (256, 256, 3)
    >>> FrameGeometry(224, 224, shortest_edge=256).resized_shape(360, 640)
    (256, 455)
    """

    height: int
    width: int
    shortest_edge: int | None = None

    @classmethod
    def square(cls, side: int) -> "FrameGeometry":
        """Return the geometry that stretches frames to a square.

        Parameters
        ----------
        side : int
            Side of the square in pixels.

        Returns
        -------
        FrameGeometry
            The geometry.
        """
        return cls(side, side)

    def resized_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a frame after the resize and before the cut.

        Parameters
        ----------
        height, width : int
            Size of the frame in pixels.

        Returns
        -------
        tuple of (int, int)
            Height and width in pixels.
        """
        if self.shortest_edge is None:
            return self.height, self.width
        shorter = min(height, width)
        # The longer side is rounded down, as by torchvision and transformers.
        return self.shortest_edge * height // shorter, self.shortest_edge * width // shorter

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Resize and cut a frame, by area interpolation.

        Parameters
        ----------
        frame : ndarray of shape (H, W, 3), uint8
            RGB frame.

        Returns
        -------
        ndarray of shape (height, width, 3), uint8
            The picture.
        """
        height, width = self.resized_shape(*frame.shape[:2])
        resized = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        top, left = (height - self.height) // 2, (width - self.width) // 2
        return resized[top : top + self.height, left : left + self.width]


class FitGeometry(NamedTuple):
    """Shrink a frame until it fits into a rectangle. The proportions are kept.

    Parameters
    ----------
    height, width : int
        Largest size of the picture in pixels.

    Examples
    --------
    >>> from sklearn_m3s.video import FitGeometry
    >>> FitGeometry(256, 256).resized_shape(360, 640)
    (144, 256)
    """

    height: int
    width: int

    def resized_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a frame after the resize.

        Parameters
        ----------
        height, width : int
            Size of the frame in pixels.

        Returns
        -------
        tuple of (int, int)
            Height and width in pixels.
        """
        scale = min(1, self.height / height, self.width / width)
        return max(1, round(scale * height)), max(1, round(scale * width))

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Shrink a frame, by area interpolation.

        Parameters
        ----------
        frame : ndarray of shape (H, W, 3), uint8
            RGB frame.

        Returns
        -------
        ndarray of shape (H, W, 3), uint8
            The picture, not larger than the rectangle.
        """
        height, width = self.resized_shape(*frame.shape[:2])
        return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)


Geometry: TypeAlias = FrameGeometry | FitGeometry


class Orientation(NamedTuple):
    """The turn that makes a stored picture upright.

    Parameters
    ----------
    is_turned : bool
        Whether rows and columns are exchanged.
    down, right : {1, -1}
        The steps through the rows and the columns after the exchange. -1 reverses their order.
    """

    is_turned: bool = False
    down: int = 1
    right: int = 1

    @classmethod
    def of_exif(cls, tag: int) -> "Orientation":
        """Return the orientation of an EXIF tag."""
        return _OF_EXIF.get(tag, cls())

    @classmethod
    def of_matrix(cls, a: float, b: float, c: float, d: float) -> "Orientation":
        """Return the turn that maps (x, y) to (a x + c y, b x + d y), rounded to a right angle."""
        is_turned = abs(b) > abs(a)
        down, right = (b, c) if is_turned else (d, a)
        return cls(is_turned, -1 if down < 0 else 1, -1 if right < 0 else 1)

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Return an upright picture of shape (H, W, 3), contiguous in memory."""
        turned = picture.swapaxes(0, 1) if self.is_turned else picture
        return np.ascontiguousarray(turned[:: self.down, :: self.right])


_OF_EXIF = {
    2: Orientation(False, 1, -1),
    3: Orientation(False, -1, -1),
    4: Orientation(False, -1, 1),
    5: Orientation(True, 1, 1),
    6: Orientation(True, 1, -1),
    7: Orientation(True, -1, -1),
    8: Orientation(True, -1, 1),
}
