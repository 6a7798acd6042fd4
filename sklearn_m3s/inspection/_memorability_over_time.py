"""Predict the windows of a long video, and show its most memorable moments."""

import warnings
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s._innermost import innermost
from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.inspection._blocks import Table
from sklearn_m3s.inspection._plotting import make_axes
from sklearn_m3s.pipeline import take_apart
from sklearn_m3s.tiers import (
    DescribedVideos,
    VideoTransformer,
    describe_windows,
    first_tiers,
)
from sklearn_m3s.tiers._describe import read_each
from sklearn_m3s.video import FitGeometry, video_name

_ARRAY_RATE = 15.0
_STILL_SIDE = 512  # pixels, at most
_LARGEST_CHANGE = 0.25


@dataclass(kw_only=True, eq=False, repr=False)
class MemorabilityOverTime:
    """The predicted scores of overlapping windows of a video.

    Use :func:`~sklearn_m3s.inspection.memorability_over_time` to make one.

    Parameters
    ----------
    seconds : ndarray of shape (n_windows,), float64
        The middle of each window, in seconds from the first frame.
    scores : ndarray of shape (n_windows,) or (n_windows, n_scores), float64
        The predictions. NaN for windows that could not be read.
    window : float
        Length of the windows in seconds.
    stride : float
        Seconds from one window to the next.
    video : str, os.PathLike or ndarray
        The video, as given.
    frame_rate : float, default=15
        Frames per second, if the video is an array.

    Attributes
    ----------
    ax_ : Axes
        Axes of the last plot.
    figure_ : Figure
        Figure of the last plot.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.inspection import MemorabilityOverTime
    >>> over_time = MemorabilityOverTime(
    ...     seconds=np.arange(1.0, 7.0),
    ...     scores=np.array([0.7, 0.8, 0.9, 0.8, 0.6, 0.7]),
    ...     window=2.0,
    ...     stride=1.0,
    ...     video=np.zeros((105, 48, 64, 3), dtype=np.uint8),
    ... )
    >>> over_time.moments(2)
    [(3.0, 0.9), (1.0, 0.7)]
    """

    seconds: np.ndarray
    scores: np.ndarray
    window: float
    stride: float
    video: Any
    frame_rate: float = _ARRAY_RATE

    def moments(self, n: int = 3, *, column: int = 0) -> list[tuple[float, float]]:
        """Return the most memorable moments, the best first.

        Parameters
        ----------
        n : int, default=3
            Largest number of moments. Their windows do not overlap, so there may be fewer.
        column : int, default=0
            Index of the score that ranks the moments, if there are several.

        Returns
        -------
        list of (float, float)
            For each moment, the middle of its window in seconds, and the score.
        """
        scores = self.scores.reshape(len(self.scores), -1)[:, column]
        chosen: list[int] = []
        for i in np.argsort(-scores, kind="stable"):
            distances = np.abs(self.seconds[chosen] - self.seconds[i])
            if (
                len(chosen) < n
                and not np.isnan(scores[i])
                and (distances > self.window - 1e-6).all()
            ):
                chosen.append(int(i))
        return [(float(self.seconds[i]), float(scores[i])) for i in chosen]

    def stills(self, n: int = 3, *, column: int = 0) -> list[np.ndarray]:
        """Return the frames shown at the most memorable moments.

        The video is decoded once more, up to the last of these moments.

        Parameters
        ----------
        n : int, default=3
            Largest number of moments.
        column : int, default=0
            Index of the score that ranks the moments, if there are several.

        Returns
        -------
        list of ndarray of shape (H, W, 3), uint8
            RGB frames of at most 512 pixels along the longer side, in the order of the moments.

        Raises
        ------
        VideoError
            If the video can no longer be read.
        """
        moments = self.moments(n, column=column)
        reader = _StillReader([second for second, _ in moments], self.frame_rate)
        [pictures] = read_each([self.video], reader)
        if isinstance(pictures, Exception):
            raise pictures
        return pictures

    def to_frame(self) -> Table:
        """Return the scores over time as a table.

        Returns
        -------
        DataFrame
            One row per window, with the columns ``seconds`` and ``score``. Several scores are in
            the columns ``score0``, ``score1`` and so on.
        """
        columns = {"score": self.scores}
        if self.scores.ndim == 2:
            columns = {f"score{k}": column for k, column in enumerate(self.scores.T)}
        pandas = import_optional("pandas", "inspection")
        return pandas.DataFrame({"seconds": self.seconds} | columns)

    def plot(self, ax: Any = None) -> "MemorabilityOverTime":
        """Draw the scores over time, with the three most memorable moments.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw into. None makes a new figure.

        Returns
        -------
        MemorabilityOverTime
            The object itself.
        """
        if ax is None:
            [[ax]], _ = make_axes(None, (1, 1), size=(7, 3))
        ax.plot(self.seconds, self.scores, marker="." if len(self.seconds) == 1 else None)
        for second, score in self.moments():
            ax.plot(second, score, "o", color="C3")
            ax.annotate(f"{second:.1f} s", (second, score), (0, 6), textcoords="offset points")
        ax.set(xlabel=f"middle of a window of {self.window:.3g} seconds", ylabel="predicted score")
        ax.margins(y=0.15)
        self.ax_, self.figure_ = ax, ax.figure
        return self


