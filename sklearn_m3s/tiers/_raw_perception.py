"""The low tier: properties of the pixels, before anything is recognised."""

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, Unpack

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s.descriptors import (
    FlowOverTime,
    H264Meter,
    MeanOverTime,
    blurriness,
    brightness,
    contrast,
    hog,
)
from sklearn_m3s.tiers._hog_reduction import HogReduction
from sklearn_m3s.tiers._video_transformer import SharedParameters, VideoTransformer
from sklearn_m3s.video import FrameReader, Meter

DESCRIPTORS = ("contrast", "brightness", "blurriness", "hog", "mean_flow", "h264_bytes")
_VERSION = 3  # to be increased when the numbers change


class RawPerception(VideoTransformer):
    """Low-level descriptors of a video, f_low of the paper.

    There are six descriptors: contrast, brightness, blurriness, histograms of oriented gradients
    (HOG) reduced by a whitened PCA of the training videos, the length of the optical flow, and the
    size of the video when compressed with H.264. All except the size are averaged over time.

    Parameters
    ----------
    descriptors : sequence of str, default=all six
        Descriptors to compute, in the order of the columns, from ``"contrast"``, ``"brightness"``,
        ``"blurriness"``, ``"hog"``, ``"mean_flow"`` and ``"h264_bytes"``.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized, at least 16.
    frame_rate : float, default=15
        Frames per second to sample, by time stamps. All frames of a video with fewer are used.
    brightness : {"value", "hue"}, default="value"
        The channel of HSV whose mean is the brightness: value in [0, 255], hue in [0, 360).
    blurriness : {"spectrum", "slope"}, default="spectrum"
        Mean log magnitude after a high pass in the frequency domain (larger is sharper), or the
        slope of the power spectrum (larger is more blurred).
    hog_cell : int, default=16
        Side of a HOG cell in pixels, at least 2.
    hog_components : int, default=10
        Number of components of the HOG to keep. Fewer are kept, with a warning, if there are too
        few training videos.
    flow : {"tvl1", "dis", "farneback"}, default="tvl1"
        Algorithm of the optical flow. Lengths are in pixels of `frame_size` per 1 / `frame_rate`
        seconds. Each pair of frames is scaled by its true interval.
    cache : str or os.PathLike, default=None
        Folder that keeps the descriptors of each video. They stay valid if `hog_components`
        changes.
    n_jobs : int, default=None
        Number of worker processes that read videos, each with one thread; see joblib.
    on_error : {"raise", "nan"}, default="raise"
        Whether bad videos raise one error, after all others are described, or become rows of NaN.
    decoder : {"pyav", "decord"}, default="pyav"
        Library that reads video files.
    timeout : float or None, default=600
        Seconds of work per video, after which it counts as bad. None sets no limit.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    hog_pca_ : PCA or None
        The PCA of the HOG. None if the HOG is not used, or if there are fewer than two different
        training videos.
    n_features_out_ : int
        Number of columns: 15 by default.
    reduction_ : transformer or None
        Transformer that applies `hog_pca_` to the columns of the HOG.

    Warns
    -----
    M3SWarning
        If there are too few training videos for `hog_components`, or if videos are bad and
        ``on_error="nan"``.

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
    }

    def __init__(
        self,
        *,
        descriptors: Any = DESCRIPTORS,
        frame_size: int = 256,
        frame_rate: float = 15,
        brightness: str = "value",
        blurriness: str = "spectrum",
        hog_cell: int = 16,
        hog_components: int = 10,
        flow: str = "tvl1",
        **shared: Unpack[SharedParameters],
    ) -> None:
        super().__init__(**shared)
        self.descriptors = descriptors
        self.frame_size = frame_size
        self.frame_rate = frame_rate
        self.brightness = brightness
        self.blurriness = blurriness
        self.hog_cell = hog_cell
        self.hog_components = hog_components
        self.flow = flow

    def get_feature_names_out(self, input_features: None = None) -> np.ndarray:
        """Return the names of the columns.

        Parameters
        ----------
        input_features : None
            Ignored: videos have no named features.

        Returns
        -------
        ndarray of str of shape (n_features,)
            The names of the descriptors. The columns of the HOG are numbered.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        if self.reduction_ is None:
            return np.asarray(self._names(), dtype=object)
        return self.reduction_.get_feature_names_out()

    @property
    def hog_pca_(self) -> Any:
        """The PCA of the HOG."""
        return None if self.reduction_ is None else self.reduction_.pca_

    def _names(self) -> list[str]:
        """Return the descriptors as a list of valid names."""
        names = list(self.descriptors)
        unknown = [name for name in names if name not in DESCRIPTORS]
        if unknown or not names or len(set(names)) < len(names):
            fault = f"unknown {unknown}" if unknown else "a repetition" if names else "no name"
            raise ValueError(f"descriptors={names!r} has {fault}: choose from {DESCRIPTORS}")
        return names

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        del settings["hog_components"]
        settings |= {"descriptors": self._names(), "frame_rate": float(self.frame_rate)}
        return settings | {"version": _VERSION}

    def _reader(self) -> FrameReader:
        meters = [self._meter(name) for name in self._names()]
        return FrameReader(meters, frame_rate=self.frame_rate, frame_size=self.frame_size)

    def _meter(self, name: str) -> Meter:
        if name == "mean_flow":
            return FlowOverTime(self.flow, frame_rate=self.frame_rate)
        if name == "h264_bytes":
            return H264Meter(self.frame_rate)
        functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "contrast": contrast,
            "brightness": partial(brightness, component=self.brightness),
            "blurriness": partial(blurriness, method=self.blurriness),
            "hog": partial(hog, cell_size=self.hog_cell),
        }
        return MeanOverTime(functions[name])

    def _reduction(self) -> HogReduction | None:
        names = self._names()
        return HogReduction(names, self.hog_components) if "hog" in names else None
