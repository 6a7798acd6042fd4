"""TV-L1 optical flow of many pairs of small images at once.

OpenCV has TV-L1, too (``cv2.optflow``). With this code, `flow` takes 1 ms per pair of frames of
256 x 256 pixels, and OpenCV at its defaults takes over 400 ms (``benchmarks/results/quick.md``).
"""

import cv2
import numpy as np

# OpenCV's defaults of lambda, theta and tau in the references.
_DATA_WEIGHT, _COUPLING, _TIME_STEP = 0.15, 0.3, 0.25
_SLOPE = np.array([[1, -8, 0, 8, -1]], np.float32) / 12
_STEEP_ENOUGH = 1e-9  # squared grey levels per pixel, below which a slope is meaningless


def tvl1_fields(
    images: np.ndarray, *, scales: int = 2, warps: int = 3, medians: int = 2, steps: int = 5
) -> np.ndarray:
    """Compute the optical flow between successive images.

    The energy is the total variation of the field plus `_DATA_WEIGHT` times the absolute difference
    between the first image and the second one warped by the field. It is minimised by the dual
    method of Zach, Pock and Bischof, from coarse to fine, as in OpenCV and IPOL. The number of
    steps is fixed, so that all pairs are solved together. No pair affects another.

    Parameters
    ----------
    images : ndarray of shape (T, h, w), float32
        Grey levels, 0 to 255.
    scales : int, default=2
        Number of images in the pyramid. Each has half the side of the one before.
    warps : int, default=3
        Number of linearisations at each scale.
    medians : int, default=2
        Number of median filters, of 3 x 3 pixels, after each warp.
    steps : int, default=5
        Number of steps after each median filter.

    Returns
    -------
    ndarray of shape (2, T - 1, h, w), float32
        Displacements along x and y in pixels.

    References
    ----------
    Zach, Pock, Bischof: A duality based approach for realtime TV-L1 optical flow, DAGM 2007.
    Sanchez, Meinhardt-Llopis, Facciolo: TV-L1 optical flow estimation, IPOL 2013.
    """
    pyramid = _pyramid(images, scales)
    field = np.zeros((2, len(images) - 1, *pyramid[0].shape[1:]), np.float32)
    for level in pyramid:
        field = _enlarge(field, level.shape[1:])
        _solve(field, level, warps, medians, steps)
    return field


def _pyramid(images: np.ndarray, scales: int) -> list[np.ndarray]:
    """Return the images at all scales, the smallest first."""
    levels = [images]
    for _ in range(1, scales):
        half = [round(side / 2) for side in levels[-1].shape[:0:-1]]
        smaller = [cv2.resize(image, half, interpolation=cv2.INTER_AREA) for image in levels[-1]]
        levels.append(np.stack(smaller))
    return levels[::-1]


