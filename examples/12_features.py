"""
The model on features that exist already
========================================

Features of two tiers, drawn at random, in place of videos. The blocks of columns are the tiers. The
score depends on a few columns of each, and on chance.
"""

import numpy as np

from sklearn_m3s import make_m3s_from_features
from sklearn_m3s.inspection import ablation_study
from sklearn_m3s.metrics import spearman_score

rng = np.random.default_rng(0)
scene, event = rng.normal(size=(300, 20)), rng.normal(size=(300, 60))
X = np.hstack([scene, event])
y = 1 / (1 + np.exp(-scene[:, 0] - event[:, :3].mean(axis=1) - rng.normal(size=300)))

blocks = {"scene": slice(0, 20), "event": slice(20, 80)}
model = make_m3s_from_features(blocks, random_state=0).fit(X[:200], y[:200])
predicted, spread = model.predict(X[200:], return_std=True)
print(f"Spearman {spearman_score(y[200:], predicted):.2f}")
print(f"mean standard deviation of the networks {spread.mean():.3f}")

# %%
# The studies take the model: here with both blocks, and with each alone.
table = ablation_study(model, X, y, tiers=["event"], cv=2, n_bootstrap=200, random_state=0)
print(table[["spearman", "spearman_low", "spearman_high"]].round(2).to_string())
