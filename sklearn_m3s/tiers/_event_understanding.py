"""The high tier: what happens in a video."""

import os
from typing import Unpack

from sklearn.utils._param_validation import StrOptions

from sklearn_m3s.tiers._encoder import PRESET_RULES, Encoder, NetworkParameters


class EventUnderstanding(Encoder):
    """Embeddings of clips by a channel-separated 3-D network, f_high of the paper.

    A preset of `ClipEncoder`. The network was trained to recognise actions. Its features are those
    of the last global average pooling, with 2048 columns.

    Parameters
    ----------
    architecture : {"ip_csn_152", "ir_csn_152"}, default="ip_csn_152"
        The network: interaction-preserved, as in the paper, or interaction-reduced.
    weights : str, os.PathLike or None, default="ig65m_kinetics400"
        Pretrained weights: ``"ig65m_kinetics400"`` or the path of a file. None leaves the network
        untrained.
    sha256 : str, default=None
        The digest that the weights must have.
    n_frames : int, default=32
        Frames per clip, at the centres of equal parts of the video. A shorter video repeats frames.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized.
    batch_size : int, default=4
        Videos embedded at a time.
    precision, engine, cache, n_jobs, on_error, decoder, timeout, device, random_state, verbose
        As for `FrameEncoder`, whose attributes, errors and warnings it shares.

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
