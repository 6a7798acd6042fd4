"""The base class of tiers: parameters, checks, and five hooks for a subclass."""

import inspect
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypedDict

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s._doc_link import DocLinkMixin
from sklearn_m3s._validation import check_scores
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.tiers._describe import describe
from sklearn_m3s.tiers._described_videos import DescribedVideos
from sklearn_m3s.tiers._tier import Embedder
from sklearn_m3s.video import Reader, check_videos, read_video

# Parameters that do not change the descriptions.
_NO_SETTINGS = {"batch_size", "cache", "device", "n_jobs", "on_error", "timeout", "verbose"}
# The order of shared parameters in signatures.
_LAST = ["cache", "n_jobs", "on_error", "decoder", "timeout", "device", "random_state", "verbose"]


class SharedParameters(TypedDict, total=False):
    """Types of the parameters that all tiers share.

    Examples
    --------
    >>> from typing import Unpack
    >>> from sklearn_m3s.tiers import SharedParameters, VideoTransformer
    >>> class Ring(VideoTransformer):
    ...     def __init__(self, *, radius: float = 3, **shared: Unpack[SharedParameters]) -> None:
    ...         super().__init__(**shared)
    ...         self.radius = radius
    >>> Ring(radius=2, n_jobs=4).get_params()["n_jobs"]
    4
    """

    cache: str | os.PathLike[str] | None
    n_jobs: int | None
    on_error: str
    decoder: str
    timeout: float | None
    verbose: bool | int


