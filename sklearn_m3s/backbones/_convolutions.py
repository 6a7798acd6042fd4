"""3D convolutions as matrix products and as 2D convolutions, which libraries compute faster."""

import torch
from torch import nn
from torch.nn import functional


class PointwiseConv3d(nn.Module):
    """A 1 x 1 x 1 convolution as a product of matrices, for tensors with the channels last.

    The convolution has one group and no padding.
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.detach().flatten(1))
        self.bias = conv.bias
        self.stride = conv.stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        times, rows, columns = (slice(None, None, step) for step in self.stride)
        # A stride leaves pixels out. With the channels last, the others are the rows of a matrix.
        pixels = x[:, :, times, rows, columns].movedim(1, -1)
        return functional.linear(pixels, self.weight, self.bias).movedim(-1, 1)


class FramewiseConv3d(nn.Module):
    """A depthwise 3 x 3 x 3 convolution as three 2D ones, summed over adjacent frames.

    Its padding is 1, and its stride 1 or 2 in time and space.
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.weights = nn.ParameterList(w.contiguous() for w in conv.weight.detach().unbind(2))
        self.bias = conv.bias
        self.stride = conv.stride[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Output t is the sum of kernel 1 over frame stride * t, kernel 0 over the frame before that
        # one, and kernel 2 over the frame after it. `beside` has these neighbours: all frames if
        # the stride is 1, and the odd ones if it is 2. At the ends of a clip, neighbours are
        # missing.
        frames = x.movedim(1, -1)
        out = self._convolve(1, frames[:, :: self.stride], self.bias)
        beside = frames[:, self.stride - 1 :: self.stride]
        if beside.shape[1]:
            out[:, 1:] += self._convolve(0, beside)[:, : out.shape[1] - 1]
            after = self._convolve(2, beside)[:, 2 - self.stride :]
            out[:, : after.shape[1]] += after
        return out.movedim(-1, 1)

    def _convolve(
        self, index: int, frames: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return frames of shape (N, T, H, W, C), convolved with one of the three kernels."""
        images = frames.flatten(0, 1).movedim(-1, 1)
        out = functional.conv2d(
            images, self.weights[index], bias, self.stride, padding=1, groups=images.shape[1]
        )
        return out.movedim(1, -1).unflatten(0, frames.shape[:2])
