"""What all tiers share: parameters, checks and the way from videos to a matrix."""

import os
from concurrent.futures import BrokenExecutor
from functools import partial
from itertools import islice
from numbers import Integral

import cv2
import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import assert_all_finite, check_is_fitted

from sklearn_m3s.exceptions import M3SError
from sklearn_m3s.tiers._extract import attempt, extract
from sklearn_m3s.video import check_videos

_ROUND = 64  # videos a worker, where results come as lists only


class VideoTransformer(TransformerMixin, BaseEstimator):
    """Base class of transformers from videos to a matrix, one row a video.

    A subclass says how one video is described in `_describe`, how many numbers that gives in
    `_n_described`, and may learn from the described training videos. Everything else is here:
    the input is checked, videos are described by workers, found again in the cache, and the bad
    ones reported together.

    Notes
    -----
    Hooks of a subclass:

    - ``_describe(video)`` returns a float32 vector; it runs in a worker, on a clone.
    - ``_n_described()`` is the length of that vector.
    - ``_settings()`` is a dict of JSON values: all that determines the vector besides the video.
    - ``_learn(rows)`` learns from the rows of the training videos; ``_finish(rows)`` makes the
      output of them. A tier with nothing to learn leaves ``_learns`` false, and `fit` reads no
      video.
    - ``_version`` is raised when the numbers change, so that cached ones are not used any more.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.tiers import VideoTransformer
    >>> class Height(VideoTransformer):
    ...     def __init__(self, cache=None, n_jobs=None, on_error="raise",
    ...                  decoder="pyav", verbose=False):
    ...         self.cache = cache
    ...         self.n_jobs = n_jobs
    ...         self.on_error = on_error
    ...         self.decoder = decoder
    ...         self.verbose = verbose
    ...     def _n_described(self):
    ...         return 1
    ...     def _settings(self):
    ...         return {}
    ...     def _describe(self, video):
    ...         return np.array([video.shape[0]], dtype=np.float32)
    >>> Height().fit_transform([np.zeros((48, 64, 3), dtype=np.uint8)])
    array([[48.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "cache": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
        "on_error": [StrOptions({"raise", "nan"})],
        "decoder": [StrOptions({"pyav", "decord"})],
        "verbose": ["verbose"],
    }
    _version = 1
    _learns = False
    _prefer: str | None = None
    _shares_decoding = False

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn from the training videos what the tier needs to know.

        Parameters
        ----------
        X : sequence of length n_videos
            Paths to videos or images (str or os.PathLike) and uint8 RGB arrays of shape
            (T, H, W, 3) or (H, W, 3), mixed at will.
        y : array-like of shape (n_videos,), default=None
            Scores. Nothing is learned from them, but what is wrong with them is said before any
            video is read.

        Returns
        -------
        self : object
            The fitted tier.

        Raises
        ------
        TypeError, ValueError
            If `X` is no sequence of videos, or `y` has another length or is not finite.
        VideoError
            If videos have to be read, and some cannot be (with ``on_error="raise"``).
        """
        videos = check_training(X, y)
        self._learn(extract(self, videos) if self._learns else None)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit, and describe the same videos, reading each once.

        Parameters
        ----------
        X : sequence of length n_videos
            As for `fit`.
        y : array-like of shape (n_videos,), default=None
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_videos, n_features), float32
            One row a video.

        Raises
        ------
        TypeError, ValueError, VideoError
            As `fit` and `transform` do.
        """
        rows = extract(self, check_training(X, y))
        self._learn(rows)
        return self._finish(rows)

    def transform(self, X):
        """Describe videos.

        Parameters
        ----------
        X : sequence of length n_videos
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_videos, n_features), float32
            One row a video; NaN for one that cannot be read, with ``on_error="nan"``.

        Raises
        ------
        VideoError
            If videos cannot be read (with ``on_error="raise"``): one error for all of them, after
            the good ones have been described and stored in the cache.
        """
        check_is_fitted(self)
        return self._finish(extract(self, check_videos(X)))

    def _learn(self, rows):
        self.n_features_out_ = self._n_described()

    def _finish(self, rows):
        return rows

    def _wanted(self, times):
        """Return the indices of the frames to read, or None to read as they come.

        Only asked where ``_shares_decoding`` is set: `_describe` is then also given a video that
        several tiers read in one pass, in place of a path.
        """

    def _outcomes(self, videos):
        """Yield (i, outcome) of each video, its row or the exception that it raised."""
        return self._work(partial(attempt, clone(self)._describe), videos)

    def _finisher(self):
        """Return a function from what `_describe` made of some videos to their rows."""
        return list

    def _work(self, function, videos):
        """Yield (i, function(videos[i])) as workers are done; tuples may start with the video."""
        parallel, n_at_once = self._parallel(len(videos))
        waiting = dict.fromkeys(range(len(videos)))
        n_threads = cv2.getNumThreads()
        work = delayed(partial(_numbered, function))
        try:
            for part in gen_batches(len(videos), n_at_once):
                for i, outcome in parallel(work(i, videos[i]) for i in range(len(videos))[part]):
                    del waiting[i]
                    yield i, outcome
        except BrokenExecutor as error:
            first = islice(waiting, effective_n_jobs(self.n_jobs))
            raise M3SError(
                f"a worker died at {', '.join(_name(videos[i]) for i in first)}, or soon after: "
                "memory ran out, or a video crashed it. What was described before is in the cache, "
                "if one is set: run again with a smaller n_jobs, or without those videos"
            ) from error
        finally:
            cv2.setNumThreads(n_threads)

    def _parallel(self, n_videos):
        """Return what runs the workers, and how many videos it is given at a time."""
        options = {"n_jobs": self.n_jobs, "prefer": self._prefer}
        try:
            return Parallel(return_as="generator_unordered", **options), n_videos
        except ValueError:  # the backend returns lists: rounds, so that rows are kept as they come
            return Parallel(**options), _ROUND * effective_n_jobs(self.n_jobs)

    @property
    def _n_features_out(self):
        return self.n_features_out_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags


def _numbered(function, i, video):
    cv2.setNumThreads(1)  # workers run side by side
    return i, function(video)


def _name(task):
    video = task[0] if isinstance(task, tuple) else task
    return "an array" if isinstance(video, np.ndarray) else os.fspath(video)


def check_training(videos, scores):
    """Return the videos as a list, if the scores are fit for them."""
    videos = check_videos(videos)
    if scores is None:
        return videos
    if len(scores) != len(videos):
        raise ValueError(
            f"X and y have inconsistent numbers of samples: {len(videos)} videos and "
            f"{len(scores)} scores; give each video one score"
        )
    scores = np.asarray(scores)
    if scores.dtype.kind in ("f", "O"):
        assert_all_finite(scores, input_name="y")
    return videos
