"""Any video network as a tier."""

import os
from typing import Any, Unpack

from sklearn_m3s.tiers._encoder import ENCODER_RULES, Encoder, NetworkParameters


class ClipEncoder(Encoder):
    """Embeddings of clips by any video network.

    Parameters
    ----------
    model : str, path-like, torch.nn.Module or callable
        - A name of the registry: ``"ip_csn_152"`` or ``"ir_csn_152"``.
        - A folder or a repository name of Hugging Face, such as
          ``"facebook/vjepa2-vitl-fpc64-256"`` (needs the extra ``hf``): VideoMAE, TimeSformer,
          ViViT, V-JEPA 2 and X-CLIP.
        - A module from clips (N, 3, T, H, W), float32 RGB, to one tensor. It is used in eval mode
          and its own mode is restored; clones of the estimator share it.
        - A function without arguments that returns such a module, called when it is needed.
    weights, sha256, revision, layer, output
        As for `FrameEncoder`.
    n_frames : int, default=None
        Frames per clip, at the centres of equal parts of the video. A shorter video repeats frames.
        None takes the number of the model. A module has no such number.
    frame_size : int, default=None
        As for `FrameEncoder`.
    normalize : bool, default=False
        Whether the embedding of each clip is scaled to length 1.
    mean, std, version
        As for `FrameEncoder`.
    batch_size : int, default=4
        Videos embedded at a time.
    precision, engine, cache, n_jobs, on_error, decoder, timeout, device, random_state, verbose
        As for `FrameEncoder`, whose attributes, errors and warnings it shares.

    See Also
    --------
    FrameEncoder : Any image network as a tier.
    EventUnderstanding : The event tier of M3-S.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_m3s import ClipEncoder
    >>> module = torch.nn.AdaptiveAvgPool3d(1)  # the mean of each colour
    >>> video = np.full((8, 48, 64, 3), (255, 0, 51), dtype=np.uint8)
    >>> ClipEncoder(module, n_frames=4).fit_transform([video])
    array([[1. , 0. , 0.2]], dtype=float32)
    """

    _parameter_constraints: dict = ENCODER_RULES
    _kind = "clip"

    def __init__(
        self,
        model: Any,
        *,
        weights: str | os.PathLike[str] | None = "default",
        sha256: str | None = None,
        revision: str | None = None,
        layer: str | None = None,
        output: str = "auto",
        n_frames: int | None = None,
        frame_size: int | None = None,
        normalize: bool = False,
        mean: Any = None,
        std: Any = None,
        version: str | None = None,
        batch_size: int = 4,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.model = model
        self.weights = weights
        self.sha256 = sha256
        self.revision = revision
        self.layer = layer
        self.output = output
        self.n_frames = n_frames
        self.frame_size = frame_size
        self.normalize = normalize
        self.mean = mean
        self.std = std
        self.version = version
        self.batch_size = batch_size
