"""The middle tier: what a video shows."""

from sklearn_m3s.tiers._backbone_tier import BackboneTier


class SceneParsing(BackboneTier):
    """Embeddings of frames by HRNetV2-W48, f_mid of the paper.

    The network was trained to parse scenes into objects; its four resolutions are averaged over
    the frame and concatenated, and over the frames of the clip.

    Parameters
    ----------
    weights : str, os.PathLike or None, default="ade20k"
        Pretrained weights: ``"ade20k"``, ``"imagenet"``, ``"imagenet-mit"`` or the path of a file;
        None leaves the network untrained.
    n_frames : int, default=1
        How many frames to take: those at the centres of as many equal parts of the clip.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized, at least 32.
    device : str, default="auto"
        Where the network runs: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or the first that
        there is of CUDA, MPS and CPU. On CUDA it computes in bfloat16.
    batch_size : int, default=16
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
        Number of columns: 720.

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
    EventUnderstanding : The high tier.

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

    _width = 720

    def __init__(
        self,
        *,
        weights="ade20k",
        n_frames=1,
        frame_size=256,
        device="auto",
        batch_size=16,
        random_state=None,
        cache=None,
        n_jobs=None,
        on_error="raise",
        decoder="pyav",
        verbose=False,
    ):
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
        return "hrnetv2_w48"

    def _embed(self, backbone, clips):
        n_videos, n_frames = clips.shape[:2]
        rows = backbone.embed(clips.reshape(-1, *clips.shape[2:]))
        return rows.reshape(n_videos, n_frames, -1).mean(axis=1)
