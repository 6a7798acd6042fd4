"""EfficientNet-Lite0: a small image network without squeeze-and-excitation."""

import torch
from torch import nn
from torch.nn import functional

# Repeats, kernel, stride of the first repeat, expansion and output channels of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class _StridedConv2d(nn.Conv2d):
    """A convolution of stride 2 with TensorFlow's "same" padding.

    The output has half the height and width of the input, rounded up. If the padding is odd, the
    end of the axis gets more.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = (self._padding_of(size) for size in x.shape[-2:])
        return super().forward(functional.pad(x, (*width, *height)))

    def _padding_of(self, size: int) -> tuple[int, int]:
        total = self.kernel_size[0] - (1 if size % 2 else 2)
        return total // 2, total - total // 2


def _conv(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    if stride == 2:
        return _StridedConv2d(inputs, outputs, kernel, 2, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Widen, convolve each channel, narrow, and add a shortcut if the shape stays the same."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = expansion * inputs
        self._expands = expansion > 1
        self._has_shortcut = stride == 1 and inputs == outputs
        if self._expands:
            self._expand_conv, self._bn0 = _conv(inputs, width), _batch_norm(width)
        self._depthwise_conv = _conv(width, width, kernel, stride, groups=width)
        self._bn1 = _batch_norm(width)
        self._project_conv, self._bn2 = _conv(width, outputs), _batch_norm(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        if self._expands:
            out = functional.relu6(self._bn0(self._expand_conv(out)), inplace=True)
        out = functional.relu6(self._bn1(self._depthwise_conv(out)), inplace=True)
        out = self._bn2(self._project_conv(out))
        return out.add_(x) if self._has_shortcut else out


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 without its classifier: (N, 3, H, W) to (N, 1280), the mean over space."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _conv(3, 32, 3, stride=2), _batch_norm(32)
        self._blocks = nn.Sequential()
        inputs = 32
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for i in range(repeats):
                first = i == 0
                self._blocks.append(
                    _Block(inputs, outputs, kernel, stride if first else 1, expansion)
                )
                inputs = outputs
        self._conv_head, self._bn1 = _conv(inputs, 1280), _batch_norm(1280)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        x = self._blocks(x)
        x = functional.relu6(self._bn1(self._conv_head(x)), inplace=True)
        return x.float().mean((-2, -1))
