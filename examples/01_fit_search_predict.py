"""
From video files to scores
==========================

The pipeline behaves as any other of scikit-learn: it fits, predicts, is cross-validated and
searched. The cache makes every fold and candidate after the first pass free of video reading.
"""

import tempfile
import warnings
from pathlib import Path

from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split

from sklearn_m3s import SceneParsing, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.metrics import spearman_score, spearman_scorer

# Untrained networks and few videos are what keeps this example short; each gives a warning.
warnings.simplefilter("ignore", M3SWarning)

# %%
# Real H.264 clips, whose scores depend on motion, contrast, the number of objects and the scene.
folder = Path(tempfile.mkdtemp())
data = make_videos(32, folder / "videos", random_state=0, duration=1, frame_size=64)
split = train_test_split(data.videos, data.scores, test_size=8, random_state=0)
train_videos, new_videos, train_scores, new_scores = split

# %%
# The model, here without its slowest tier. Leave out ``scene`` for weights trained on ADE20K.
model = make_m3s(
    scene=SceneParsing(weights=None, frame_size=64),
    event=None,
    cache=folder / "features",
    random_state=0,
)
model.set_params(tiers__raw__describe__frame_size=64)
scores = cross_val_score(model, train_videos, train_scores, cv=3, scoring=spearman_scorer)
print(f"cross-validated Spearman: {scores.mean():.2f}")

# %%
# Every part is tuned by its name.
grid = {
    "regressor__loss": ["mse", "penalized_mse"],
    "tiers__scene__context__similarity__eps": ["auto", 1.25],
}
search = GridSearchCV(model, grid, cv=3, scoring=spearman_scorer)
search.fit(train_videos, train_scores)
print(f"best of {len(search.cv_results_['params'])} candidates: {search.best_params_}")

# %%
# And it predicts clips that it has never seen.
predicted = search.predict(new_videos)
print(f"Spearman on {len(new_videos)} new clips: {spearman_score(new_scores, predicted):.2f}")
