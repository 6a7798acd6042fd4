"""The middle tier: what a video shows."""

import os
from typing import Unpack

from sklearn_m3s.tiers._encoder import PRESET_RULES, Encoder, NetworkParameters


class SceneParsing(Encoder):
    """Embeddings of frames by HRNetV2-W48, f_mid of the paper.

    A preset of `FrameEncoder`. The four resolutions of the network are averaged over the frame and
    concatenated to 720 columns. These are averaged over the frames of the video.

    Parameters
    ----------
    weights : str, os.PathLike or None, default="imagenet"
        Pretrained weights: ``"imagenet"`` (classification), ``"ade20k"`` (scene parsing) or
        ``"imagenet-mit"``, or the path of a file. None leaves the network untrained. The last two
        names come from a host without https and need `sha256`.
    sha256 : str, default=None
        The digest that the weights must have.
    n_frames : int, default=1
        Frames per video, at the centres of equal parts.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized.
    batch_size : int, default=16
        Videos embedded at a time.
    precision, engine, cache, n_jobs, on_error, decoder, timeout, device, random_state, verbose
        As for `FrameEncoder`, whose attributes, errors and warnings it shares.

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
