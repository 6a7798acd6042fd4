"""Channel-separated 3D networks of 152 layers (CSN): 3D convolutions act on one channel each."""

import torch
from torch import nn

DEPTHS = (3, 8, 36, 3)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, 1, stride, bias=False)


def _batch_norm(channels: int) -> nn.BatchNorm3d:
    return nn.BatchNorm3d(channels, eps=1e-3)


class _Bottleneck(nn.Module):
    """Narrow, convolve each channel in space and time, widen, and add a shortcut.

    With `interaction`, a 1 x 1 x 1 convolution mixes the channels before the depthwise one.
    """

    def __init__(self, inputs: int, width: int, stride: int, interaction: bool) -> None:
        super().__init__()
        outputs = 4 * width
        spatial: nn.Module = nn.Conv3d(width, width, 3, stride, padding=1, groups=width, bias=False)
        if interaction:
            spatial = nn.Sequential(_conv(width, width), _batch_norm(width), spatial)
        self.conv1 = nn.Sequential(_conv(inputs, width), _batch_norm(width), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(spatial, _batch_norm(width), nn.ReLU(inplace=True))
        self.conv3 = nn.Sequential(_conv(width, outputs), _batch_norm(outputs))
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs:
            self.downsample = nn.Sequential(_conv(inputs, outputs, stride), _batch_norm(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = self.conv3(self.conv2(self.conv1(x)))
        return residual.add_(self.downsample(x)).relu_()


def _layer(inputs: int, width: int, depth: int, stride: int, interaction: bool) -> nn.Sequential:
    first = _Bottleneck(inputs, width, stride, interaction)
    rest = (_Bottleneck(4 * width, width, 1, interaction) for _ in range(depth - 1))
    return nn.Sequential(first, *rest)


class CSN(nn.Module):
    """CSN-152 without a head: (N, 3, T, H, W) to (N, 2048), the mean over time and space.

    With `interaction`, it is ip-CSN. Without, it is ir-CSN, whose channels interact less.
    """

    def __init__(self, *, interaction: bool) -> None:
        super().__init__()
        stem = nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), padding=(1, 3, 3), bias=False)
        self.stem = nn.Sequential(stem, _batch_norm(64), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1))
        self.layer1 = _layer(64, 64, DEPTHS[0], 1, interaction)
        self.layer2 = _layer(256, 128, DEPTHS[1], 2, interaction)
        self.layer3 = _layer(512, 256, DEPTHS[2], 2, interaction)
        self.layer4 = _layer(1024, 512, DEPTHS[3], 2, interaction)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.stem(x))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.float().mean((-3, -2, -1))
