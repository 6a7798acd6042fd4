"""TV-L1 optical flow of many pairs of images at once, in NumPy or in torch."""

from dataclasses import dataclass

import cv2
import numpy as np

_STEEP_ENOUGH = 1e-9  # squared grey levels a pixel, below which a slope says nothing


@dataclass(frozen=True)
class TVL1:
    """How the TV-L1 energy is minimised.

    The dual method of Zach, Pock and Bischof from coarse to fine, as OpenCV and IPOL have it: the
    images are warped some times at each scale, and between two warps a fixed number of steps is
    taken, with a median filter now and then. All pairs take the same steps, each by itself.

    Parameters
    ----------
    scales : int, default=2
        Images of the pyramid, each half as large as the one before.
    warps : int, default=2
        Linearisations at each scale.
    medians : int, default=3
        Median filters, of 3 x 3 pixels, after each warp.
    steps : int, default=5
        Steps after each median filter.
    smoothness, coupling, time_step : float
        lambda, theta and tau of the references; the defaults are OpenCV's.

    References
    ----------
    Zach, Pock, Bischof: A duality based approach for realtime TV-L1 optical flow, DAGM 2007.
    Sanchez, Meinhardt-Llopis, Facciolo: TV-L1 optical flow estimation, IPOL 2013.
    """

    scales: int = 2
    warps: int = 2
    medians: int = 3
    steps: int = 5
    smoothness: float = 0.15
    coupling: float = 0.3
    time_step: float = 0.25

    def fields(self, images, backend):
        """Compute the flow between successive images.

        Parameters
        ----------
        images : ndarray of shape (T, h, w), float32
            Grey levels, 0 to 255.
        backend : NumPyBackend or TorchBackend
            Where arrays live.

        Returns
        -------
        array or tensor of shape (2, T - 1, h, w), float32
            Displacements along x and y in pixels.
        """
        field = None
        for level in self._pyramid(images):
            shape = level.shape[1:]
            if field is None:
                field = backend.zeros((2, len(images) - 1, *shape))
            else:
                field = backend.enlarge(field, shape)
            self._solve(field, level, backend)
        return field

    def _pyramid(self, images):
        levels = [images]
        for _ in range(1, self.scales):
            half = [round(side / 2) for side in levels[-1].shape[:0:-1]]
            smaller = [
                cv2.resize(image, half, interpolation=cv2.INTER_AREA) for image in levels[-1]
            ]
            levels.append(np.stack(smaller))
        return levels[::-1]

    def _solve(self, field, images, backend):
        """Improve a field in place at one scale."""
        before, after = backend.load(images[:-1]), backend.load(_with_gradient(images[1:]))
        dual, slope = backend.zeros((2, *field.shape)), backend.zeros((2, *field.shape))
        work, residual = backend.zeros(field.shape), backend.zeros(before.shape)
        for _ in range(self.warps):
            warped = backend.warp(after, field)
            gradient = warped[1:]
            constant = warped[0] - before - (gradient * field).sum(0)
            inverse = 1 / (gradient * gradient).sum(0).clip(min=_STEEP_ENOUGH)
            for _ in range(self.medians):
                backend.median(field)
                for _ in range(self.steps):
                    self._fit_data(field, gradient, constant, inverse, residual, work, backend.xp)
                    self._smooth(field, dual, slope, work, backend.xp)

    def _fit_data(self, field, gradient, constant, inverse, residual, work, xp):
        """Move each vector along the gradient to where the images agree, if that is near."""
        xp.multiply(gradient, field, out=work)
        xp.add(work[0], work[1], out=residual)
        residual += constant
        residual *= inverse
        reach = self.smoothness * self.coupling
        xp.clip(residual, -reach, reach, out=residual)
        xp.multiply(gradient, residual, out=work)
        field -= work

    def _smooth(self, field, dual, slope, work, xp):
        """Lower the total variation of the field, and update its dual (divided by tau / theta)."""
        xp.add(dual[0], dual[1], out=work)
        right, below = work[..., 1:], work[..., 1:, :]
        right -= dual[0, ..., :-1]
        below -= dual[1, ..., :-1, :]
        work *= self.time_step
        field += work
        # The last column and the last row have no neighbour, and keep their slope of zero.
        xp.subtract(field[..., 1:], field[..., :-1], out=slope[0, ..., :-1])
        xp.subtract(field[..., 1:, :], field[..., :-1, :], out=slope[1, ..., :-1, :])
        dual += slope
        slope *= slope
        xp.add(slope[0], slope[1], out=work)
        xp.sqrt(work, out=work)
        work *= self.time_step / self.coupling
        work += 1
        dual /= work


def _with_gradient(images):
    """Return images, their slopes along x and those along y, of shape (3, B, h, w)."""
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    along = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]
    down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
    return np.stack([images, along / 2, down / 2])
