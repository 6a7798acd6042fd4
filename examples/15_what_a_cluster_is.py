"""
What a cluster is
=================

The context groups the training videos by their embeddings. A classifier then assigns new videos to
these clusters. This example needs the extra ``offline``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from sklearn_m3s import DBSCANSimilarity, FrameEncoder
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.video import read_clip

data = make_videos(160, Path(tempfile.mkdtemp()), random_state=0, duration=0.2, frame_size=64)
rows = FrameEncoder("efficientnet_lite0").fit_transform(data.videos)

# %%
# The similarity has one column per cluster, with 1 for the videos in it. Videos in no cluster have
# only zeros.
similarity = DBSCANSimilarity(random_state=0)
columns = similarity.fit_transform(rows)
sizes = columns.sum(axis=0).astype(int)
print(f"{columns.shape[1]} clusters of {sizes.tolist()} videos, {160 - sizes.sum()} in none")

# %%
# The same videos in a plane, and frames of the four largest clusters. Grey points are in smaller
# clusters or in none.
largest = np.argsort(sizes)[::-1][:4]
plane = PCA(2).fit_transform(rows)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[1, 1.15], layout="constrained")
axes[0].scatter(*plane.T, s=12, color="0.75")
for k, cluster in enumerate(largest):
    axes[0].scatter(*plane[columns[:, cluster] == 1].T, s=16, color=f"C{k}")
axes[0].set(xlabel="first component", ylabel="second component")
axes[1].set_axis_off()
grid = axes[1].get_subplotspec().subgridspec(len(largest), 6).subplots()
for k, (panels, cluster) in enumerate(zip(grid, largest, strict=True)):
    members = np.flatnonzero(columns[:, cluster])
    for axis, row in zip(panels, members, strict=False):
        axis.imshow(read_clip(data.videos[row], n_frames=1, frame_size=64)[0])
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color=f"C{k}", linewidth=3)

# %%
# The mean score of a cluster is related to the scores of its videos, because clusters follow the
# scenes, and scenes affect these scores.
means = columns @ (columns.T @ data.scores / sizes)
found = columns.any(axis=1)
rho = spearman_score(data.scores[found], means[found])
print(f"score and mean of the cluster: Spearman {rho:.2f}")
plt.show()
