"""What the two deep tiers share: clips are read by threads and embedded in batches."""

import os
from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval

from sklearn_m3s.tiers._base import VideoTransformer
from sklearn_m3s.video import read_clip


class BackboneTier(ClassNamePrefixFeaturesOutMixin, VideoTransformer):
    """Base class of the tiers that embed clips by a network.

    The network is loaded when the first video has to be embedded; estimators with the same
    settings share it, and it is never part of a pickle. A subclass has the parameters named in
    the constraints and says its network in `_architecture`, the length of an embedding in
    `_width` and how a batch of clips is embedded in `_embed`.
    """

    _parameter_constraints: dict = {
        **VideoTransformer._parameter_constraints,
        "weights": [str, os.PathLike, None],
        "n_frames": [Interval(Integral, 1, None, closed="left")],
        "frame_size": [Interval(Integral, 32, None, closed="left")],
        "device": [str],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both"), None],
    }
    _prefer = "threads"

    def _n_described(self):
        return self._width

    def _network(self):
        """Return what determines the network, as arguments."""
        # Torch takes seconds to import: the workers of the raw tier shall not wait for it.
        from sklearn_m3s.backbones import check_device

        return {
            "architecture": self._architecture(),
            "weights": self.weights,
            "random_state": self.random_state,
            "device": check_device(self.device),
        }

    def _settings(self):
        from sklearn_m3s.backbones import backbone_signature

        sampling = {name: getattr(self, name) for name in ("n_frames", "frame_size", "decoder")}
        return {**sampling, **backbone_signature(**self._network())}

    def _describe(self, video):
        return read_clip(
            video, n_frames=self.n_frames, frame_size=self.frame_size, decoder=self.decoder
        )

    def _outcomes(self, videos):
        from sklearn_m3s.backbones import load_backbone

        backbone = load_backbone(**self._network())
        for batch in gen_batches(len(videos), self.batch_size):
            outcomes = list(super()._outcomes(videos[batch]))
            clips = [clip for clip in outcomes if not isinstance(clip, Exception)]
            rows = iter(self._embed(backbone, np.stack(clips)) if clips else ())
            for outcome in outcomes:
                yield outcome if isinstance(outcome, Exception) else next(rows)