@check_arguments(
    model=[HasMethods(["predict"])],
    window=[Interval(Real, 0, None, closed="neither"), None],
    stride=[Interval(Real, 0, None, closed="neither")],
    n_jobs=[Integral, None],
    verbose=["verbose"],
)
def memorability_over_time(
    model: BaseEstimator,
    video: Any,
    window: float | None = None,
    stride: float = 1.0,
    *,
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> MemorabilityOverTime:
    """Predict the score of each part of a video.

    A window moves over the video. At each position, the model predicts the window like a separate
    video. The video is decoded once.

    Parameters
    ----------
    model : Pipeline or PredictionIntervals
        A fitted model from `make_m3s`, or an estimator that has one as its ``estimator``. All tiers
        must be instances of `VideoTransformer` with the same `decoder`.
    video : str, os.PathLike or ndarray of shape (T, H, W, 3), uint8
        A file, or RGB frames. The frame rate of an array is the `frame_rate` of the raw tier, or 15
        without such a tier.
    window : float, default=None
        Length of the window in seconds. None selects the median length of the training videos. A
        shorter video is a single window.
    stride : float, default=1.0
        Seconds from one window to the next. The last window ends less than a stride before the end
        of the video.
    n_jobs : int, default=None
        Number of worker processes. Each decodes the whole video and measures some of the windows.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Returns
    -------
    MemorabilityOverTime
        Seconds and scores, with a plot and the most memorable moments.

    Raises
    ------
    ValueError
        If `model` has a tier that is not a `VideoTransformer`, or `window` is None and the length
        of the training videos is unknown.
    VideoError
        If no window can be read.

    Warns
    -----
    M3SWarning
        If `window` differs from the median length of the training videos by more than a quarter, or
        if some windows cannot be read. The scores of these windows are NaN.

    Notes
    -----
    Memory does not grow with the length of the video. The `timeout` of the tiers applies to each
    window, and their caches are not used.

    Some descriptors depend on the length of a video. For example, the compressed size grows in
    proportion. The model only knows their values for videos of the training lengths. So the window
    should have a similar length.

    The score of a window is that of a file with the same frames. Cutting a file usually changes the
    frames: encoding again alters the pictures, and a cut without encoding starts at a key frame.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import RawPerception, make_m3s
    >>> from sklearn_m3s.inspection import memorability_over_time
    >>> videos = [np.full((30, 32, 32, 3), level, dtype=np.uint8) for level in (0, 50, 100)]
    >>> raw = RawPerception(descriptors=["brightness"])
    >>> model = make_m3s(raw, scene=None, event=None, regressor=Ridge(alpha=1e-6))
    >>> model = model.fit(videos, [0.5, 0.6, 0.7])
    >>> long = np.repeat(np.array([0, 100], dtype=np.uint8), 45)[:, None, None, None]
    >>> long = np.tile(long, (1, 32, 32, 3))  # 6 seconds: dark, then light
    >>> over_time = memorability_over_time(model, long, window=2)
    >>> over_time.seconds
    array([1., 2., 3., 4., 5.])
    >>> over_time.scores.round(2)
    array([0.5, 0.5, 0.6, 0.7, 0.7])
    """
    check_is_fitted(model)
    tiers = _tiers(model)
    window = _checked_window(model, window)
    rate = max(
        (tier.frame_rate for tier in tiers if hasattr(tier, "frame_rate")), default=_ARRAY_RATE
    )
    name = video_name(video, 0)
    middles: list[np.ndarray] = []
    places, scores = [], []  # of the windows that could be read
    failures: dict[int, Exception] = {}
    n_windows = 0
    for spans, rows, failed in describe_windows(
        tiers, video, window=window, stride=stride, frame_rate=rate, n_jobs=n_jobs, verbose=verbose
    ):
        good = [i for i in range(len(spans)) if i not in failed]
        if good:
            names = [f"{name} from {start:g} s to {end:g} s" for start, end in spans[good]]
            described = DescribedVideos(names, tiers, [matrix[good] for matrix in rows])
            scores.append(np.asarray(model.predict(described), dtype=float))
        places += [n_windows + i for i in good]
        failures |= {n_windows + i: error for i, error in failed.items()}
        middles.append(spans.mean(axis=1))
        n_windows += len(spans)
    if not places:
        raise VideoError(f"{name} {failures[0]}", [(name, str(failures[0]))]) from failures[0]
    if failures:
        first = min(failures)
        warnings.warn(
            f"{len(failures)} of {n_windows} windows of {name} could not be read. Their scores are "
            f"NaN. The first one {failures[first]}",
            M3SWarning,
            stacklevel=2,
        )
    found = np.concatenate(scores)
    filled = np.full((n_windows, *found.shape[1:]), np.nan)
    filled[places] = found
    return MemorabilityOverTime(
        seconds=np.concatenate(middles),
        scores=filled,
        window=window,
        stride=float(stride),
        video=video,
        frame_rate=rate,
    )


def _tiers(model: Any) -> list[VideoTransformer]:
    """Return the tiers of a model, if all of them read videos."""
    tiers = []
    for name, tier in take_apart(model).tiers.items():
        found = first_tiers(tier)
        if not found:
            raise ValueError(
                f"the tier {name!r} is a {type(tier).__name__}, but the windows of a video can "
                "only be read by a VideoTransformer: use such tiers, or cut the video into files"
            )
        tiers += found
    return tiers


def _checked_window(model: Any, window: float | None) -> float:
    """Return the length of the window. Warn if it differs from the training videos."""
    pipeline: Pipeline = innermost(model)
    usual = getattr(pipeline["tiers"], "median_duration_", np.nan)
    if window is None:
        if np.isnan(usual):
            raise ValueError(
                "window is None, but the length of the training videos is unknown, for example if "
                "they are arrays: pass window= in seconds"
            )
        return usual
    if abs(window - usual) > _LARGEST_CHANGE * usual:
        warnings.warn(
            f"window={window:g} differs from the {usual:g} seconds of the training videos. "
            "Descriptors that grow with the length, such as the compressed size, mislead the "
            "model: use window=None",
            M3SWarning,
            stacklevel=3,
        )
    return float(window)


class _StillReader:
    """Read the frames that are shown at the given seconds."""

    geometry = FitGeometry(_STILL_SIDE, _STILL_SIDE)

    def __init__(self, seconds: list[float], frame_rate: float) -> None:
        self.frame_rate = frame_rate
        self._seconds = np.array(seconds)
        self._found: dict[int, np.ndarray] = {}

    def wanted(self, times: np.ndarray, end: float) -> np.ndarray:
        """Return, for each of the seconds, the last frame that begins before it."""
        after = np.searchsorted(times - times[0], self._seconds + 1e-6, side="right")
        self._indices = (after - 1).clip(0)
        return np.unique(self._indices)

    def add(self, index: int, picture: np.ndarray, time: float) -> None:
        """Keep a frame."""
        self._found[index] = picture

    def value(self) -> list[np.ndarray]:
        """Return the frames in the order of the seconds, or the nearest that could be decoded."""
        return [self._found[min(self._found, key=lambda j: abs(j - i))] for i in self._indices]
