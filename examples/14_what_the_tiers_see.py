"""
What the tiers see
==================

Each descriptor of the raw tier looks at one property of the frames. This example shows the pictures
from which the numbers are computed, and compares the numbers with the known content of drawn clips.
Finally, it shows the frames that the deep tiers (scene and event) read.
"""

import tempfile
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
from skimage.feature import hog

from sklearn_m3s import RawPerception
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
# The scene tier reads the middle frame. The event tier reads 32 evenly spaced frames, eight of
# which are shown.
figure, axes = plt.subplots(1, 9, figsize=(10, 1.6), layout="constrained")
row = motion.argmax()
frames = [*read_clip(data.videos[row], n_frames=1), *read_clip(data.videos[row], n_frames=8)]
for axis, frame in zip(axes, frames, strict=True):
    axis.imshow(frame)
    axis.set(xticks=[], yticks=[])
axes[0].set_title("scene")
axes[1].set_title("event", loc="left")
plt.show()
