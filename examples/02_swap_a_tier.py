"""
A tier of your own
==================

Any transformer from videos to a matrix can take the place of a tier. A subclass of
`VideoTransformer` says what is read from one video. It inherits the cache, the workers, the
progress bar and the report of bad videos. Here colour histograms stand in for scene parsing.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.descriptors import MeanOverTime
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import FrameReader


class ColourHistogram(VideoTransformer):
    """Histograms of red, green and blue, averaged over the frames of a video."""

    def __init__(self, *, n_bins=8, **shared):
        super().__init__(**shared)
        self.n_bins = n_bins

    def _reader(self):
        return FrameReader([MeanOverTime(self._histograms)], frame_rate=2, frame_size=64)

    def _histograms(self, frames):
        bins = frames.astype(int) * self.n_bins // 256
        shares = np.eye(self.n_bins)[bins].mean(axis=(1, 2))
        return shares.reshape(len(frames), -1)


# %%
# The new tier goes where the scene tier was. Few videos leave the context without clusters, which
# gives a warning.
warnings.simplefilter("ignore", M3SWarning)
folder = Path(tempfile.mkdtemp())
data = make_videos(40, folder / "videos", random_state=0, duration=1, frame_size=64)
raw = RawPerception(frame_size=64, hog_components=4)
shared = {"raw": raw, "event": None, "cache": folder / "features", "random_state": 0}
models = {
    "raw perception": make_m3s(**shared, scene=None),
    "and colours": make_m3s(**shared, scene=ColourHistogram()),
    "and colours, by ridge regression": make_m3s(
        **shared, scene=ColourHistogram(), regressor=RidgeCV(np.logspace(-2, 4, 7))
    ),
}
for name, model in models.items():
    rho = cross_val_score(model, data.videos, data.scores, cv=4, scoring=spearman_scorer)
    print(f"{name}: Spearman {rho.mean():.2f}")
