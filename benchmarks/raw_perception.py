"""The raw tier against the descriptors of the paper's authors: time and agreement.

    python benchmarks/raw_perception.py [--pairs 10]

The baseline is their recipe, on frames of 256 x 256: statistics by PIL, the high pass by a
500 x 500 FFT, HOG of scikit-image with cells of 8 pixels, OpenCV's TV-L1 at its defaults, and H.264
by libx264's default preset. Prints processor milliseconds per frame on one core, over frames spread
over the clips. Theirs and ours take turns. Then prints the time of the whole tier per file, as a
multiple of the time for decoding alone.

Agreement is Spearman's correlation over windows of 45 frames of the five clips, with
``golden/descriptors.npz``, or with the recipe if that file lacks the column. For the HOG, distances
between windows are compared, with our default cells of 16 pixels and with the recipe's 8. Clips and
reference are in the folder of reference data (the environment variable SKLEARN_M3S_TEST_DATA, by
default ``shared`` beside the checkout). Without it, a drawn clip is timed.
"""

import argparse
import os
import time
from fractions import Fraction
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy is imported

import av
import cv2
import numpy as np
from PIL import Image, ImageStat
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from skimage.feature import hog as skimage_hog

from sklearn_m3s import RawPerception
from sklearn_m3s.descriptors import blurriness, brightness, contrast, flow, h264_bytes, hog
from sklearn_m3s.video import FrameGeometry, read_video, sample_at_rate

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = Path(os.environ.get("SKLEARN_M3S_TEST_DATA", SHARED))
WINDOW, STEP = 45, 8
# Frames per clip to time the recipe on. The number of pairs is an option.
N_FRAMES = {"contrast": 8, "brightness": 8, "blurriness": 8, "hog": 8, "h264_bytes": WINDOW}
OURS = {
    "contrast": contrast,
    "brightness": brightness,
    "blurriness": blurriness,
    "hog": hog,
    "mean_flow": flow,
    "h264_bytes": h264_bytes,
}
GOLDEN = {
    "contrast": "contrast",
    "brightness": "value_mean",
    "blurriness": "blurriness_fft500",
    "mean_flow": "tvl1_pair_mean",
}


class SampledFrames:
    """A reader that returns the frames that the tier describes."""

    geometry, frame_rate = FrameGeometry.square(256), 15

    def __init__(self):
        self.frames = []

    def wanted(self, times, end):
        return sample_at_rate(times, self.frame_rate)

    def add(self, index, picture, time):
        self.frames.append(picture)

    def value(self):
        return np.stack(self.frames)


def grey(frame):
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def pil_contrast(frames):
    return [ImageStat.Stat(Image.fromarray(frame).convert("L")).stddev[0] for frame in frames]


def pil_brightness(frames):
    return [ImageStat.Stat(Image.fromarray(frame).convert("HSV")).mean[2] for frame in frames]


def fft_blurriness(frames):
    levels = []
    for frame in frames:
        image = cv2.resize(grey(frame), (500, 500), interpolation=cv2.INTER_AREA)
        spectrum = np.fft.fftshift(np.fft.fft2(image))
        spectrum[190:310, 190:310] = 0
        high = np.fft.ifft2(np.fft.ifftshift(spectrum))
        levels.append(np.mean(20 * np.log(np.abs(high))))
    return levels


def small_cells(frames):
    layout = {"orientations": 9, "pixels_per_cell": (8, 8), "cells_per_block": (2, 2)}
    return np.stack([skimage_hog(grey(frame), **layout) for frame in frames])


def default_tvl1(frames):
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    field = solver.calc(grey(frames[0]), grey(frames[1]), None)
    return [cv2.mean(cv2.magnitude(*cv2.split(field)))[0]]


def medium_h264(frames):
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", 15, Fraction(1, 15)
    encoder.thread_count = 1
    pictures = [av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in frames]
    return sum(p.size for picture in [*pictures, None] for p in encoder.encode(picture))


THEIRS = {
    "contrast": pil_contrast,
    "brightness": pil_brightness,
    "blurriness": fft_blurriness,
    "hog": small_cells,
    "mean_flow": default_tvl1,
    "h264_bytes": medium_h264,
}


def load():
    """Return the reference by clip and descriptor, and the frames by clip."""
    if not (DATA / "golden/descriptors.npz").exists():
        rng = np.random.default_rng(0)
        texture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        texture = cv2.resize(texture, (256, 256), interpolation=cv2.INTER_CUBIC)
        return {}, {"drawn": np.stack([np.roll(texture, 3 * i, axis=1) for i in range(WINDOW)])}
    reference, clips = {}, {}
    for key, values in np.load(DATA / "golden/descriptors.npz").items():
        clip, name = key.split("/")
        reference.setdefault(clip, {})[name] = values
    for clip, entry in reference.items():
        [frames] = read_video(DATA / "clips" / clip, [SampledFrames()])
        clips[clip] = frames[: len(entry["frames"])]
    return reference, clips


