"""How well the settings of descriptors agree with the paper's authors, and flow with true motion.

    python benchmarks/descriptors.py [--output descriptors.csv]

Agreement is measured as in ``raw_perception.py``: Spearman's correlation with the authors' recipe
over windows of 45 frames of five real clips; for the HOG, that of the distances between windows.
Without the reference data, it is left out.

Lengths of flow are measured on random textures of 256 x 256 pixels, which are moved exactly, by the
phases of their spectrum, along an axis and obliquely. Fine textures are noise after a Gaussian
filter with a sigma of 1.5 to 4 pixels, smooth ones of 6 to 12. An error is relative to the motion.
"""

import argparse
from contextlib import nullcontext
from functools import partial
from itertools import product
from unittest.mock import patch

import cv2
import numpy as np
import pandas as pd
from raw_perception import DATA, OURS, agreement, load
from scipy.ndimage import fourier_gaussian, fourier_shift

from sklearn_m3s.descriptors import _blurriness, _h264, flow

SIGMAS = {"fine": (1.5, 2, 3, 4), "smooth": (6, 8, 12)}
SHIFTS = {"0.5 pixels": (0.5,), "1 to 8 pixels": (1, 2, 4, 8)}
ANGLES = 0, 30, 45, 90
N_TEXTURES = 5


def settings():
    """Yield a descriptor, a setting, and what selects it: a context and options of the HOG."""
    for name in ("contrast", "brightness"):
        yield name, "", nullcontext(), {}
    for grid in (320, 256):
        yield "blurriness", f"grid of {grid}", patch.object(_blurriness, "_GRID", grid), {}
    for cell in (16, 8):
        yield "hog", f"cells of {cell} pixels", nullcontext(), {"cell_size": cell}
    for method in ("tvl1", "dis", "farneback"):
        yield "mean_flow", method, patch.dict(OURS, mean_flow=partial(flow, method=method)), {}
    for preset in ("veryfast", "superfast"):
        yield "h264_bytes", preset, patch.dict(_h264._SETTINGS, preset=preset), {}


def agreements():
    """Return the rows of all settings of descriptors."""
    reference, clips = load()
    if not reference:
        print(f"no reference data in {DATA}: agreement is not measured")
        return []
    rows = []
    for name, setting, selected, layout in settings():
        with selected:
            rho, n_windows = agreement(name, clips, reference, **layout)
        rows.append((name, setting, f"Spearman's ρ, {n_windows} windows", rho))
    return rows


def moving_texture(sigma, shift, angle, seed):
    """Return two frames of a texture that moves by `shift` pixels."""
    noise = np.random.default_rng(seed).standard_normal((256, 256))
    spectrum = fourier_gaussian(np.fft.fft2(noise), sigma)
    step = shift * np.sin(np.deg2rad(angle)), shift * np.cos(np.deg2rad(angle))
    pair = np.fft.ifft2([spectrum, fourier_shift(spectrum, step)]).real
    levels = np.rint(255 * (pair - pair.min()) / np.ptp(pair)).astype(np.uint8)
    return levels[..., None].repeat(3, axis=-1)


def errors_of_length():
    """Return the rows of the default flow on moving textures."""
    rows = []
    for texture, motion in product(SIGMAS, SHIFTS):
        cases = product(SIGMAS[texture], SHIFTS[motion], ANGLES, range(N_TEXTURES))
        errors = [flow(moving_texture(*case))[0] / case[1] - 1 for case in cases]
        setting = f"{texture} texture moved by {motion}"
        rows.append(("mean_flow", setting, "least error", min(errors)))
        rows.append(("mean_flow", setting, "largest error", max(errors)))
    return rows


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", help="CSV file to write")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [*agreements(), *errors_of_length()]
    table = pd.DataFrame(rows, columns=["descriptor", "setting", "measure", "value"])
    print(table.to_string(index=False, float_format="{:.3f}".format))
    if args.output:
        table.to_csv(args.output, index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
