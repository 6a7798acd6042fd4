"""
From video files to scores
==========================

The model is a scikit-learn pipeline. It is fitted, cross-validated and searched like any other.
With a cache, each video is read once for all folds and candidates.
"""

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split

from sklearn_m3s import RawPerception, SceneParsing, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.metrics import spearman_score, spearman_scorer

# An untrained network and few videos keep this example short. Both give warnings.
warnings.simplefilter("ignore", M3SWarning)

# %%
# Real H.264 clips. Their scores depend on motion, contrast, the number of objects and the scene.
folder = Path(tempfile.mkdtemp())
data = make_videos(32, folder / "videos", random_state=0, duration=1, frame_size=64)
split = train_test_split(data.videos, data.scores, test_size=8, random_state=0)
train_videos, new_videos, train_scores, new_scores = split

# %%
# The model, without its slowest tier and with small frames. Without the argument ``scene``, it has
# the network of the paper, trained on ImageNet.
model = make_m3s(
    raw=RawPerception(frame_size=64),
    scene=SceneParsing(weights=None, frame_size=64),
    event=None,
    cache=folder / "features",
    random_state=0,
)
scores = cross_val_score(model, train_videos, train_scores, cv=2, scoring=spearman_scorer)
print(f"cross-validated Spearman: {scores.mean():.2f}")

# %%
# Every parameter of every part can be tuned by its name.
grid = {
    "regressor__loss": ["mse", "penalized_mse"],
    "tiers__scene__context__similarity__eps": ["auto", 1.25],
}
search = GridSearchCV(model, grid, cv=2, scoring=spearman_scorer)
search.fit(train_videos, train_scores)
print(f"best of {len(search.cv_results_['params'])} candidates: {search.best_params_}")

# %%
# The best model predicts new clips.
predicted = search.predict(new_videos)
print(f"Spearman on {len(new_videos)} new clips: {spearman_score(new_scores, predicted):.2f}")

# %%
# Predicted and true scores. On the line, they are equal.
figure, axis = plt.subplots(figsize=(4.5, 4), layout="constrained")
axis.scatter(new_scores, predicted)
axis.axline((new_scores.mean(), new_scores.mean()), slope=1, color="0.7", zorder=0)
axis.set(xlabel="true score", ylabel="predicted score")
plt.show()
