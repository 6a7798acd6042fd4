"""Networks in a faster form, for inference only."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sklearn_m3s.backbones._convolutions import FramewiseConv3d, PointwiseConv3d

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}  # by the number of axes


def streamline(model: nn.Module, kind: str = "cpu", precision: str = "float32") -> nn.Module:
    """Make a network of the registry faster on one kind of device, in place, and return it.

    Batch norms become part of the convolutions before them. On the CPU, and on CUDA in bfloat16,
    the channels are laid out last, and some convolutions are replaced by faster ones.

    The network must be in eval mode, with its layers registered in the order of use. The features
    stay the same, to a relative 1e-4 in float32. The network can no longer be trained.

    Do not pass a network of the user. It would be changed. It may also use its layers in another
    order, or views that need the channels first.
    """
    fold_batch_norms(model)
    if wants_channels_last(kind, precision):
        for name, layer in list(model.named_modules()):
            faster = _faster(layer, kind)
            if faster is not None:
                _replace(model, name, faster)
        for weight in model.parameters():
            weight.data = as_channels_last(weight.data)
    return model


def wants_channels_last(kind: str, precision: str) -> bool:
    """Return whether networks are faster with the channels last."""
    return kind == "cpu" or (kind == "cuda" and precision == "bfloat16")


def as_channels_last(x: torch.Tensor) -> torch.Tensor:
    """Return x with the channels laid out last if it is of images (4 axes) or clips (5 axes)."""
    layout = _CHANNELS_LAST.get(x.ndim)
    return x if layout is None else x.contiguous(memory_format=layout)


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Fold the batch norms of a network into its convolutions, in place, and return it."""
    # Layers without inner ones, in the order in which they are used.
    layers = [item for item in model.named_modules() if not list(item[1].children())]
    for (name, layer), (following, norm) in pairwise(layers):
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d) and _fits(layer, norm):
            _replace(model, name, fuse_conv_bn_eval(layer, norm))
            _replace(model, following, nn.Identity())
    return model


def _fits(layer: nn.Module, norm: nn.Module) -> bool:
    convolves = isinstance(layer, nn.Conv2d | nn.Conv3d)
    return convolves and layer.out_channels == norm.num_features


def _faster(layer: nn.Module, kind: str) -> nn.Module | None:
    """Return a faster layer with the same result, or None."""
    if not isinstance(layer, nn.Conv3d):
        return None
    sizes = (layer.kernel_size, layer.padding)
    if sizes == ((1, 1, 1), (0, 0, 0)) and layer.groups == 1:
        return PointwiseConv3d(layer)
    depthwise = layer.groups == layer.in_channels == layer.out_channels
    even = layer.stride in ((1, 1, 1), (2, 2, 2))
    if sizes == ((3, 3, 3), (1, 1, 1)) and depthwise and even and kind == "cuda":
        return FramewiseConv3d(layer)
    return None


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)
