"""
A tier of one's own
===================

Any transformer from videos to a matrix can take the place of a tier. Derived from
`VideoTransformer`, it has the cache, the workers, the progress bar and the reports of bad videos
for a method that describes one video. Here colour histograms stand in for scene parsing.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import read_clip


class ColourHistogram(ClassNamePrefixFeaturesOutMixin, VideoTransformer):
    """Histograms of red, green and blue over a few frames."""

    def __init__(
        self, *, n_bins=8, cache=None, n_jobs=None, on_error="raise", decoder="pyav", verbose=False
    ):
        self.n_bins = n_bins
        self.cache = cache
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.decoder = decoder
        self.verbose = verbose

    def _n_described(self):
        return 3 * self.n_bins

    def _settings(self):
        return {"n_bins": self.n_bins, "decoder": self.decoder}

    def _describe(self, video):
        clip = read_clip(video, n_frames=4, frame_size=64, decoder=self.decoder)
        counts = [
            np.histogram(clip[..., channel], bins=self.n_bins, range=(0, 256), density=True)[0]
            for channel in range(3)
        ]
        return np.concatenate(counts)


# Few videos leave the context without clusters, which is said in a warning.
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
