"""The networks, built with trained weights or a seeded initialisation."""

import os

import torch
from torch import nn

from sklearn_m3s.backbones._registry import ARCHITECTURES
from sklearn_m3s.backbones._state_dict import read_state_dict
from sklearn_m3s.backbones._weights import resolve_weights


def build(
    architecture: str,
    weights: str | os.PathLike[str] | None = None,
    random_state: int | None = None,
) -> nn.Module:
    """Return a network on the CPU, in float32 and eval mode; no seed means seed 0."""
    path = None if weights is None else resolve_weights(architecture, weights)
    # Nothing is allocated on the meta device, so nothing is initialised twice.
    with torch.device("meta"):
        model = ARCHITECTURES[architecture].network()
    model.to_empty(device="cpu").eval()
    if path is None:
        _initialise(model, int(random_state or 0))
    else:
        shapes = {key: tensor.shape for key, tensor in model.state_dict().items()}
        model.load_state_dict(read_state_dict(architecture, path, shapes))
    return model


def _initialise(model, seed):
    """Draw He's normal initialisation, without touching the global random state."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.reset_parameters()
            # With a scale of 1 the sums of 50 residual blocks would grow to 1e11.
            nn.init.constant_(module.weight, 0.5)


def hrnetv2_w48(weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """Return HRNetV2-W48, a network for scene parsing, without its head.

    Its four branches of 48, 96, 192 and 384 channels, brought to one size, are averaged over the
    frame.

    Parameters
    ----------
    weights : str, path-like or None, default=None
        A registry name, downloaded at its first use: ``"ade20k"`` (scene parsing, what M3-S uses),
        ``"imagenet"`` or ``"imagenet-mit"`` (classification); or the path of a file; or None for
        an untrained network, always the same.

    Returns
    -------
    torch.nn.Module
        In eval mode, from float32 RGB of shape (N, 3, H, W), divided by 255, less the mean (0.485,
        0.456, 0.406) and divided by the standard deviation (0.229, 0.224, 0.225), to float32
        features of shape (N, 720).

    Raises
    ------
    WeightsError
        If the weights cannot be found, fetched or read, or do not fit.

    References
    ----------
    K. Sun et al., "High-Resolution Representations for Labeling Pixels and Regions", 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.backbones import hrnetv2_w48
    >>> hrnetv2_w48()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 720])
    """
    return build("hrnetv2_w48", weights)


def ip_csn_152(weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """Return ip-CSN-152, a channel-separated network for video, without its head.

    Each 3D convolution acts on one channel; 1 x 1 x 1 convolutions before it and around it let
    the channels interact ("interaction-preserved").

    Parameters
    ----------
    weights : str, path-like or None, default=None
        The registry name ``"ig65m_kinetics400"``, downloaded at its first use; or the path of a
        file, with torchvision's or OpenMMLab's keys; or None for an untrained network, always
        the same.

    Returns
    -------
    torch.nn.Module
        In eval mode, from float32 RGB of shape (N, 3, T, H, W), divided by 255, less the mean
        (0.43216, 0.394666, 0.37645) and divided by the standard deviation (0.22803, 0.22145,
        0.216989), to float32 features of shape (N, 2048).

    Raises
    ------
    WeightsError
        If the weights cannot be found, fetched or read, or do not fit.

    See Also
    --------
    ir_csn_152 : The same without the convolution before each 3D convolution.

    References
    ----------
    D. Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.backbones import ip_csn_152
    >>> ip_csn_152()(torch.zeros(1, 3, 4, 32, 32)).shape
    torch.Size([1, 2048])
    """
    return build("ip_csn_152", weights)


def ir_csn_152(weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """Return ir-CSN-152, a channel-separated network for video, without its head.

    Each 3D convolution acts on one channel; the channels interact in the 1 x 1 x 1 convolutions
    around it alone ("interaction-reduced").

    Parameters
    ----------
    weights : str, path-like or None, default=None
        The registry name ``"ig65m_kinetics400"``, downloaded at its first use; or the path of a
        file, with torchvision's or OpenMMLab's keys; or None for an untrained network, always
        the same.

    Returns
    -------
    torch.nn.Module
        In eval mode, from float32 RGB of shape (N, 3, T, H, W), normalised as for `ip_csn_152`,
        to float32 features of shape (N, 2048).

    Raises
    ------
    WeightsError
        If the weights cannot be found, fetched or read, or do not fit.

    See Also
    --------
    ip_csn_152 : With one more convolution in each block.

    References
    ----------
    D. Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.backbones import ir_csn_152
    >>> ir_csn_152()(torch.zeros(1, 3, 4, 32, 32)).shape
    torch.Size([1, 2048])
    """
    return build("ir_csn_152", weights)
