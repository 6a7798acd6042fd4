"""
Any network as a tier
=====================

`FrameEncoder` turns an image network into a tier, and `ClipEncoder` turns a video network into one.
Both accept a name of the registry, a folder or repository of Hugging Face, or a module. This
example needs the extras ``hf`` and ``offline``. See ``10_own_network.py`` for modules.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from tiny_models import save_tiny_models

from sklearn_m3s import ClipEncoder, FrameEncoder, RawPerception, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.tiers import TierUnion

folder = Path(tempfile.mkdtemp())
data = make_videos(80, folder / "videos", random_state=0, duration=1)

# %%
# Networks from Hugging Face. These are tiny and untrained, so that the example runs offline. To use
# the real networks, replace the folders with ``"facebook/dinov2-small"``,
# ``"openai/clip-vit-base-patch32"`` and ``"facebook/vjepa2-vitl-fpc64-256"``. They are fetched on
# first use.
dinov2, clip, vjepa2 = save_tiny_models(folder / "models")

# %%
# Encoders of three frames per video. Image size and normalisation come with the network.
# EfficientNet-Lite0 is pretrained on ImageNet and needs no download. For the search below, each
# encoder gets the cache itself.
cache = folder / "features"
encoders = {
    "DINOv2": FrameEncoder(dinov2, n_frames=3, cache=cache),
    "CLIP": FrameEncoder(clip, n_frames=3, normalize=True, cache=cache),
    "EfficientNet-Lite0": FrameEncoder("efficientnet_lite0", n_frames=3, cache=cache),
}

# %%
# Encoders can also be combined with each other, or with `SceneParsing`: a union of tiers is a tier.
pair = [("efficientnet", encoders["EfficientNet-Lite0"]), ("clip", encoders["CLIP"])]
encoders["EfficientNet-Lite0 and CLIP"] = TierUnion(pair)

# %%
# Which encoder should be the scene tier? A grid search over encoders finds the best. On a few
# simple clips, random features do well. Real videos need trained networks. Ridge regression is
# enough to compare encoders, and fits in a moment.
ridge = RidgeCV(np.logspace(-1, 4, 6))
shared = {"similarity": None, "regressor": ridge, "cache": cache, "random_state": 0}
model = make_m3s(raw=None, scene=encoders["DINOv2"], event=None, **shared)
grid = {"tiers__scene__describe": list(encoders.values())}
search = GridSearchCV(model, grid, cv=4, scoring=spearman_scorer)
search.fit(data.videos, data.scores)
for name, rho in zip(encoders, search.cv_results_["mean_test_score"], strict=True):
    print(f"{name} alone: Spearman {rho:.2f}")

# %%
# A video network as the event tier. V-JEPA 2 was trained on 64 frames, but also takes fewer.
model = make_m3s(
    raw=RawPerception(frame_size=64, hog_components=4),
    scene=search.best_params_["tiers__scene__describe"],
    event=ClipEncoder(vjepa2, n_frames=4),
    **shared,
)
rho = cross_val_score(model, data.videos, data.scores, cv=4, scoring=spearman_scorer)
print(f"the best, with raw perception and V-JEPA 2: Spearman {rho.mean():.2f}")

# %%
# The mean over the folds, for each encoder.
figure, axis = plt.subplots(figsize=(7, 2.5), layout="constrained")
axis.barh(list(encoders), search.cv_results_["mean_test_score"])
axis.invert_yaxis()
axis.set_xlabel("Spearman's ρ")
plt.show()
