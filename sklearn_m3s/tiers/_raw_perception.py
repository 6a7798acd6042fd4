"""The low tier: what meets the eye before anything is recognised."""

import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s.descriptors import blurriness, brightness, contrast, hog
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.tiers._base import VideoTransformer
from sklearn_m3s.tiers._meters import FlowMeter, MeanMeter, SizeMeter
from sklearn_m3s.video import stream_frames

DESCRIPTORS = ("contrast", "brightness", "blurriness", "hog", "mean_flow", "h264_bytes")
_NO_VARIANCE = 1e-6


class RawPerception(VideoTransformer):
    """Low-level descriptors of a video, f_low of the paper.

    Six descriptors, each a mean over the frames: contrast, brightness, blurriness, histograms of
    oriented gradients (HOG) reduced by a whitened PCA of the training videos, the mean length of
    the optical flow, and the size of the clip when compressed with H.264.

    Parameters
    ----------
    descriptors : sequence of str, default=all six
        Which to compute, in the order of the columns: of ``"contrast"``, ``"brightness"``,
        ``"blurriness"``, ``"hog"``, ``"mean_flow"`` and ``"h264_bytes"``.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized.
    frame_rate : float, default=15
        Frames per second to sample, by time stamps. Clips with fewer frames give all they have.
    brightness : {"value", "hue"}, default="value"
        The channel of HSV whose mean is the brightness: value in [0, 255], hue in [0, 360).
    blurriness : {"spectrum", "slope"}, default="spectrum"
        Mean log magnitude after a high pass in the frequency domain (larger is sharper), or the
        slope of the power spectrum.
    hog_cell : int, default=16
        Side of a HOG cell in pixels.
    hog_components : int, default=10
        Columns kept of the PCA of the HOG; fewer, with a warning, for fewer training videos.
    flow : {"tvl1", "dis", "farneback"}, default="tvl1"
        How optical flow is computed; lengths are in pixels of `frame_size` per 1 / `frame_rate`
        seconds, each pair of frames scaled by its true interval.
    device : str, default="cpu"
        Where TV-L1 flow is computed, up to 256 frames at once: ``"cpu"``, ``"cuda"``,
        ``"cuda:1"``, ``"mps"``, or ``"auto"`` for the best of them. All else runs on the CPU.
    cache : str or os.PathLike, default=None
        A folder that keeps what was computed of each video. `hog_components` may change without
        anything being computed again.
    n_jobs : int, default=None
        Worker processes, each of one thread; see joblib.
    on_error : {"raise", "nan"}, default="raise"
        Whether bad videos are an error, raised after all others are done, or rows of NaN.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads video files.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    hog_pca_ : PCA or None
        The PCA of the HOG; None where the HOG is not used, or had fewer than two videos.
    n_features_out_ : int
        Number of columns: 15 by default.

    Warns
    -----
    M3SWarning
        If there are too few training videos for `hog_components`; for bad videos.

    See Also
    --------
    SceneParsing : The middle tier.
    EventUnderstanding : The high tier.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, sections 3.2 and 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> rng = np.random.default_rng(0)
    >>> videos = [rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8) for _ in range(4)]
    >>> tier = RawPerception(frame_size=64, hog_components=2).fit(videos)
    >>> tier.transform(videos).shape
    (4, 7)
    >>> [str(name) for name in tier.get_feature_names_out()]
    ['contrast', 'brightness', 'blurriness', 'hog0', 'hog1', 'mean_flow', 'h264_bytes']
    """

    _parameter_constraints: dict = {
        **VideoTransformer._parameter_constraints,
        "descriptors": ["array-like"],
        "frame_size": [Interval(Integral, 16, None, closed="left")],
        "frame_rate": [Interval(Real, 0, None, closed="neither")],
        "brightness": [StrOptions({"value", "hue"})],
        "blurriness": [StrOptions({"spectrum", "slope"})],
        "hog_cell": [Interval(Integral, 2, None, closed="left")],
        "hog_components": [Interval(Integral, 1, None, closed="left")],
        "flow": [StrOptions({"tvl1", "dis", "farneback"})],
        "device": [str],
    }
    _version = 2
    _shares_decoding = True

    def __init__(
        self,
        *,
        descriptors=DESCRIPTORS,
        frame_size=256,
        frame_rate=15,
        brightness="value",
        blurriness="spectrum",
        hog_cell=16,
        hog_components=10,
        flow="tvl1",
        device="cpu",
        cache=None,
        n_jobs=None,
        on_error="raise",
        decoder="pyav",
        verbose=False,
    ):
        self.descriptors = descriptors
        self.frame_size = frame_size
        self.frame_rate = frame_rate
        self.brightness = brightness
        self.blurriness = blurriness
        self.hog_cell = hog_cell
        self.hog_components = hog_components
        self.flow = flow
        self.device = device
        self.cache = cache
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.decoder = decoder
        self.verbose = verbose

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns.

        Parameters
        ----------
        input_features : None
            Ignored: videos have no names of features.

        Returns
        -------
        ndarray of str of shape (n_features,)
            The descriptors; the columns of the HOG are numbered.
        """
        check_is_fitted(self)
        names = []
        for name in self._names():
            names += [f"hog{i}" for i in range(self._n_hog())] if name == "hog" else [name]
        return np.asarray(names, dtype=object)

    @property
    def _learns(self):
        return "hog" in self._names()

    def _names(self):
        """Return the descriptors as a list of valid names."""
        names = list(self.descriptors)
        unknown = [name for name in names if name not in DESCRIPTORS]
        if unknown or not names or len(set(names)) < len(names):
            fault = f"unknown {unknown}" if unknown else "no name" if not names else "a repetition"
            raise ValueError(f"descriptors={names!r} holds {fault}: choose from {DESCRIPTORS}")
        return names

    def _settings(self):
        kept_out = {"hog_components", "device", "cache", "n_jobs", "on_error", "verbose"}
        settings = {k: v for k, v in self.get_params().items() if k not in kept_out}
        return {**settings, "descriptors": self._names(), "frame_rate": float(self.frame_rate)}

    def _widths(self):
        """Return how many numbers describe a video by each descriptor, before the PCA."""
        if "hog" not in self._names():
            return dict.fromkeys(self._names(), 1)
        black = np.zeros((1, self.frame_size, self.frame_size, 3), np.uint8)
        n_hog = hog(black, self.hog_cell).shape[1]
        return {name: n_hog if name == "hog" else 1 for name in self._names()}

    def _n_described(self):
        return sum(self._widths().values())

    def _describe(self, video):
        meters = [self._meter(name) for name in self._names()]
        for frames, times in stream_frames(
            video, frame_rate=self.frame_rate, frame_size=self.frame_size, decoder=self.decoder
        ):
            for meter in meters:
                meter.add(frames, times)
        return np.hstack([meter.value() for meter in meters])

    def _work(self, function, videos):
        if self.device != "cpu":  # importing torch takes seconds
            from sklearn_m3s._device import check_device

            check_device(self.device)
        return super()._work(function, videos)

    def _meter(self, name):
        if name == "mean_flow":
            return FlowMeter(self.flow, self.frame_rate, self.device)
        if name == "h264_bytes":
            return SizeMeter(self.frame_size, self.frame_rate)
        functions = {
            "contrast": contrast,
            "brightness": partial(brightness, component=self.brightness),
            "blurriness": partial(blurriness, method=self.blurriness),
            "hog": partial(hog, cell_size=self.hog_cell),
        }
        return MeanMeter(functions[name])

    def _learn(self, rows):
        self.hog_pca_ = self._fit_pca(self._split(rows)["hog"]) if self._learns else None
        n_other = len(self._names()) - self._learns
        self.n_features_out_ = n_other + self._n_hog()

    def _fit_pca(self, rows):
        rows = rows[np.isfinite(rows).all(axis=1)]
        pca = _whitening_pca(min(self.hog_components, len(rows) - 1, rows.shape[1]), rows)
        if pca is not None:
            # Videos that are alike span fewer directions; to whiten the rest would blow up noise.
            n_directions = int((pca.explained_variance_ > _NO_VARIANCE * rows.var()).sum())
            if n_directions < pca.n_components_:
                pca = _whitening_pca(n_directions, rows)
        n_components = 0 if pca is None else pca.n_components_
        if n_components < self.hog_components:
            message = (
                f"hog_components={self.hog_components} reduced to {n_components}: the "
                f"{len(rows)} training videos do not differ in more directions"
            )
            warnings.warn(message, M3SWarning, stacklevel=5)
        return pca

    def _n_hog(self):
        return 0 if self.hog_pca_ is None else self.hog_pca_.n_components_

    def _split(self, rows):
        """Return the columns of each descriptor."""
        widths = self._widths()
        parts = np.split(rows, np.cumsum(list(widths.values()))[:-1], axis=1)
        return dict(zip(widths, parts, strict=True))

    def _finish(self, rows):
        parts = self._split(rows)
        if "hog" in parts:
            parts["hog"] = self._reduce(parts["hog"])
        return np.hstack(list(parts.values()))

    def _reduce(self, rows):
        reduced = np.full((len(rows), self._n_hog()), np.nan, dtype=np.float32)
        sound = np.isfinite(rows).all(axis=1)
        if self.hog_pca_ is not None and sound.any():
            reduced[sound] = self.hog_pca_.transform(rows[sound])
        return reduced


def _whitening_pca(n_components, rows):
    if n_components < 1:
        return None
    # A fixed seed: ten components of a randomised SVD do not depend on it to any digit used.
    return PCA(n_components, whiten=True, random_state=0).fit(rows)
