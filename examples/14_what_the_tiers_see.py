"""
What the tiers see
==================

Each descriptor of the raw tier looks at one property of the frames. This example shows the pictures
from which the numbers are computed, and compares the numbers with the known content of drawn clips.
It then shows the frames that the deep tiers (scene and event) read, and which clips are alike to an
image network. This last part needs the extra ``offline``.
"""

import tempfile
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist
from skimage.feature import hog
from sklearn.neighbors import NearestNeighbors

from sklearn_m3s import FrameEncoder, RawPerception
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.video import read_clip

data = make_videos(60, Path(tempfile.mkdtemp()), random_state=0, duration=1)
raw = RawPerception(hog_components=4).set_output(transform="pandas")
table = raw.fit_transform(data.videos)
motion, contrast, n_objects, scene = data.factors.T


# %%
# The pictures behind the descriptors: grey levels for contrast, the output of a high-pass filter
# for blurriness (larger is sharper), the directions of edges for HOG, and the length of the motion
# for flow. The clips have the weakest and the strongest contrast.
def high_pass(grey):
    """Return a picture without its low frequencies."""
    spectrum = np.fft.fftshift(np.fft.fft2(grey))
    middle = len(grey) // 2
    spectrum[middle - 30 : middle + 30, middle - 30 : middle + 30] = 0
    return np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum)))


figure, axes = plt.subplots(2, 5, figsize=(10, 4.6), layout="constrained")
for panels, row in zip(axes, [contrast.argmin(), contrast.argmax()], strict=True):
    first, second = read_clip(data.videos[row], n_frames=15, frame_size=256)[7:9]
    grey, following = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second))
    _, edges = hog(grey, pixels_per_cell=(16, 16), visualize=True)
    flow = cv2.calcOpticalFlowFarneback(grey, following, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    numbers = table.iloc[row]
    pictures = {
        "frame": (first, {}),
        f"contrast {numbers['contrast']:.0f}": (grey, {"cmap": "gray", "vmin": 0, "vmax": 255}),
        f"blurriness {numbers['blurriness']:.0f}": (high_pass(grey), {"cmap": "magma", "vmax": 60}),
        "HOG": (edges, {"cmap": "magma", "vmax": np.quantile(edges, 0.99)}),
        f"mean flow {numbers['mean_flow']:.1f}": (
            np.linalg.norm(flow, axis=-1),
            {"cmap": "magma", "vmin": 0, "vmax": 10},
        ),
    }
    for axis, (title, (picture, style)) in zip(panels, pictures.items(), strict=True):
        axis.imshow(picture, **style)
        axis.set(xticks=[], yticks=[], title=title)

# %%
# The descriptors of all clips against the factors that they were drawn with. Contrast and flow
# follow their factor. A compressed clip is smaller if it has less texture, and the sky has the
# least texture.
pairs = {
    ("contrast", "drawn contrast"): contrast,
    ("mean_flow", "drawn motion, frame widths per second"): motion,
    ("h264_bytes", "scene"): scene,
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
for axis, ((name, factor), values) in zip(axes, pairs.items(), strict=True):
    axis.scatter(values, table[name], s=14)
    axis.set(xlabel=factor, ylabel=name)
axes[2].set_xticks(range(4), data.scene_names)
for name, values in (("contrast", contrast), ("mean_flow", motion)):
    print(f"{name} and its factor: Spearman {spearman_score(values, table[name]):.2f}")

# %%
# The scene tier reads the middle frame of a clip, the event tier the frames at the centres of 32
# equal parts. This clip has 60 frames in 4 seconds.
[clip] = make_videos(1, Path(tempfile.mkdtemp()), random_state=4, duration=4).videos
figure = plt.figure(figsize=(10, 3.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 2])
left.suptitle("scene: 1 frame")
right.suptitle("event: 32 frames, row by row")
panels = [left.subplots(), *right.subplots(4, 8).flat]
frames = [*read_clip(clip, n_frames=1), *read_clip(clip, n_frames=32)]
for axis, frame in zip(panels, frames, strict=True):
    axis.imshow(frame)
    axis.set(xticks=[], yticks=[])

# %%
# An embedding says which clips are alike. Each row shows one clip and the five that are nearest to
# it for EfficientNet-Lite0, a small image network. The network of the scene tier, HRNet, has
# other features.
embeddings = FrameEncoder("efficientnet_lite0").fit_transform(data.videos)
nearest = NearestNeighbors(n_neighbors=5).fit(embeddings).kneighbors(return_distance=False)
figure, axes = plt.subplots(4, 6, figsize=(7, 5), layout="constrained")
_, firsts = np.unique(scene, return_index=True)
for name, panels, row in zip(data.scene_names, axes, firsts, strict=True):
    for axis, shown in zip(panels, [row, *nearest[row]], strict=True):
        axis.imshow(read_clip(data.videos[shown], n_frames=1)[0])
        axis.set(xticks=[], yticks=[])
    panels[0].set_ylabel(name)
axes[0, 0].set_title("clip")
axes[0, 1].set_title("nearest clips", loc="left")

# %%
# All nearest clips show the same scene. They also have similar contrast and numbers of objects. In
# motion, they differ as much as any two clips, because the network reads one frame.
print(f"same scene: {np.mean(scene[nearest] == scene[:, None]):.0%} of the nearest clips")
for name, values in zip(data.factor_names[:3], data.factors.T, strict=False):
    near, any_two = np.abs(values[nearest] - values[:, None]), pdist(values[:, None])
    print(f"difference in {name}: {near.mean():.2f}, of any two clips {any_two.mean():.2f}")
plt.show()
