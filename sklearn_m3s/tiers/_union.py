"""The tiers side by side: each video file is decoded once for all of them."""

from contextlib import contextmanager
from tempfile import TemporaryDirectory

from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s.tiers._base import VideoTransformer, check_training
from sklearn_m3s.tiers._extract import TEMPORARY_CACHE
from sklearn_m3s.tiers._together import describe_together
from sklearn_m3s.video import check_videos


class TierUnion(FeatureUnion):
    """A `FeatureUnion` that decodes each video file once for all of its tiers.

    It is used as any other, and gives the same columns. Before its branches are fitted or
    transform, what two or more tiers have to describe is decoded in one pass a file, and what the
    tiers make of it is put into their caches, or into one for the while, where they find it.

    Notes
    -----
    Tiers share a pass if they are the first steps of the branches, derive from `VideoTransformer`
    and set ``_shares_decoding``, and have the `decoder` of the first. Others read their videos
    themselves. With the `n_jobs` of the union, branches run in other processes, where only tiers
    with a cache of their own find what was described.

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

    def fit(self, X, y=None, **fit_params):
        """Fit all branches; see `FeatureUnion.fit`."""
        with self._described(self._tiers(fits_only=True), X, y):
            return super().fit(X, y, **fit_params)

    def fit_transform(self, X, y=None, **params):
        """Fit all branches and join their columns; see `FeatureUnion.fit_transform`."""
        with self._described(self._tiers(), X, y):
            return super().fit_transform(X, y, **params)

    def transform(self, X, **params):
        """Join the columns of all branches; see `FeatureUnion.transform`."""
        tiers = self._tiers()
        for tier in tiers:
            check_is_fitted(tier)
        with self._described(tiers, X):
            return super().transform(X, **params)

    def _tiers(self, fits_only=False):
        """Return the tiers that can share a pass; to be fitted only, those that then read."""
        found = []
        for _, branch in self.transformer_list:
            piped = isinstance(branch, Pipeline)
            tier = branch.steps[0][1] if piped else branch
            can_share = isinstance(tier, VideoTransformer) and tier._shares_decoding
            if can_share and (piped or not fits_only or tier._learns):
                found.append(tier)
        return [tier for tier in found if tier.decoder == found[0].decoder]

    @contextmanager
    def _described(self, tiers, X, y=None):
        """Describe together what has to be, and keep it while the tiers ask for it."""
        if len(tiers) < 2:
            yield
            return
        for tier in tiers:
            tier._validate_params()
        videos = check_videos(X) if y is None else check_training(X, y)
        with TemporaryDirectory(prefix="sklearn_m3s-") as folder:
            token = TEMPORARY_CACHE.set(folder)
            try:
                describe_together(tiers, videos)
                yield
            finally:
                TEMPORARY_CACHE.reset(token)
