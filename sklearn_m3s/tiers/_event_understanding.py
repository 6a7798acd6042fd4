"""The high tier: what happens in a video."""

from sklearn.utils._param_validation import StrOptions

from sklearn_m3s.tiers._backbone_tier import BackboneTier


class EventUnderstanding(BackboneTier):
    """Embeddings of clips by a channel-separated 3-D network, f_high of the paper.

    The network was trained to recognise actions and is stopped after its global average.

    Parameters
    ----------
    architecture : {"ip_csn_152", "ir_csn_152"}, default="ip_csn_152"
        The network: interaction-preserved, as in the paper, or interaction-reduced.
    weights : str, os.PathLike or None, default="ig65m_kinetics400"
        Pretrained weights: ``"ig65m_kinetics400"`` or the path of a file; None leaves the network
        untrained.
    n_frames : int, default=32
        How many frames to take: those at the centres of as many equal parts of the clip. A
        shorter clip repeats frames.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized, at least 32.
    device : str, default="auto"
        Where the network runs: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or the first that
        there is of CUDA, MPS and CPU. On CUDA it computes in bfloat16.
    batch_size : int, default=4
        Videos embedded at a time.
    random_state : int or None, default=None
        Seed of the untrained network; None is 0, so that features can be cached.
    cache : str or os.PathLike, default=None
        A folder that keeps the embedding of each video.
    n_jobs : int, default=None
        Threads that read videos; see joblib.
    on_error : {"raise", "nan"}, default="raise"
        Whether bad videos are an error, raised after all others are done, or rows of NaN.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads video files.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    n_features_out_ : int
        Number of columns: 2048.

    Raises
    ------
    WeightsError
        When the first video is embedded, if the weights cannot be had or do not fit.

    Warns
    -----
    M3SWarning
        If the network is untrained; for bad videos.

    See Also
    --------
    RawPerception : The low tier.
    SceneParsing : The middle tier.

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
        **BackboneTier._parameter_constraints,
        "architecture": [StrOptions({"ip_csn_152", "ir_csn_152"})],
    }
    _width = 2048

    def __init__(
        self,
        *,
        architecture="ip_csn_152",
        weights="ig65m_kinetics400",
        n_frames=32,
        frame_size=256,
        device="auto",
        batch_size=4,
        random_state=None,
        cache=None,
        n_jobs=None,
        on_error="raise",
        decoder="pyav",
        verbose=False,
    ):
        self.architecture = architecture
        self.weights = weights
        self.n_frames = n_frames
        self.frame_size = frame_size
        self.device = device
        self.batch_size = batch_size
        self.random_state = random_state
        self.cache = cache
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.decoder = decoder
        self.verbose = verbose

    def _architecture(self):
        return self.architecture

    def _embed(self, backbone, clips):
        return backbone.embed(clips)
