"""What TV-L1 needs beside elementwise arithmetic, on the CPU."""

import cv2
import numpy as np


class NumPyBackend:
    """Arrays of NumPy, helped by OpenCV."""

    xp = np
    n_pairs = 16  # more do not fit into the cache of a core

    load = staticmethod(np.ascontiguousarray)
    fetch = staticmethod(np.asarray)

    @staticmethod
    def zeros(shape):
        """Return zeros, float32."""
        return np.zeros(shape, np.float32)

    @staticmethod
    def enlarge(field, shape):
        """Return a field of shape (2, B, h, w) on a finer grid, in its pixels."""
        planes = field.reshape(-1, *field.shape[2:])
        larger = np.stack([cv2.resize(plane, shape[::-1]) for plane in planes])
        larger = larger.reshape(2, -1, *shape)
        larger[0] *= shape[1] / field.shape[3]
        larger[1] *= shape[0] / field.shape[2]
        return larger

    @staticmethod
    def warp(images, field):
        """Return images of shape (c, B, h, w) at the places to which a field points."""
        height, width = images.shape[2:]
        x = np.clip(field[0] + np.arange(width, dtype=np.float32), 0, width - 1)
        y = np.clip(field[1] + np.arange(height, dtype=np.float32)[:, None], 0, height - 1)
        channels_last = np.ascontiguousarray(np.moveaxis(images, 0, -1))
        pairs = zip(channels_last, x, y, strict=True)
        warped = [cv2.remap(*pair, cv2.INTER_LINEAR) for pair in pairs]
        return np.ascontiguousarray(np.moveaxis(np.stack(warped), -1, 0))

    @staticmethod
    def median(field):
        """Replace each value of a field by the median of the 3 x 3 around it."""
        for plane in field.reshape(-1, *field.shape[2:]):
            plane[:] = cv2.medianBlur(plane, 3)