class VideoTransformer(
    DocLinkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Base class of transformers from videos to a matrix with one row per video.

    A subclass defines what is read from one video. This class does the rest: checks of the input,
    workers, the cache, the progress bar, and one report for all bad videos.

    Parameters
    ----------
    cache : str or os.PathLike, default=None
        Folder that stores the description of each video.
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
    n_features_out_ : int
        Number of columns.
    reduction_ : transformer or None
        Transformer fitted to the descriptions of the training videos.

    Notes
    -----
    A subclass has these hooks. Only the first is required:

    - ``_reader()`` returns a `Reader`, which selects frames of a video and computes an item from
      them. It is copied for each video and runs in a worker.
    - ``_settings()`` returns a dict of JSON values: everything that determines a description
      besides the video. By default, these are the parameters of the subclass. Add a version to
      them, and raise it when the numbers change.
    - ``_embedder(n_videos)`` returns a function from a list of items to descriptions. Instead of a
      description, the function may return an exception. The hook is called before `n_videos` videos
      are read. The function is called with up to `batch_size` items at a time. By default, the hook
      returns None, and the item is the description.
    - ``_reduction()`` returns a transformer from descriptions to rows, which is fitted to those of
      the training videos. By default, it returns None: descriptions are rows, and `fit` reads no
      video.
    - ``_n_described()`` returns the length of a description. By default, a frame of noise is
      described to find it.

    A constructor with its own parameters passes the shared parameters on:
    ``def __init__(self, *, radius=3, **shared)`` and ``super().__init__(**shared)``. They become
    part of its signature, so that ``get_params`` and ``clone`` know them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import MeanOverTime
    >>> from sklearn_m3s.tiers import VideoTransformer
    >>> from sklearn_m3s.video import FrameReader
    >>> class Redness(VideoTransformer):
    ...     def _reader(self):
    ...         return FrameReader([MeanOverTime(lambda frames: frames[..., 0].mean(axis=(1, 2)))])
    >>> Redness().fit_transform([np.full((48, 64, 3), 7, dtype=np.uint8)])
    array([[7.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "cache": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
        "on_error": [StrOptions({"raise", "nan"})],
        "decoder": [StrOptions({"pyav", "decord"})],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "verbose": ["verbose"],
    }
    batch_size = 1

    def __init__(
        self,
        *,
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        on_error: str = "raise",
        decoder: str = "pyav",
        timeout: float | None = 600,
        verbose: bool | int = False,
    ) -> None:
        self.cache = cache
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.decoder = decoder
        self.timeout = timeout
        self.verbose = verbose

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Put the parameters behind ``**shared`` into the signature of a constructor.

        scikit-learn reads the parameters of an estimator from the signature. They are collected
        from the base classes, as long as each constructor passes ``**`` on.
        """
        super().__init_subclass__(**kwargs)
        if "__init__" not in vars(cls):
            return
        # A parameter of a subclass hides that of its base. What follows a constructor without ** is
        # not reached by its call.
        merged: dict[str, inspect.Parameter] = {}
        for base in cls.__mro__:
            if "__init__" in vars(base):
                first, *own = inspect.signature(vars(base)["__init__"]).parameters.values()
                merged = merged or {first.name: first}
                passes_on = any(p.kind is p.VAR_KEYWORD for p in own)
                merged |= {
                    p.name: p for p in own if p.kind is not p.VAR_KEYWORD and p.name not in merged
                }
                if not passes_on:
                    break
        # By kind, since Python wants keyword-only parameters last; own ones before shared ones.
        order = {name: place for place, name in enumerate(_LAST, 1)}
        parameters = sorted(merged.values(), key=lambda p: (p.kind, order.get(p.name, 0)))
        vars(cls)["__init__"].__signature__ = inspect.Signature(parameters)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "VideoTransformer":
        """Fit the tier to the training videos.

        Parameters
        ----------
        X : sequence of length n_videos
            Paths to videos or images (str or os.PathLike) and uint8 RGB arrays of shape
            (T, H, W, 3) or (H, W, 3), in any mixture.
        y : array-like of shape (n_videos,) or (n_videos, n_scores), default=None
            Target scores. Unused, but validated here so that bad values fail before hours of
            decoding. NaN in a matrix is a missing score.

        Returns
        -------
        self : object
            The fitted tier.

        Raises
        ------
        TypeError, ValueError
            If `X` is not a sequence of videos, or `y` has another length or is not finite.
        VideoError
            If videos must be read to fit the tier, and some cannot be read (with
            ``on_error="raise"``), or none can.
        """
        X = check_training(X, y)
        if self._reduction() is None:
            self.reduction_, self.n_features_out_ = None, self._n_described()
        else:
            self._fit_reduction(self._rows(X))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit the tier and describe the same videos. Each video is read once.

        Parameters
        ----------
        X : sequence of length n_videos
            Videos, as for `fit`.
        y : array-like of shape (n_videos,) or (n_videos, n_scores), default=None
            Target scores, as for `fit`.

        Returns
        -------
        ndarray of shape (n_videos, n_features), float32
            One row per video. With ``on_error="nan"``, it is NaN for a video that cannot be read.

        Raises
        ------
        TypeError, ValueError
            If `X` is not a sequence of videos, or `y` has another length or is not finite.
        VideoError
            If videos cannot be read (with ``on_error="raise"``), or none can.
        """
        rows = self._rows(check_training(X, y))
        self._fit_reduction(rows)
        return self._reduced(rows)

    def transform(self, X: Any) -> np.ndarray:
        """Describe videos.

        Parameters
        ----------
        X : sequence of length n_videos
            Videos, as for `fit`.

        Returns
        -------
        ndarray of shape (n_videos, n_features), float32
            One row per video. With ``on_error="nan"``, it is NaN for a video that cannot be read.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        TypeError, ValueError
            If `X` is not a sequence of videos.
        VideoError
            If videos cannot be read (with ``on_error="raise"``). One error lists all of them. It is
            raised after the good videos are described and in the cache.
        """
        check_is_fitted(self)
        return self._reduced(self._rows(as_videos(X)))

    def _reader(self) -> Reader:
        raise NotImplementedError(f"{type(self).__name__} must implement _reader()")

    def _settings(self) -> dict[str, Any]:
        settings = self.get_params(deep=False)
        return {name: value for name, value in settings.items() if name not in _NO_SETTINGS}

    def _embedder(self, n_videos: int) -> Embedder | None:
        return None

    def _reduction(self) -> Any:
        return None

    def _n_described(self) -> int:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        [item] = read_video(noise, [self._reader()])
        embed = self._embedder(1)
        [row] = [item] if embed is None or isinstance(item, Exception) else embed([item])
        if isinstance(row, Exception):
            raise row
        return len(row)

    def _rows(self, videos: Sequence[Any]) -> np.ndarray:
        """Return the descriptions that the videos carry, or describe them."""
        rows = videos.rows_of(self) if isinstance(videos, DescribedVideos) else None
        # Rows of NaN may come from a tier with on_error="nan". Here they have to raise an error.
        if rows is None or (self.on_error == "raise" and np.isnan(rows).all(axis=1).any()):
            [rows] = describe([self], videos)
        return rows

    def _fit_reduction(self, rows: np.ndarray) -> None:
        """Fit the reduction to the descriptions of the training videos that could be described."""
        good = np.isfinite(rows).all(axis=1)
        if not good.any():
            raise VideoError(
                f"none of the {len(rows)} training videos could be described by "
                f"{type(self).__name__}: see the warning before this error for the causes"
            )
        self.reduction_, self.n_features_out_ = self._reduction(), rows.shape[1]
        if self.reduction_ is not None:
            self.reduction_.fit(rows[good])
            self.n_features_out_ = len(self.reduction_.get_feature_names_out())

    def _reduced(self, rows: np.ndarray) -> np.ndarray:
        """Apply the reduction. Rows of NaN stay NaN."""
        if self.reduction_ is None:
            return rows
        reduced = np.full((len(rows), self.n_features_out_), np.nan, dtype=np.float32)
        finite = np.isfinite(rows).all(axis=1)
        if finite.any():
            reduced[finite] = self.reduction_.transform(rows[finite])
        return reduced

    @property
    def _n_features_out(self) -> int:
        return self.n_features_out_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags


def as_videos(X: Any) -> Sequence[Any]:
    """Return videos as a list, or as they are if they carry descriptions."""
    return X if isinstance(X, DescribedVideos) else check_videos(X)


def check_training(X: Any, y: Any) -> Sequence[Any]:
    """Return training videos as `as_videos` does, after checking their scores."""
    X = as_videos(X)
    if y is None:
        return X
    if len(y) != len(X):
        raise ValueError(
            f"X and y have inconsistent numbers of samples: {len(X)} videos and {len(y)} scores. "
            "Pass one score per video"
        )
    if np.asarray(y).dtype.kind in ("f", "O"):
        check_scores(y, multioutput=True)
    return X