def seconds(function, *args):
    """Return the processor seconds of a call, which other programs disturb little."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def time_descriptor(name, clips, n_pairs):
    """Return milliseconds per frame, theirs and ours, and how many frames theirs were timed on."""
    theirs = ours = n_theirs = n_ours = 0
    n_samples = -(-n_pairs // len(clips)) if name == "mean_flow" else 1
    for frames in clips.values():
        window = frames[:WINDOW]
        n_each = N_FRAMES.get(name, 2)
        for start in np.linspace(0, len(window) - n_each, n_samples + 2).astype(int)[1:-1]:
            theirs += seconds(THEIRS[name], window[start : start + n_each])
            n_theirs += n_each - (name == "mean_flow")
            ours += seconds(OURS[name], window)
            n_ours += len(window) - (name == "mean_flow")
    return 1000 * theirs / n_theirs, 1000 * ours / n_ours, n_theirs


def windows(values, n_frames):
    """Return the values in each window of frames; there is one pair less than frames."""
    length = WINDOW - (n_frames - len(values))
    return [values[i : i + length] for i in range(0, n_frames - WINDOW + 1, STEP)]


def series(name, frames, golden, **layout):
    """Return a descriptor of a clip in each window, ours and the reference."""
    if name == "h264_bytes":
        parts = windows(frames, len(frames))
        return [h264_bytes(part) for part in parts], [medium_h264(part) for part in parts]
    if name == "hog":  # every other frame stands for the one after it
        both = hog(frames[::2], **layout), small_cells(frames[::2])
        both = [np.repeat(x, 2, axis=0)[: len(frames)] for x in both]
    else:
        both = OURS[name](frames), golden[GOLDEN[name]]
    return [[np.mean(part, axis=0) for part in windows(x, len(frames))] for x in both]


def agreement(name, clips, reference, **layout):
    """Return Spearman's correlation of a descriptor with the reference, and how many windows."""
    pairs = [series(name, frames, reference[clip], **layout) for clip, frames in clips.items()]
    ours, theirs = (np.concatenate(side) for side in zip(*pairs, strict=True))
    n_windows = len(ours)
    if name == "hog":
        ours, theirs = pdist(ours), pdist(theirs)
    return spearmanr(ours, theirs)[0], n_windows


def decode(path):
    """Decode a file and do nothing with it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def print_decode_times(paths):
    """Print the time of the whole tier, as a multiple of that of decoding."""
    print("\nwhole tier, from the file      decode only  tier   decode-times")
    total = np.zeros(2)
    for path in paths:
        # Read in this process and not in a worker, since its time is measured.
        rounds = [
            (seconds(decode, path), seconds(read_video, path, [RawPerception()._reader()]))
            for _ in range(3)
        ]
        taken = np.min(rounds, axis=0)
        total += taken
        print(f"{path.name:28} {taken[0]:9.2f} s {taken[1]:6.2f} s {taken[1] / taken[0]:9.1f}")
    print(f"{'all':28} {total[0]:9.2f} s {total[1]:6.2f} s {total[1] / total[0]:9.1f}")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--pairs", type=int, default=10, help="pairs that OpenCV's TV-L1 is timed on"
    )
    args = parser.parse_args()
    cv2.setNumThreads(1)
    reference, clips = load()
    for function in OURS.values():  # loads tables and libraries
        function(clips[min(clips)][:2])
    print(f"{'ms per frame of 256 px':24} recipe  (timed on)     ours    ratio  Spearman (windows)")
    total = np.zeros(2)
    for name in OURS:
        theirs, ours, n_timed = time_descriptor(name, clips, args.pairs)
        total += theirs, ours
        agreed = "-"
        if reference:
            agreed = "{:.4f} ({})".format(*agreement(name, clips, reference))
        timed_on = f"({n_timed:3d} {'pairs' if name == 'mean_flow' else 'frames'})"
        row = f"{name:20} {theirs:10.2f}  {timed_on:12} {ours:9.3f} {theirs / ours:8.0f}  {agreed}"
        print(row, flush=True)
    print(f"{'all':20} {total[0]:10.2f} {total[1]:23.3f} {total[0] / total[1]:8.0f}")
    print(f"per clip of 45 frames: {0.045 * total[0]:.1f} s and {0.045 * total[1]:.2f} s")
    if reference:
        same_cells, _ = agreement("hog", clips, reference, cell_size=8)
        print(f"hog with cells of 8 pixels, as the recipe: Spearman {same_cells:.4f}")
        print_decode_times([DATA / "clips" / clip for clip in clips])
    else:
        print(f"no reference data in {DATA}: agreement and decoding are not measured")


if __name__ == "__main__":
    main()
