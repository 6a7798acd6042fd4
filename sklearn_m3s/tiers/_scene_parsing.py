"""The middle tier: what a video shows."""

import os
from typing import Unpack

from sklearn_m3s.tiers._encoder import PRESET_RULES, Encoder, NetworkParameters


class SceneParsing(Encoder):
    """Embeddings of frames by HRNetV2-W48, f_mid of the paper.

    A preset of `FrameEncoder`. The four resolutions of the network are averaged over the frame and
    concatenated, and averaged over the frames of the video.

    Parameters
    ----------
    weights : str, os.PathLike or None, default="imagenet"
        Pretrained weights: ``"imagenet"`` (classification), ``"ade20k"`` (scene parsing) or
        ``"imagenet-mit"``, or the path of a file. None leaves the network untrained. The last two
        names come from a host without https and need `sha256`.
    sha256 : str, default=None
        The digest that the weights must have.
    n_frames : int, default=1
        Frames per video: those at the centres of as many equal parts.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized.
    batch_size : int, default=16
        Videos embedded at a time.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What the network computes in. ``"auto"`` is bfloat16 on CUDA and float32 elsewhere.
    engine : {"auto", "torch", "openvino"}, default="auto"
        What runs the network on the CPU; see `FrameEncoder`.
    cache : str or os.PathLike, default=None
        A folder that keeps the embedding of each video.
    n_jobs : int, default=None
        Threads that read videos; see joblib.
    on_error : {"raise", "nan"}, default="raise"
        Whether bad videos are an error, raised after all others are done, or rows of NaN.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads video files.
    device : str, default="auto"
        Where the network runs: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``. ``"auto"`` selects
        CUDA if available, then MPS, then the CPU.
    random_state : int or None, default=None
        Seed of the untrained network; None is 0, so that features can be cached.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of columns: 720.
    reduction_ : None
        Nothing is learned from the training videos.

    Raises
    ------
    WeightsError
        Before the first video is read, if the weights are missing or do not fit.

    Warns
    -----
    M3SWarning
        If the network is untrained; for bad videos.

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
