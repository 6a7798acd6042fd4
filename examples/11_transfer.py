"""
Train on one data set, test on another
======================================

This example trains and tests models on three data sets of synthetic clips. The scores depend on
motion in one data set, on contrast in another, and on both in the third. A model transfers well
only if the scores of both data sets depend on the same factors.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.svm import SVR

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.inspection import transfer_study

folder = Path(tempfile.mkdtemp())
weights = {"motion": [1, 0], "contrast": [0, 1], "both": [1, 1]}
data_sets = {}
for seed, (name, weight) in enumerate(weights.items()):
    data = make_videos(100, folder / name, random_state=seed, duration=0.5, frame_size=64)
    motion_and_contrast = data.factors[:, :2] / [0.5, 1]  # both up to 1
    noise = np.random.default_rng(seed).normal(scale=0.02, size=100)
    data_sets[name] = data.videos, 0.2 + 0.3 * motion_and_contrast @ weight + noise

# %%
# Two models share one tier, so the clips are described once for both.
raw = RawPerception(frame_size=64, flow="dis", hog_components=3)
tiers = {"raw": raw, "scene": None, "event": None}
models = {
    "ridge": make_m3s(**tiers, regressor=RidgeCV(np.logspace(-1, 3, 9))),
    "support vectors": make_m3s(**tiers, regressor=SVR(C=0.1, epsilon=0.02)),
}
table = transfer_study(models, data_sets, n_bootstrap=200, random_state=0)

# %%
# Rows are test sets, columns are training sets. Within a data set, the model is cross-validated.
print("Spearman correlations")
print(table["spearman"].unstack("train").round(2).to_string())

# %%
# The change of the correlation through training on another data set, with its interval.
columns = ["delta_spearman", "delta_spearman_low", "delta_spearman_high"]
print(table.loc["ridge", columns].round(2).to_string())

# %%
# The correlations of ridge regression as a picture.
matrix = table["spearman"].unstack("train").loc["ridge"]
figure, axis = plt.subplots(figsize=(5, 4), layout="constrained")
image = axis.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
for (row, column), rho in np.ndenumerate(matrix):
    axis.text(column, row, f"{rho:.2f}", ha="center", va="center", color="k" if rho > 0.6 else "w")
axis.set_xticks(range(len(matrix)), matrix.columns)
axis.set_yticks(range(len(matrix)), matrix.index)
axis.set(xlabel="training set", ylabel="test set")
figure.colorbar(image, label="Spearman's ρ")
plt.show()
