"""Any image network as a tier."""

import os
from typing import Any, Unpack

from sklearn.utils._param_validation import StrOptions

from sklearn_m3s.tiers._encoder import ENCODER_RULES, Encoder, NetworkParameters


class FrameEncoder(Encoder):
    """Embeddings of frames by any image network, pooled over time.

    Parameters
    ----------
    model : str, path-like, torch.nn.Module or callable
        - A name of the registry: ``"hrnetv2_w48"`` or ``"efficientnet_lite0"``.
        - A folder or a repository name of Hugging Face, such as ``"facebook/dinov2-small"`` (needs
          the extra ``hf``): ViT, DINOv2 and v3, CLIP, SigLIP 1 and 2, ConvNeXt and others.
        - A module from images (N, 3, H, W), float32 RGB, to one tensor. It is used in eval mode,
          and its own mode is restored. Clones of the estimator share it.
        - A function without arguments that returns such a module. It is called when the network is
          needed.
    weights : str, path-like or None, default="default"
        Weights of a network of the registry: a name, a path, or None for an untrained network.
        Other models come with their own weights.
    sha256 : str, default=None
        The SHA-256 that these weights must have, 64 hexadecimal digits.
    revision : str, default=None
        Branch, tag or commit of a Hugging Face repository.
    layer : str, default=None
        Name of the module inside the network whose output is used, such as ``"blocks.11.mlp"``; see
        ``model.named_modules()``. None uses the output of the network.
    output : {"auto", "mean", "cls", "pooler", "flatten"}, default="auto"
        Reduction of this output to a vector. ``"auto"`` is the projection or the pooled output of a
        Hugging Face model if it has one, else the mean over tokens or space. ``"mean"`` is always
        this mean, ``"cls"`` is the first token, ``"pooler"`` is the pooled output, and
        ``"flatten"`` is all numbers.
    n_frames : int, default=1
        Number of frames per video, at the centres of equal parts.
    frame_size : int, default=None
        Side in pixels of the square to which whole frames are resized. None means the size and the
        crop of the model, or 224 if it has none. Frames are resized by area interpolation, whatever
        the model was trained with.
    pool : {"mean", "max", "mean_std"} or None, default="mean"
        Pooling of the embeddings of the frames to one row. ``"mean_std"`` puts mean and standard
        deviation side by side. None puts all embeddings side by side.
    normalize : bool, default=False
        Whether the embedding of each frame is scaled to length 1 before pooling.
    mean, std : array-like of 3 floats, default=None
        Normalisation of RGB in [0, 1]. None means that of the model. For a module, None means 0 and
        1: pass the numbers that it was trained with.
    version : str, default=None
        Name of the state of a module, for the key of the cache. None computes a digest of its
        parameters, buffers, structure and code. Pass a version if the module changes in other ways.
    batch_size : int, default=16
        Number of videos embedded at a time.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Data type of the computation. ``"auto"`` is bfloat16 on CUDA and float32 elsewhere. A
        module keeps its own type.
    engine : {"auto", "torch", "openvino"}, default="auto"
        Library that runs the network on a CPU. ``"auto"`` selects OpenVINO if it is installed
        (extra ``fast``) and there are enough videos to repay the conversion.
    cache : str or os.PathLike, default=None
        Folder that keeps the embedding of each video.
    n_jobs : int, default=None
        Number of worker processes that read videos, each with one thread; see joblib.
    on_error : {"raise", "nan"}, default="raise"
        Whether bad videos raise one error, after all others are described, or become rows of NaN.
    decoder : {"pyav", "decord"}, default="pyav"
        Library that reads video files.
    timeout : float or None, default=600
        Seconds of work per video, after which it counts as bad. None sets no limit.
    device : str, default="auto"
        Device of the network: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``. ``"auto"`` selects
        CUDA if available, then MPS, then the CPU. A module is not moved: it runs on its own device.
    random_state : int or None, default=None
        Seed of an untrained network. None means 0, so that features can be cached.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of columns.
    reduction_ : None
        Always None, because nothing is learned from the training videos.

    Raises
    ------
    ValueError
        If `model` is none of these or takes clips, or if a parameter does not apply to it.
    WeightsError
        If the weights are missing or do not fit. It is raised before the first video is read.
    M3SError
        If the network fails on the frames, or returns something other than a tensor.

    Warns
    -----
    M3SWarning
        If the network is untrained, or if videos are bad and ``on_error="nan"``.

    See Also
    --------
    ClipEncoder : Any video network as a tier.
    SceneParsing : The scene tier of M3-S.

    Notes
    -----
    To search over networks, search over encoders, such as
    ``{"tiers__scene__describe": [FrameEncoder(a), FrameEncoder(b)]}``. scikit-learn would copy bare
    modules.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_m3s import FrameEncoder
    >>> module = torch.nn.AdaptiveAvgPool2d(1)  # the mean of each colour
    >>> video = np.full((8, 48, 64, 3), (255, 0, 51), dtype=np.uint8)
    >>> FrameEncoder(module, n_frames=2).fit_transform([video])
    array([[1. , 0. , 0.2]], dtype=float32)
    """

    _parameter_constraints: dict = {
        **ENCODER_RULES,
        "pool": [StrOptions({"mean", "max", "mean_std"}), None],
    }
    _kind = "image"

    def __init__(
        self,
        model: Any,
        *,
        weights: str | os.PathLike[str] | None = "default",
        sha256: str | None = None,
        revision: str | None = None,
        layer: str | None = None,
        output: str = "auto",
        n_frames: int = 1,
        frame_size: int | None = None,
        pool: str | None = "mean",
        normalize: bool = False,
        mean: Any = None,
        std: Any = None,
        version: str | None = None,
        batch_size: int = 16,
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
        self.pool = pool
        self.normalize = normalize
        self.mean = mean
        self.std = std
        self.version = version
        self.batch_size = batch_size
