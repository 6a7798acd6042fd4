"""
A network of your own as a tier
===============================

Any `torch.nn.Module` that turns images into a tensor can be a tier, and so can any layer inside it.
A network with one output, such as a predictor of image memorability, makes a tier of one column.
This example needs the extra ``offline``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

from sklearn_m3s import FrameEncoder, RawPerception, make_m3s
from sklearn_m3s.backbones import efficientnet_lite0
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.metrics import spearman_score, spearman_scorer


class ImageMemorability(torch.nn.Module):
    """Predict one score per image, like MemNet."""

    def __init__(self):
        super().__init__()
        self.backbone = efficientnet_lite0("imagenet")
        self.head = torch.nn.Linear(1280, 1)

    def forward(self, images):
        return self.head(self.backbone(images))


folder = Path(tempfile.mkdtemp())
data = make_videos(100, folder / "videos", random_state=0, duration=1)
videos, scores = data.videos[:60], data.scores[:60]

# %%
# A module has no record of its normalisation, so pass `mean` and `std` of RGB in [0, 1]. `layer`
# names a module inside the network whose output is used; see ``network.named_modules()``.
network = ImageMemorability()
pictures = {"mean": [127 / 255] * 3, "std": [128 / 255] * 3, "frame_size": 224}
backbone = FrameEncoder(network, layer="backbone", n_frames=3, **pictures)

# %%
# The head is fitted to other videos. They stand in for a data set of images.
ridge = RidgeCV(np.logspace(0, 5, 11))
ridge.fit(backbone.fit_transform(data.videos[60:]), data.scores[60:])
with torch.no_grad():
    network.head.weight[:] = torch.from_numpy(ridge.coef_)
    network.head.bias.fill_(ridge.intercept_)

# %%
# The paper's baseline: the mean of MemNet's scores for seven frames. ResMem (``pip install
# resmem``) works in the same way: ``FrameEncoder(ResMem(pretrained=True), n_frames=7,
# frame_size=227)``.
memorability = FrameEncoder(network, n_frames=7, **pictures)
predicted = memorability.fit_transform(videos)[:, 0]
print(f"mean of seven frames: Spearman {spearman_score(scores, predicted):.2f}")

# %%
# The same tiers in the model, in place of the scene tier. Clones of an encoder share its network,
# so cross-validation does not copy it.
shared = {
    "raw": RawPerception(frame_size=64, hog_components=4),
    "event": None,
    "similarity": None,
    "regressor": RidgeCV(np.logspace(-1, 4, 6)),
    "cache": folder / "features",
    "random_state": 0,
}
scenes = {
    "nothing else": None,
    "the network's score": memorability,
    "the layer before it": backbone,
}
found = {}
for name, scene in scenes.items():
    model = make_m3s(**shared, scene=scene)
    found[name] = cross_val_score(model, videos, scores, cv=4, scoring=spearman_scorer)
    print(f"raw perception and {name}: Spearman {found[name].mean():.2f}")

# %%
# Raw perception with each of these: the mean over the folds (bars), and each fold (dots).
figure, axis = plt.subplots(figsize=(7, 2.5), layout="constrained")
for place, values in enumerate(found.values()):
    axis.barh(place, values.mean(), color="C0", alpha=0.6)
    axis.plot(values, [place] * len(values), "k.")
axis.set_yticks(range(len(found)), found)
axis.invert_yaxis()
axis.set_xlabel("Spearman's ρ")
plt.show()
