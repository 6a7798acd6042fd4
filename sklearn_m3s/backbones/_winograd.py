"""3 x 3 convolutions with fewer multiplications, for the CPU."""

import math
import threading

import numpy as np
import torch
from torch import nn
from torch.nn import functional

_POINTS = {2: (0, 1, -1), 4: (0, 1, -1, 2, -2)}  # and infinity, by the size of a tile
_N_TILES = 64  # at a time, for each thread: enough to be busy with, few enough for its cache
_scratch = threading.local()


def _evaluation(points, n_coefficients):
    """Return the matrix that evaluates polynomials at points and at infinity."""
    finite = np.vander(points, n_coefficients, increasing=True).astype(float)
    return torch.from_numpy(np.vstack([finite, np.eye(n_coefficients)[-1:]]))


class WinogradConv2d(nn.Module):
    """A 3 x 3 convolution of stride 1 and padding 1, by Winograd's algorithm.

    Tiles of the input and the kernel are transformed such that their convolution becomes one
    product of matrices, over the channels, at each of (`size` + 2)² positions. It takes 4
    multiplications for a pixel with a size of 2, and 2.25 with a size of 4, instead of 9; the
    transformations pay for many channels only.

    Parameters
    ----------
    conv : nn.Conv2d
        The convolution to compute, of one group and with a bias.
    size : {2, 4}, default=4
        Side of a tile of the output.

    References
    ----------
    A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
    """

    def __init__(self, conv, size=4):
        super().__init__()
        self.size = size
        points, weight = _POINTS[size], conv.weight.detach()
        to_kernel, to_tile = _evaluation(points, 3), _evaluation(points, size).T
        to_input = torch.linalg.inv(_evaluation(points, size + 2)).T
        for name, matrix in {"kernel": to_kernel, "input": to_input, "output": to_tile}.items():
            matrix = matrix.to(weight.dtype).contiguous()
            self.register_buffer(f"for_{name}", torch.kron(matrix, matrix))
        kernels = weight.permute(2, 3, 1, 0)
        products = self.for_kernel @ kernels.reshape(9, -1)
        self.register_buffer("weight", products.view(-1, *kernels.shape[2:]))
        self.register_buffer("bias", conv.bias.detach())

    def forward(self, x):
        size = self.size
        (n, channels, height, width), n_outputs = x.shape, len(self.bias)
        rows, columns = -(-height // size), -(-width // size)
        x = functional.pad(x, (1, size * columns + 1 - width, 1, size * rows + 1 - height))
        image, channel, row, column = x.stride()
        # Tiles of the input overlap by 2.
        tiles = x.as_strided(
            (size + 2, size + 2, n, rows, columns, channels),
            (row, column, image, size * row, size * column, channel),
        )
        out = x.new_empty(n, rows, size, columns, size, n_outputs)
        most = _N_TILES * torch.get_num_threads()
        n_rows = min(rows, -(-most // columns))
        n_images = max(1, most // (rows * columns))
        for some, results in zip(tiles.split(n_images, 2), out.split(n_images), strict=True):
            for part, result in zip(some.split(n_rows, 3), results.split(n_rows, 1), strict=True):
                self._convolve(part, result)
        out = out.view(n, size * rows, size * columns, n_outputs)[:, :height, :width]
        return out.movedim(-1, 1)

    def _convolve(self, tiles, out):
        """Fill `out`, of shape (N, rows, size, columns, size, outputs)."""
        *shape, channels = tiles.shape[2:]
        n_positions, n_tiles, n_outputs = len(self.weight), math.prod(shape), len(self.bias)
        one, other = _two_buffers(n_positions * n_tiles * max(channels, n_outputs), out.dtype)

        def view(buffer, *shape):
            return buffer[: math.prod(shape)].view(shape)

        inputs = view(one, *tiles.shape).copy_(tiles).view(n_positions, -1)
        inputs = torch.mm(self.for_input, inputs, out=view(other, *inputs.shape))
        inputs = inputs.view(n_positions, n_tiles, channels)
        products = view(one, n_positions, n_tiles, n_outputs)
        products = torch.bmm(inputs, self.weight, out=products).view(n_positions, -1)
        values = view(other, self.size**2, n_tiles * n_outputs)
        values = torch.mm(self.for_output, products, out=values)
        values = values.view(self.size, self.size, *shape, n_outputs).permute(2, 3, 0, 4, 1, 5)
        torch.add(values, self.bias, out=out)


def _two_buffers(n_numbers, dtype):
    """Return two flat tensors; they are kept, since memory is slow when it is new."""
    buffers = getattr(_scratch, "buffers", None)
    if buffers is None or buffers.shape[1] < n_numbers or buffers.dtype != dtype:
        with torch.inference_mode(False):  # for use in any mode
            buffers = _scratch.buffers = torch.empty(2, n_numbers, dtype=dtype)
    return buffers
