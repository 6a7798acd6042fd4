"""What the two deep tiers share: clips are read by threads while others are embedded."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from numbers import Integral
from operator import itemgetter

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval

from sklearn_m3s.tiers._base import VideoTransformer
from sklearn_m3s.video import read_clip, sample_evenly


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
    _shares_decoding = True

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

    def _wanted(self, times):
        return sample_evenly(times, self.n_frames)

    def _outcomes(self, videos):
        rounds = gen_batches(len(videos), round_size(self.n_jobs, self.batch_size))
        clips = (self._read(videos[part]) for part in rounds)
        return enumerate(chain.from_iterable(one_ahead(self._finisher(), clips)))

    def _read(self, videos):
        """Return the clips of some videos, in order, so that batches are the same every time."""
        return [clip for _, clip in sorted(super()._outcomes(videos), key=itemgetter(0))]

    def _finisher(self):
        from sklearn_m3s.backbones import load_backbone

        return partial(self._rows, load_backbone(**self._network()))

    def _rows(self, backbone, outcomes):
        """Return outcomes with a row in place of each clip."""
        clips = [clip for clip in outcomes if not isinstance(clip, Exception)]
        batches = (clips[i : i + self.batch_size] for i in range(0, len(clips), self.batch_size))
        rows = (row for batch in batches for row in self._embed(backbone, np.stack(batch)))
        return [x if isinstance(x, Exception) else next(rows) for x in outcomes]


def round_size(n_jobs, batch_size):
    """Return how many clips to read at a time: whole batches, and something for every worker."""
    return -(-effective_n_jobs(n_jobs) // batch_size) * batch_size


def one_ahead(function, items):
    """Yield function(item) of each item, computed in a thread while the next item is made.

    Two items exist at a time. If one cannot be made, the results before it come first.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(function, next(items))
        while running:
            item = failure = None
            try:
                item = next(items, None)
            except Exception as error:
                failure = error
            result = running.result()
            running = thread.submit(function, item) if item else None
            yield result
            if failure:
                raise failure
