"""A union of tiers that decodes each video file once for all of them."""

from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s._doc_link import DocLinkMixin
from sklearn_m3s.tiers._describe import describe
from sklearn_m3s.tiers._described_videos import DescribedVideos
from sklearn_m3s.tiers._duration import median_duration
from sklearn_m3s.tiers._video_transformer import VideoTransformer, check_training


class TierUnion(DocLinkMixin, FeatureUnion):
    """A `FeatureUnion` that decodes each video file once for all of its tiers.

    It is used like any other union, and returns the same columns. Each file that several tiers need
    is decoded once and described by all of them. The branches then get the videos as
    `DescribedVideos`, a sequence that carries the descriptions.

    Parameters
    ----------
    transformer_list : list of (str, transformer)
        Names and transformers of the branches, as in `FeatureUnion`.
    n_jobs : int, default=None
        Number of branches fitted at a time; see joblib.
    transformer_weights : dict of str to float, default=None
        Factors of the columns of the branches. None means 1.
    verbose : bool, default=False
        Whether to print the time to fit each branch.
    verbose_feature_names_out : bool, default=True
        Whether to prefix the names of the columns with the name of their branch.

    Attributes
    ----------
    median_duration_ : float
        Median length of the training videos in seconds, from the headers of at most 100 files
        spread evenly over them. NaN if it is unknown, for example for arrays.

    Notes
    -----
    Tiers share a pass over the files if they are the first steps of the branches (or of unions
    inside them), derive from `VideoTransformer` and have the same `decoder`. Other transformers
    read their videos themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import TierUnion
    >>> videos = [np.full((1, 32, 32, 3), level, dtype=np.uint8) for level in (0, 9)]
    >>> tiers = [(name, RawPerception(descriptors=[name])) for name in ("contrast", "brightness")]
    >>> TierUnion(tiers).fit_transform(videos)
    array([[0., 0.],
           [0., 9.]], dtype=float32)
    """

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "TierUnion":
        """Fit all branches.

        Parameters
        ----------
        X : sequence of length n_videos
            Paths to videos or images, and uint8 RGB arrays.
        y : array-like of shape (n_videos,) or (n_videos, n_scores), default=None
            Target scores.
        **fit_params : dict
            Parameters for the branches; see `FeatureUnion.fit`.

        Returns
        -------
        self : TierUnion
            Fitted union.

        Raises
        ------
        VideoError
            If videos must be read to fit a branch, and some cannot be read.
        """
        super().fit(_described(first_tiers(self, to_fit=True), X, y), y, **fit_params)
        self.median_duration_ = median_duration(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit all branches, and join their columns.

        Parameters
        ----------
        X : sequence of length n_videos
            Paths to videos or images, and uint8 RGB arrays.
        y : array-like of shape (n_videos,) or (n_videos, n_scores), default=None
            Target scores.
        **params : dict
            Parameters for the branches; see `FeatureUnion.fit_transform`.

        Returns
        -------
        ndarray of shape (n_videos, n_features)
            The columns of all branches, side by side.

        Raises
        ------
        VideoError
            If videos cannot be read (with ``on_error="raise"``).
        """
        columns = super().fit_transform(_described(first_tiers(self), X, y), y, **params)
        self.median_duration_ = median_duration(X)
        return columns

    def transform(self, X: Any, **params: Any) -> Any:
        """Join the columns of all branches.

        Parameters
        ----------
        X : sequence of length n_videos
            Paths to videos or images, and uint8 RGB arrays.
        **params : dict
            Parameters for the branches; see `FeatureUnion.transform`.

        Returns
        -------
        ndarray of shape (n_videos, n_features)
            The columns of all branches, side by side.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        VideoError
            If videos cannot be read (with ``on_error="raise"``).
        """
        tiers = first_tiers(self)
        for tier in tiers:
            check_is_fitted(tier)
        return super().transform(_described(tiers, X), **params)


def first_tiers(part: Any, *, to_fit: bool = False) -> list[VideoTransformer]:
    """Return the tiers that directly receive the input of a part of a model.

    Parameters
    ----------
    part : tier, Pipeline, FeatureUnion or other
        The part. Other parts, such as ``"drop"``, have no tiers.
    to_fit : bool, default=False
        Whether to leave out the tiers that read no video when `part` is only fitted.

    Returns
    -------
    list of VideoTransformer
        The tiers, in the order of the columns.

    Examples
    --------
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.tiers import first_tiers
    >>> first_tiers(make_m3s(event=None))
    [RawPerception(), SceneParsing()]
    """
    if isinstance(part, VideoTransformer):
        return [] if to_fit and part._reduction() is None else [part]
    if isinstance(part, Pipeline):  # all steps but the last are fitted and transform
        return first_tiers(part.steps[0][1], to_fit=to_fit and len(part.steps) == 1)
    if isinstance(part, FeatureUnion):
        branches = [branch for _, branch in part.transformer_list]
        return [tier for branch in branches for tier in first_tiers(branch, to_fit=to_fit)]
    return []


def describe_for(model: Any, X: Any) -> Any:
    """Describe videos for a model, so that it does not need to read them again.

    Parameters
    ----------
    model : estimator
        A pipeline, a tier, or an estimator that has one of them as its ``estimator``, such as a
        search.
    X : sequence of length n_videos, or matrix
        Input of the model. Descriptions that it already carries are kept.

    Returns
    -------
    DescribedVideos
        The videos with their descriptions, or `X` itself if the model has no tiers.

    Raises
    ------
    VideoError
        If videos cannot be read, as by `describe`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import describe_for
    >>> tier = RawPerception(descriptors=["brightness"])
    >>> videos = describe_for(tier, [np.full((32, 32, 3), 9, dtype=np.uint8)])
    >>> tier.fit_transform(videos)  # reads no video
    array([[9.]], dtype=float32)
    """
    while hasattr(model, "estimator"):
        model = model.estimator
    tiers = first_tiers(model)
    return _with_rows(tiers, X) if tiers else X


def _described(tiers: list[VideoTransformer], X: Any, y: Any = None) -> Any:
    """Return videos with their descriptions, if there are several tiers to share a pass."""
    return X if len(tiers) < 2 else _with_rows(tiers, X, y)


def _with_rows(tiers: list[VideoTransformer], X: Any, y: Any = None) -> DescribedVideos:
    for tier in tiers:
        tier._validate_params()
    videos = check_training(X, y)
    if isinstance(videos, DescribedVideos):
        tiers = [tier for tier in tiers if videos.rows_of(tier) is None]
    return DescribedVideos(videos, tiers, describe(tiers, videos))
