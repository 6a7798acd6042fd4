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
        - A module from clips (N, 3, T, H, W), float32 RGB, to one tensor. It is used in eval mode,
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
        Name of the module inside the network whose output is used, as in
        ``model.named_modules()``. None uses the output of the network.
    output : {"auto", "mean", "cls", "pooler", "flatten"}, default="auto"
        Reduction of this output to a vector, as for `FrameEncoder`.
    n_frames : int, default=None
        Number of frames per clip, at the centres of equal parts of the video. A shorter video
        repeats frames. None means the number of the model. It must be given for a module.
    frame_size : int, default=None
        Side in pixels of the square to which frames are resized. None means the size and the crop
        of the model, or 224 if it has none.
    normalize : bool, default=False
        Whether the embedding of each clip is scaled to length 1.
    mean, std : array-like of 3 floats, default=None
        Normalisation of RGB in [0, 1]. None means that of the model. For a module, None means 0 and
        1: pass the numbers that it was trained with.
    version : str, default=None
        Name of the state of a module, for the key of the cache, as for `FrameEncoder`.
    batch_size : int, default=4
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
        If `model` is none of these or takes images, or if a parameter does not apply to it.
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
