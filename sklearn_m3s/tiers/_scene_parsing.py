"""The middle tier: what a video shows."""

import os
from typing import Unpack

from sklearn_m3s.tiers._encoder import PRESET_RULES, Encoder, NetworkParameters


class SceneParsing(Encoder):
    """Embeddings of frames by HRNetV2-W48, f_mid of the paper.

    This is a preset of `FrameEncoder`. The features of the four resolutions of the network are
    averaged over the frame and concatenated to 720 columns. These are averaged over the frames of
    the video.

    Parameters
    ----------
    weights : str, os.PathLike or None, default="imagenet"
        Pretrained weights: ``"imagenet"`` (classification), ``"ade20k"`` (scene parsing),
        ``"imagenet-mit"`` (classification), or the path of a file. None leaves the network
        untrained. ``"ade20k"`` and ``"imagenet-mit"`` come from a host without https and need
        `sha256`.
    sha256 : str, default=None
        The SHA-256 that the weights must have, 64 hexadecimal digits.
    n_frames : int, default=1
        Number of frames per video, at the centres of equal parts.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized, at least 32.
    batch_size : int, default=16
        Number of videos embedded at a time.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Data type of the computation. ``"auto"`` is bfloat16 on CUDA and float32 elsewhere.
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
        CUDA if available, then MPS, then the CPU.
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
    WeightsError
        If the weights are missing or do not fit. It is raised before the first video is read.
    M3SError
        If the network fails on the frames.

    Warns
    -----
    M3SWarning
        If the network is untrained, or if videos are bad and ``on_error="nan"``.

    See Also
    --------
    RawPerception : The low tier.
    EventUnderstanding : The high tier.
    FrameEncoder : Any image network as a tier.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 5. Sun, Xiao, Liu, Wang: Deep High-Resolution Representation
    Learning for Human Pose Estimation, CVPR 2019.

    Examples
    --------
    >>> from sklearn_m3s import SceneParsing
    >>> tier = SceneParsing(weights=None, frame_size=32).fit(["a.mp4", "b.mp4"])
    >>> len(tier.get_feature_names_out())
    720
    """

    _parameter_constraints: dict = PRESET_RULES
    _kind = "image"
    model = "hrnetv2_w48"

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str] | None = "imagenet",
        sha256: str | None = None,
        n_frames: int = 1,
        frame_size: int = 256,
        batch_size: int = 16,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.weights = weights
        self.sha256 = sha256
        self.n_frames = n_frames
        self.frame_size = frame_size
        self.batch_size = batch_size
