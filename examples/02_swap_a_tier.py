"""
A tier of your own
==================

Any transformer that turns videos into a matrix can replace a tier. A subclass of `VideoTransformer`
defines what is read from one video. It inherits the cache, the workers, the progress bar and the
report of bad videos. Here, colour histograms replace scene parsing.
"""

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
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
# The new tier takes the place of the scene tier. With few videos, the context finds no clusters and
# issues a warning.
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
found = {}
for name, model in models.items():
    found[name] = cross_val_score(model, data.videos, data.scores, cv=4, scoring=spearman_scorer)
    print(f"{name}: Spearman {found[name].mean():.2f}")

# %%
# The mean over the folds (bars), and each fold (dots).
figure, axis = plt.subplots(figsize=(7, 2.5), layout="constrained")
for place, values in enumerate(found.values()):
    axis.barh(place, values.mean(), color="C0", alpha=0.6)
    axis.plot(values, [place] * len(values), "k.")
axis.set_yticks(range(len(found)), found)
axis.invert_yaxis()
axis.set_xlabel("Spearman's ρ")
plt.show()
