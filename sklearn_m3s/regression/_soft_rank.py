"""Differentiable ranks: projection onto the permutahedron by isotonic regression."""

from numbers import Real

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from sklearn.utils._param_validation import Interval, validate_params
from torch.autograd.function import once_differentiable


@validate_params(
    {
        "values": [torch.Tensor],
        "regularization_strength": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def soft_rank(values, regularization_strength=1.0):
    """Rank the last axis in ascending order, from 1, so that gradients pass through.

    The ranks are the Euclidean projection of ``values / regularization_strength`` onto the
    permutahedron, the convex hull of the permutations of (1, ..., n). The smaller the strength,
    the closer to the hard ranks (ties share their mean rank); the larger, the closer to
    (n + 1) / 2 everywhere. Where the values of a row are all within `regularization_strength`
    of each other, their soft ranks are an affine function of them.

    Parameters
    ----------
    values : torch.Tensor of shape (..., n), floating point
        Values to rank, finite, on any device; the projection itself runs on the CPU, in float64.
    regularization_strength : float, default=1.0
        Strength ε > 0 of the quadratic regularisation, in the units of `values`.

    Returns
    -------
    ranks : torch.Tensor of shape (..., n)
        Soft ranks in [1, n], of the dtype and on the device of `values`. Each row sums to
        n (n + 1) / 2. They can be differentiated once.

    Raises
    ------
    ValueError
        If `values` is not a floating point tensor with at least one axis, or if
        `regularization_strength` is not positive.

    References
    ----------
    M. Blondel, O. Teboul, Q. Berthet, J. Djolonga, "Fast Differentiable Sorting and Ranking",
    ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.regression import soft_rank
    >>> soft_rank(torch.tensor([0.9, 0.1, 0.5]), regularization_strength=0.1)
    tensor([3., 1., 2.])
    >>> soft_rank(torch.tensor([0.9, 0.1, 0.5]), regularization_strength=1.0)
    tensor([2.4000, 1.6000, 2.0000])
    """
    if not values.is_floating_point() or values.ndim == 0:
        raise ValueError(
            "values must be a floating point tensor with at least one axis, got dtype "
            f"{values.dtype} and shape {tuple(values.shape)}; use values.float() or values[None]."
        )
    return _SoftRank.apply(values, regularization_strength) if values.numel() else values.clone()


class _SoftRank(torch.autograd.Function):
    """P(z) = z - v(z), v the isotonic regression of sort(z) - (1, ..., n), z = values / ε."""

    @staticmethod
    def forward(ctx, values, strength):
        theta = _to_numpy(values) / strength
        n = theta.shape[-1]
        rows = theta.reshape(-1, n)
        order = (np.argsort(rows, axis=1) + n * np.arange(len(rows))[:, None]).ravel()
        ascending = rows.ravel()[order]
        hard = np.tile(np.arange(1.0, n + 1), len(rows))
        ctx.order, ctx.strength = order, strength
        ctx.starts = _block_starts((ascending - hard).reshape(-1, n))
        # A block of one keeps exactly its hard rank, however large its value.
        ranks = hard + _center(ascending, ctx.starts) - _center(hard, ctx.starts)
        return _restore(ranks, order, values)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        # v averages each block, so the Jacobian is (identity - block means) / ε: symmetric.
        sorted_grad = _to_numpy(grad).ravel()[ctx.order] / ctx.strength
        return _restore(_center(sorted_grad, ctx.starts), ctx.order, grad), None


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def _block_starts(rows: np.ndarray) -> np.ndarray:
    """Return where each block of the isotonic regressions begins, in the raveled rows."""
    n = rows.shape[1]
    return np.concatenate(
        [i * n + isotonic_regression(row).blocks[:-1] for i, row in enumerate(rows)]
    )


def _center(flat: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Subtract from each block its mean."""
    sizes = np.diff(starts, append=len(flat))
    return flat - np.repeat(np.add.reduceat(flat, starts) / sizes, sizes)


def _restore(flat: np.ndarray, order: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Undo the sorting, and return to the shape, dtype and device of `like`."""
    unsorted = np.empty_like(flat)
    unsorted[order] = flat
    return torch.from_numpy(unsorted).reshape(like.shape).to(like)