def _enlarge(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a field on a finer grid, in pixels of that grid."""
    planes = field.reshape(-1, *field.shape[2:])
    larger = np.stack([cv2.resize(plane, shape[::-1]) for plane in planes])
    larger = larger.reshape(2, -1, *shape)
    larger[0] *= shape[1] / field.shape[3]
    larger[1] *= shape[0] / field.shape[2]
    return larger


def _solve(field: np.ndarray, images: np.ndarray, warps: int, medians: int, steps: int) -> None:
    """Improve a field in place at one scale.

    The two terms of the energy are decoupled: each step first moves the field towards agreement of
    the images (`_fit_data`), then towards smoothness (`_smooth`). All work arrays are made once.
    """
    before, after = np.ascontiguousarray(images[:-1]), with_gradient(images[1:])
    dual, slope = np.zeros((2, *field.shape), np.float32), np.zeros((2, *field.shape), np.float32)
    work, residual = np.zeros_like(field), np.zeros_like(before)
    for _ in range(warps):
        # Near the present field, the difference of the images is linear in the field:
        # constant + gradient * field.
        warped = warp(after, field)
        gradient = warped[1:]
        constant = warped[0] - before - (gradient * field).sum(0)
        inverse = 1 / (gradient * gradient).sum(0).clip(min=_STEEP_ENOUGH)
        for _ in range(medians):
            for plane in field.reshape(-1, *field.shape[2:]):
                plane[:] = cv2.medianBlur(plane, 3)  # removes outliers, keeps edges
            for _ in range(steps):
                _fit_data(field, gradient, constant, inverse, residual, work)
                _smooth(field, dual, slope, work)


def _fit_data(
    field: np.ndarray,
    gradient: np.ndarray,
    constant: np.ndarray,
    inverse: np.ndarray,
    residual: np.ndarray,
    work: np.ndarray,
) -> None:
    """Move each vector along the gradient of the image, to the point where the two images agree.

    A vector moves to the point of zero linearised difference, but at most by `reach` times the
    gradient.
    """
    np.multiply(gradient, field, out=work)
    np.add(work[0], work[1], out=residual)
    residual += constant
    residual *= inverse
    # Now `residual` says how many gradients the vector is away from where the images agree.
    reach = _DATA_WEIGHT * _COUPLING
    np.clip(residual, -reach, reach, out=residual)
    np.multiply(gradient, residual, out=work)
    field -= work


def _smooth(field: np.ndarray, dual: np.ndarray, slope: np.ndarray, work: np.ndarray) -> None:
    """Lower the total variation of the field, and update the dual variable.

    The dual has a vector (right, down) for each value of the field. The field moves by theta times
    the divergence of the dual. The dual then moves by tau / theta times the slope of the field, and
    is divided by 1 + tau / theta * (length of the slope), which keeps it no longer than one.
    `dual` holds it divided by tau / theta, which saves two multiplications per step.
    """
    # Divergence: backward differences, with zero before the first column and row.
    np.add(dual[0], dual[1], out=work)
    right, below = work[..., 1:], work[..., 1:, :]
    right -= dual[0, ..., :-1]
    below -= dual[1, ..., :-1, :]
    work *= _TIME_STEP
    field += work
    # Slope: forward differences. The last column and row have no neighbour and stay at zero.
    np.subtract(field[..., 1:], field[..., :-1], out=slope[0, ..., :-1])
    np.subtract(field[..., 1:, :], field[..., :-1, :], out=slope[1, ..., :-1, :])
    dual += slope
    slope *= slope
    np.add(slope[0], slope[1], out=work)
    np.sqrt(work, out=work)
    work *= _TIME_STEP / _COUPLING
    work += 1
    dual /= work


def with_gradient(images: np.ndarray) -> np.ndarray:
    """Return images, their slopes along x and those along y, of shape (3, B, h, w).

    The slopes are differences of fourth order. Differences of second order, as in OpenCV, are too
    small where a texture changes within a few pixels, which makes the flow too large.
    """
    along = [cv2.filter2D(image, -1, _SLOPE, borderType=cv2.BORDER_REPLICATE) for image in images]
    down = [cv2.filter2D(image, -1, _SLOPE.T, borderType=cv2.BORDER_REPLICATE) for image in images]
    return np.stack([images, along, down])


def warp(images: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Return images of shape (c, B, h, w) at the positions to which a field points.

    Interpolation is cubic, since linear interpolation blurs fine textures. The border is repeated,
    which is closer to the flow of large images than OpenCV's black border.
    """
    height, width = images.shape[2:]
    x = field[0] + np.arange(width, dtype=np.float32)
    y = field[1] + np.arange(height, dtype=np.float32)[:, None]
    channels_last = np.ascontiguousarray(np.moveaxis(images, 0, -1))
    warped = [
        cv2.remap(*at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for at in zip(channels_last, x, y, strict=True)
    ]
    return np.ascontiguousarray(np.moveaxis(np.stack(warped), -1, 0))
