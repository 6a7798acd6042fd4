"""
Score a folder of videos
========================

Learn from videos with known scores, then rank the videos of a folder. This example needs the extra
``offline``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_m3s import FrameEncoder, RawPerception, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.video import read_clip

# %%
# Two folders of drawn clips. To use your own files, list them by ``sorted(Path("ads").glob("*"))``.
folder = Path(tempfile.mkdtemp())
known = make_videos(60, folder / "known", random_state=0, duration=1, frame_size=64)
true_scores = make_videos(10, folder / "new", random_state=1, duration=1, frame_size=64).scores
videos = sorted((folder / "new").glob("*.mp4"))

# %%
# The model has two tiers: raw perception, and a small image network that is pretrained on ImageNet.
# It has no context, because there are too few clips.
model = make_m3s(
    raw=RawPerception(frame_size=64),
    scene=FrameEncoder("efficientnet_lite0"),
    event=None,
    similarity=None,
    cache=folder / "features",
    random_state=0,
)
model.fit(known.videos, known.scores)
scores = model.predict(videos)

# %%
# The videos with their predicted and true scores, the most memorable first.
for row in np.argsort(scores)[::-1]:
    print(f"{videos[row].name}  predicted {scores[row]:.2f}, true {true_scores[row]:.2f}")
print(f"Spearman: {spearman_score(true_scores, scores):.2f}")

# %%
# The middle frames, in the same order.
figure, axes = plt.subplots(2, 5, figsize=(8, 3.9), layout="constrained")
for axis, row in zip(axes.flat, np.argsort(scores)[::-1], strict=True):
    axis.imshow(read_clip(videos[row], n_frames=1, frame_size=64)[0])
    axis.set(xticks=[], yticks=[], title=f"{scores[row]:.2f}")
plt.show()
