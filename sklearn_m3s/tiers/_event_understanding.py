"""The high tier: what happens in a video."""

import os
from typing import Unpack

from sklearn.utils._param_validation import StrOptions

from sklearn_m3s.tiers._encoder import PRESET_RULES, Encoder, NetworkParameters


class EventUnderstanding(Encoder):
    """Embeddings of clips by a channel-separated 3-D network, f_high of the paper.

    This is a preset of `ClipEncoder`. The network was trained to recognise actions. The features
    are the output of its last global average pooling, with 2,048 columns.

    Parameters
    ----------
    architecture : {"ip_csn_152", "ir_csn_152"}, default="ip_csn_152"
        The network: interaction-preserved, as in the paper, or interaction-reduced.
    weights : str, os.PathLike or None, default="ig65m_kinetics400"
        Pretrained weights: ``"ig65m_kinetics400"`` or the path of a file. None leaves the network
        untrained.
    sha256 : str, default=None
        The SHA-256 that the weights must have, 64 hexadecimal digits.
    n_frames : int, default=32
        Number of frames per clip, at the centres of equal parts of the video. A shorter video
        repeats frames.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized, at least 32.
    batch_size : int, default=4
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
    SceneParsing : The middle tier.
    ClipEncoder : Any video network as a tier.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 5. Tran, Wang, Torresani, Feiszli: Video Classification with
    Channel-Separated Convolutional Networks, ICCV 2019.

    Examples
    --------
    >>> from sklearn_m3s import EventUnderstanding
    >>> tier = EventUnderstanding(weights=None, n_frames=4).fit(["a.mp4", "b.mp4"])
    >>> len(tier.get_feature_names_out())
    2048
    """

    _parameter_constraints: dict = {
        **PRESET_RULES,
        "architecture": [StrOptions({"ip_csn_152", "ir_csn_152"})],
    }
    _kind = "clip"

    def __init__(
        self,
        *,
        architecture: str = "ip_csn_152",
        weights: str | os.PathLike[str] | None = "ig65m_kinetics400",
        sha256: str | None = None,
        n_frames: int = 32,
        frame_size: int = 256,
        batch_size: int = 4,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.architecture = architecture
        self.weights = weights
        self.sha256 = sha256
        self.n_frames = n_frames
        self.frame_size = frame_size
        self.batch_size = batch_size

    @property
    def model(self) -> str:
        """The name of the network in the registry."""
        return self.architecture
