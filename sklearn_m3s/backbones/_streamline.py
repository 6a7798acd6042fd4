"""Networks in a form that computes the same features sooner, and can do nothing else."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sklearn_m3s.backbones._convolutions import FramewiseConv3d, PointwiseConv3d
from sklearn_m3s.backbones._winograd import WinogradConv2d

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}  # by the number of axes
# The size of the tiles of Winograd's algorithm, by the channels of HRNetV2's branches: for 48, it
# saves nothing; for 384, transformed kernels are as slow to fetch as they are large.
_TILE_SIZES = {96: 4, 192: 4, 384: 2}


def streamline(model: nn.Module, kind: str = "cpu", precision: str = "float32") -> nn.Module:
    """Return a network, changed in place, that is faster on one kind of device.

    Batch norms become part of the convolutions before them. On the CPU, and on CUDA in bfloat16,
    the channels are laid out last, and convolutions computed in the way that is fast there.

    Parameters
    ----------
    model : nn.Module
        In eval mode, its layers registered in the order of their use.
    kind : {"cpu", "cuda", "mps"}, default="cpu"
        Where it will run.
    precision : {"float32", "bfloat16"}, default="float32"
        What it will compute in.

    Returns
    -------
    nn.Module
        Of the same features, to a relative 1e-4 in float32. It can be trained no more.
    """
    fold_batch_norms(model)
    if wants_channels_last(kind, precision):
        for name, layer in list(model.named_modules()):
            faster = _faster(layer, kind, precision)
            if faster is not None:
                _replace(model, name, faster)
        for weight in model.parameters():
            weight.data = as_channels_last(weight.data)
    return model


def wants_channels_last(kind: str, precision: str) -> bool:
    """Return whether networks are faster with the channels last."""
    return kind == "cpu" or (kind == "cuda" and precision == "bfloat16")


def as_channels_last(x: torch.Tensor) -> torch.Tensor:
    """Return weights or a batch, laid out with the channels last if of images or clips."""
    layout = _CHANNELS_LAST.get(x.ndim)
    return x if layout is None else x.contiguous(memory_format=layout)


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Return a network, changed in place, whose batch norms are part of its convolutions."""
    layers = [item for item in model.named_modules() if not list(item[1].children())]
    for (name, layer), (following, norm) in pairwise(layers):
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            _replace(model, name, fuse_conv_bn_eval(layer, norm))
            _replace(model, following, nn.Identity())
    return model


def _faster(layer, kind, precision):
    """Return what computes the same as a layer, but faster, or None."""
    if isinstance(layer, nn.Conv3d) and layer.kernel_size == (1, 1, 1):
        return PointwiseConv3d(layer)
    if isinstance(layer, nn.Conv3d) and layer.groups > 1 and kind == "cuda":
        return FramewiseConv3d(layer)
    if isinstance(layer, nn.Conv2d) and kind == "cpu" and precision == "float32":
        size = _TILE_SIZES.get(layer.in_channels)
        shape = (layer.out_channels, layer.kernel_size, layer.stride)
        if size is not None and shape == (layer.in_channels, (3, 3), (1, 1)):
            return WinogradConv2d(layer, size)
    return None


def _replace(model, name, layer):
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)
