"""The one place of inference: uint8 frames in, float32 features out."""

import os
import warnings
from contextlib import nullcontext
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from sklearn_m3s._device import check_device
from sklearn_m3s.backbones._build import build
from sklearn_m3s.backbones._registry import ARCHITECTURES
from sklearn_m3s.backbones._streamline import as_channels_last, streamline, wants_channels_last
from sklearn_m3s.backbones._weights import resolve_weights, weights_digest
from sklearn_m3s.exceptions import M3SWarning

_CPU_PORTIONS = {4: 4, 5: 1}  # images and clips at a time: more take more memory, and no less time


class _Source(NamedTuple):
    """Where the numbers of a network come from: a seed or a file."""

    identity: str
    path: str | None = None
    seed: int | None = None


class Backbone:
    """A network on its device.

    Parameters
    ----------
    architecture : str
        Its name.
    model : torch.nn.Module
        From a normalised batch to features, in eval mode; it is changed, to run faster.
    device : str
        Where it runs.
    precision : {"float32", "bfloat16"}
        What it computes in.

    Attributes
    ----------
    n_features : int
        The number of features.
    device, precision : str
        As given.
    """

    def __init__(self, architecture, model, device, precision):
        settings = ARCHITECTURES[architecture]
        self.n_features = settings.n_features
        self.device = device
        self.precision = precision
        self._axes = settings.axes
        self._mean = torch.tensor(settings.mean, device=device)
        self._std = torch.tensor(settings.std, device=device)
        kind = torch.device(device).type
        self._channels_last = wants_channels_last(kind, precision)
        self._dtype = getattr(torch, precision)
        self._model = streamline(model, kind, precision).to(device, self._dtype)

    def embed(self, frames: np.ndarray) -> np.ndarray:
        """Return the features of each item of a batch.

        Parameters
        ----------
        frames : ndarray of uint8
            RGB, of shape (N, H, W, 3) for images or (N, T, H, W, 3) for clips.

        Returns
        -------
        ndarray of float32, shape (N, n_features)
            The same for an item whatever its batch, to the precision.

        Raises
        ------
        ValueError
            If `frames` has another dtype or shape.
        """
        if frames.dtype != np.uint8 or frames.ndim != len(self._axes) or frames.shape[-1] != 3:
            raise ValueError(
                f"frames must be uint8 RGB with axes {self._axes}, "
                f"got {frames.dtype} of shape {frames.shape}"
            )
        batch = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device)
        batch = batch.float().div_(255).sub_(self._mean).div_(self._std)
        return self._infer(batch.movedim(-1, 1))

    def _infer(self, batch):
        """Return the features of a normalised batch on the device."""
        batch = as_channels_last(batch) if self._channels_last else batch.contiguous()
        size = _CPU_PORTIONS[batch.ndim] if self.device == "cpu" else len(batch)
        with torch.inference_mode(), self._arithmetic():
            features = [self._model(part) for part in batch.to(self._dtype).split(size)]
            return torch.cat(features).cpu().numpy()

    def _arithmetic(self):
        # On CUDA, the inputs of float32 convolutions would be rounded to TF32.
        if self.device.startswith("cuda") and self.precision == "float32":
            cudnn = torch.backends.cudnn
            return cudnn.flags(
                enabled=cudnn.enabled,
                benchmark=cudnn.benchmark,
                deterministic=cudnn.deterministic,
                allow_tf32=False,
            )
        return nullcontext()


def load_backbone(
    architecture: str,
    weights: str | os.PathLike[str] | None,
    *,
    random_state: int | None = None,
    device: str = "auto",
    precision: str | None = None,
) -> Backbone:
    """Return a backbone, shared between all that ask for the same one.

    Parameters
    ----------
    architecture : str
        A name such as ``"hrnetv2_w48"``.
    weights : str, path-like or None
        A registry name, a path, or None for an untrained network.
    random_state : int or None, default=None
        The seed of an untrained network. None means 0: features that are kept in a cache must be
        the same next time.
    device : str, default="auto"
        See `check_device`.
    precision : {"float32", "bfloat16"} or None, default=None
        None means bfloat16 on CUDA and float32 elsewhere.

    Returns
    -------
    Backbone
        With a method ``embed(frames)``, from uint8 RGB of shape (N, H, W, 3), or (N, T, H, W, 3)
        for clips, to float32 features of shape (N, n_features), and the attributes ``n_features``,
        ``device`` and ``precision``. Two of them are kept in memory.

    Raises
    ------
    ValueError
        If the architecture is unknown or the device is not available.
    WeightsError
        If the weights cannot be found, fetched or read, or do not fit.

    Warns
    -----
    M3SWarning
        If the network is untrained.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_m3s.backbones import load_backbone
    >>> with warnings.catch_warnings(action="ignore"):
    ...     backbone = load_backbone("ir_csn_152", None, random_state=0, device="cpu")
    >>> backbone.embed(np.zeros((1, 4, 32, 32, 3), np.uint8)).shape
    (1, 2048)
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture={architecture!r} is none of {list(ARCHITECTURES)}")
    if weights is None:
        warnings.warn(
            f"{architecture} is untrained, so its features are random projections of the frames: "
            "pass weights='...' for a trained network",
            M3SWarning,
            stacklevel=2,
        )
    device = check_device(device)
    source = _source(architecture, weights, random_state)
    return _load(architecture, source, device, _precision(device, precision))


@lru_cache(maxsize=2)
def _load(architecture, source, device, precision):
    model = build(architecture, source.path, source.seed)
    return Backbone(architecture, model, device, precision)


def backbone_signature(
    architecture: str,
    weights: str | os.PathLike[str] | None,
    *,
    random_state: int | None = None,
    device: str = "auto",
) -> dict[str, str]:
    """Return what determines the features of a backbone, without loading it.

    Parameters
    ----------
    architecture, weights, random_state, device
        As for `load_backbone`. Weights of the registry are downloaded if they are not yet.

    Returns
    -------
    dict of str to str
        The architecture, the sha256 of the weights or the seed, and the precision.

    Raises
    ------
    ValueError
        If the device is not available.
    WeightsError
        If the weights cannot be found or fetched.

    Examples
    --------
    >>> from sklearn_m3s.backbones import backbone_signature
    >>> backbone_signature("ip_csn_152", None, random_state=3, device="cpu")
    {'architecture': 'ip_csn_152', 'weights': 'untrained:3', 'precision': 'float32'}
    """
    return {
        "architecture": architecture,
        "weights": _source(architecture, weights, random_state).identity,
        "precision": _precision(check_device(device)),
    }


def _source(architecture, weights, random_state):
    if weights is None:
        seed = int(random_state or 0)
        return _Source(f"untrained:{seed}", seed=seed)
    path = resolve_weights(architecture, weights)
    return _Source(weights_digest(path), path=str(path))


def _precision(device, precision=None):
    return precision or ("bfloat16" if device.startswith("cuda") else "float32")
