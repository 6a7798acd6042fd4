"""HRNetV2-W48: four branches of decreasing resolution that exchange their features."""

from functools import reduce
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (48, 96, 192, 384)

Upsampling = Literal["bilinear", "nearest"]


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def _conv_bn(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, relu: bool = False
) -> nn.Sequential:
    layers = [_conv(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *[nn.ReLU(inplace=True)] * relu)


def _resize(x: torch.Tensor, like: torch.Tensor, upsampling: Upsampling) -> torch.Tensor:
    """Return x interpolated to the height and width of `like`."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return functional.interpolate(x, size=like.shape[-2:], mode=upsampling)


class _BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(width, width), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width), nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = self.bn1(self.conv1(x)).relu_()
        return self.bn2(self.conv2(residual)).add_(x).relu_()


class _Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1, which widens by four, and a shortcut."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = _conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, outputs, 1), nn.BatchNorm2d(outputs)
        self.downsample = nn.Identity() if inputs == outputs else _conv_bn(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = self.bn1(self.conv1(x)).relu_()
        residual = self.bn2(self.conv2(residual)).relu_()
        return self.bn3(self.conv3(residual)).add_(self.downsample(x)).relu_()


class _Exchange(nn.Module):
    """Four blocks on each branch. Then each branch receives the sum of all, at its own size."""

    def __init__(self, n_branches: int, upsampling: Upsampling) -> None:
        super().__init__()
        self._upsampling = upsampling
        widths = WIDTHS[:n_branches]
        self.branches = nn.ModuleList(
            nn.Sequential(*(_BasicBlock(width) for _ in range(4))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self._path(source, target) for source in range(n_branches))
            for target in range(n_branches)
        )

    @staticmethod
    def _path(source: int, target: int) -> nn.Module:
        """Return the layers from one branch to another, without the upsampling."""
        inputs, outputs = WIDTHS[source], WIDTHS[target]
        if source == target:
            return nn.Identity()
        if source > target:
            return _conv_bn(inputs, outputs, 1)
        halvings = [
            _conv_bn(inputs, inputs, stride=2, relu=True) for _ in range(source + 1, target)
        ]
        return nn.Sequential(*halvings, _conv_bn(inputs, outputs, stride=2))

    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused = []
        for paths, like in zip(self.fuse_layers, maps, strict=True):
            received = (
                _resize(path(x), like, self._upsampling)
                for path, x in zip(paths.children(), maps, strict=True)
            )
            fused.append(reduce(torch.add, received).relu_())
        return fused


def _grow(inputs: int, outputs: int) -> nn.Sequential:
    """Return the layers that start a branch of half the size."""
    return nn.Sequential(_conv_bn(inputs, outputs, stride=2, relu=True))


def _transition(n_kept: int) -> nn.ModuleList:
    """Return layers that keep the branches and start one more from the smallest."""
    grown = _grow(WIDTHS[n_kept - 1], WIDTHS[n_kept])
    return nn.ModuleList([*(nn.Identity() for _ in range(n_kept)), grown])


def _pool(x: torch.Tensor, top: torch.Tensor, upsampling: Upsampling) -> torch.Tensor:
    """Return the mean that x would have after resizing to the size of `top`."""
    # Resizing by whole factors does not change the mean.
    whole = all(
        large % small == 0 for large, small in zip(top.shape[-2:], x.shape[-2:], strict=True)
    )
    return (x if whole else _resize(x, top, upsampling)).float().mean((-2, -1))


class HRNetV2(nn.Module):
    """HRNetV2-W48 without a head: (N, 3, H, W) to (N, 720), the mean of its four branches.

    `upsampling` is the interpolation that enlarges maps of low resolution. Networks for
    classification are trained with ``"nearest"``, those for scene parsing with ``"bilinear"``.
    """

    def __init__(self, upsampling: Upsampling = "bilinear") -> None:
        super().__init__()
        self._upsampling = upsampling
        self.conv1, self.bn1 = _conv(3, 64, stride=2), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = _conv(64, 64, stride=2), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Bottleneck(64, 64), *(_Bottleneck(256, 64) for _ in range(3)))
        self.transition1 = nn.ModuleList([_conv_bn(256, 48, relu=True), _grow(256, 96)])
        self.stage2 = nn.Sequential(_Exchange(2, upsampling))
        self.transition2 = _transition(2)
        self.stage3 = nn.Sequential(*(_Exchange(3, upsampling) for _ in range(4)))
        self.transition3 = _transition(3)
        self.stage4 = nn.Sequential(*(_Exchange(4, upsampling) for _ in range(3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        maps = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            # The new branch starts from the smallest map so far.
            maps = [layer(x) for layer, x in zip(transition, [*maps, maps[-1]], strict=True)]
            maps = stage(maps)
        return torch.cat([_pool(x, maps[0], self._upsampling) for x in maps], dim=1)
