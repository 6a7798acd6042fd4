"""
The model on features that exist already
========================================

If features are already extracted, each block of their columns is a tier. In this example, random
numbers stand in for the features of two tiers. The score depends on a few columns of each tier, and
on chance.
"""

import matplotlib.pyplot as plt
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
# The studies accept such a model. This study compares both blocks with each block alone.
table = ablation_study(model, X, y, tiers=["event"], cv=2, n_bootstrap=200, random_state=0)
print(table[["spearman", "spearman_low", "spearman_high"]].round(2).to_string())

# %%
# Predicted and true scores of the new rows. The bars are the spread of the networks.
figure, axis = plt.subplots(figsize=(4.5, 4), layout="constrained")
axis.errorbar(y[200:], predicted, yerr=spread, fmt=".", alpha=0.7)
axis.axline((0.5, 0.5), slope=1, color="0.7", zorder=0)
axis.set(xlabel="true score", ylabel="predicted score")
plt.show()
