"""Differentiable ranks, as the projection onto the permutahedron.

The projection is computed as in Blondel et al. (2020). Let z = values / ε be sorted in ascending
order, and w = (1, ..., n). The projection is P(z) = z - v, where v is the isotonic (non-decreasing)
regression of z - w. Isotonic regression splits the sorted values into blocks and replaces each
block by its mean. So within a block, P(z) = w + (z - mean z) - (w - mean w). Gaps below ε merge
neighbours into a block. A value far from its neighbours is a block of one, and has its hard rank.
"""

from numbers import Real
from typing import Any

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from sklearn.utils._param_validation import Interval
from torch.autograd.function import once_differentiable

from sklearn_m3s._validation import check_arguments


@check_arguments(
    values=[torch.Tensor], regularization_strength=[Interval(Real, 0, None, closed="neither")]
)
def soft_rank(values: torch.Tensor, *, regularization_strength: float = 1.0) -> torch.Tensor:
    """Rank the last axis in ascending order, from 1, differentiably.

    The ranks are the Euclidean projection of ``values / regularization_strength`` onto the
    permutahedron, the convex hull of the permutations of (1, ..., n). As the strength decreases,
    the soft ranks approach the hard ranks (ties share their mean rank). As it increases, they
    approach (n + 1) / 2. If all values of a row are within `regularization_strength` of each
    other, their soft ranks are an affine function of them.

    Parameters
    ----------
    values : torch.Tensor of shape (..., n), floating point
        Finite values to rank, on any device. The projection runs on the CPU, in float64.
    regularization_strength : float, default=1.0
        Strength ε > 0 of the quadratic regularisation, in the units of `values`.

    Returns
    -------
    ranks : torch.Tensor of shape (..., n)
        Soft ranks in [1, n], with the dtype and the device of `values`. Each row sums to
        n (n + 1) / 2. The ranks are differentiable once.

    Raises
    ------
    ValueError
        If `values` is not a floating-point tensor with at least one axis, or if
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
            f"{values.dtype} and shape {tuple(values.shape)}: use values.float() or values[None]."
        )
    return _SoftRank.apply(values, regularization_strength) if values.numel() else values.clone()


class _SoftRank(torch.autograd.Function):
    """Soft ranks of each row, and their vector-Jacobian product."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, strength: float) -> torch.Tensor:
        z = _to_numpy(values) / strength
        n = z.shape[-1]
        rows = z.reshape(-1, n)
        # Sort each row. The order indexes the raveled rows, so that all are handled at once.
        order = (np.argsort(rows, axis=1) + n * np.arange(len(rows))[:, None]).ravel()
        ascending = rows.ravel()[order]
        hard = np.tile(np.arange(1.0, n + 1), len(rows))  # w of each row
        ctx.order, ctx.strength = order, strength
        ctx.starts = _block_starts((ascending - hard).reshape(-1, n))
        # Centring first keeps the hard rank of a block of one exact, however large its value is.
        ranks = hard + _center(ascending, ctx.starts) - _center(hard, ctx.starts)
        return _restore(ranks, order, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        # v averages each block, so the Jacobian of the ranks is (identity - block mean) / ε. It is
        # symmetric: its product with the gradient is the gradient, centred in each block, over ε.
        sorted_grad = _to_numpy(grad).ravel()[ctx.order] / ctx.strength
        return _restore(_center(sorted_grad, ctx.starts), ctx.order, grad), None


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def _block_starts(rows: np.ndarray) -> np.ndarray:
    """Return the index, in the raveled rows, of the first value of each block."""
    n = rows.shape[1]
    # SciPy gives the boundaries of the blocks of a row, the end of the last one included.
    return np.concatenate(
        [i * n + isotonic_regression(row).blocks[:-1] for i, row in enumerate(rows)]
    )


def _center(flat: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Subtract the mean of each block."""
    sizes = np.diff(starts, append=len(flat))
    return flat - np.repeat(np.add.reduceat(flat, starts) / sizes, sizes)


def _restore(flat: np.ndarray, order: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Undo the sorting and return a tensor with the shape, dtype and device of `like`."""
    unsorted = np.empty_like(flat)
    unsorted[order] = flat
    return torch.from_numpy(unsorted).reshape(like.shape).to(like)
