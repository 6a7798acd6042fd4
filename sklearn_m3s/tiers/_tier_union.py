"""The tiers side by side: each video file is decoded once for all of them."""

from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s.tiers._describe import describe
from sklearn_m3s.tiers._described_videos import DescribedVideos
from sklearn_m3s.tiers._video_transformer import VideoTransformer, check_training


class TierUnion(FeatureUnion):
    """A `FeatureUnion` that decodes each video file once for all of its tiers.

    It is used as any other, and gives the same columns. Each file that several tiers need is
    decoded once and described by all of them; the branches are then given the videos as
    `DescribedVideos`, a sequence that carries the rows.

    Notes
    -----
    Tiers share a pass if they are the first steps of the branches, also of unions inside it, derive
    from `VideoTransformer` and have the same `decoder`. Other transformers read their videos
    themselves.

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
        """Fit all branches; see `FeatureUnion.fit`."""
        return super().fit(_described(first_tiers(self, to_fit=True), X, y), y, **fit_params)

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit all branches and join their columns; see `FeatureUnion.fit_transform`."""
        return super().fit_transform(_described(first_tiers(self), X, y), y, **params)

    def transform(self, X: Any, **params: Any) -> Any:
        """Join the columns of all branches; see `FeatureUnion.transform`."""
        tiers = first_tiers(self)
        for tier in tiers:
            check_is_fitted(tier)
        return super().transform(_described(tiers, X), **params)


def first_tiers(part: Any, *, to_fit: bool = False) -> list[VideoTransformer]:
    """Return the tiers that are given what is given to a part of a model.

    Parameters
    ----------
    part : tier, Pipeline, FeatureUnion or other
        Others, such as ``"drop"``, have none.
    to_fit : bool, default=False
        Leave out the tiers that read no video when `part` is only fitted.

    Returns
    -------
    list of VideoTransformer
        In the order of the columns.

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


def _described(tiers: list[VideoTransformer], X: Any, y: Any = None) -> Any:
    """Return videos with the rows of the tiers, if there are several to share a pass."""
    if len(tiers) < 2:
        return X
    for tier in tiers:
        tier._validate_params()
    videos = check_training(X, y)
    if isinstance(videos, DescribedVideos):
        tiers = [tier for tier in tiers if videos.rows_of(tier) is None]
    return DescribedVideos(videos, tiers, describe(tiers, videos))
