"""
The main job from end to end
============================

Makes real H.264 clips whose scores are known, fits the pipeline of all tiers, cross-validates
it, predicts clips it has never seen, and says where everything is. ``make demo`` runs this.
"""

import csv
import sys
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import KFold, cross_val_score

from sklearn_m3s import EventUnderstanding, SceneParsing, make_m3s
from sklearn_m3s.backbones import resolve_weights
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning, WeightsError
from sklearn_m3s.metrics import spearman_score, spearman_scorer

N_TRAIN, N_NEW = 48, 16
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output")


def available(architecture, name):
    """Return the name of pretrained weights, or None where they cannot be had."""
    try:
        resolve_weights(architecture, name)
    except WeightsError:
        print(f"  {architecture}: untrained, for {name!r} is neither here nor can be fetched")
        return None
    print(f"  {architecture}: pretrained, {name!r}")
    return name


def build_model(scene_weights, event_weights):
    """Return the pipeline of all tiers, sized for small clips."""
    model = make_m3s(
        scene=SceneParsing(weights=scene_weights, frame_size=128),
        event=EventUnderstanding(weights=event_weights, frame_size=128, n_frames=16),
        cache=FOLDER / "features",
        random_state=0,
    )
    return model.set_params(regressor__max_epochs=40)


def show_progress(model, verbose):
    """Turn the progress bars of the tiers on or off."""
    names = ("raw", "scene", "event")
    model.set_params(**{f"tiers__{name}__describe__verbose": verbose for name in names})


def cross_validate(model, videos, scores):
    """Print the rank correlation of the model, and of the raw tier alone."""
    folds = KFold(4, shuffle=True, random_state=0)
    raw = make_m3s(scene=None, event=None, cache=FOLDER / "features", random_state=0)
    models = {"all tiers": model, "raw alone": raw.set_params(regressor__max_epochs=40)}
    for name, candidate in models.items():
        rho = cross_val_score(candidate, videos, scores, cv=folds, scoring=spearman_scorer)
        print(f"  {name}: {rho.mean():.3f} (folds {np.array2string(rho, precision=2)})")


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
    warnings.simplefilter("ignore", M3SWarning)
    start = time.perf_counter()

    print(f"1. Write {N_TRAIN + N_NEW} clips of 2 s")
    data = make_videos(N_TRAIN + N_NEW, FOLDER / "videos", random_state=0)
    videos, scores = data.videos[:N_TRAIN], data.scores[:N_TRAIN]
    print(f"  scores {data.scores.min():.2f} to {data.scores.max():.2f}")

    print("2. Find the weights of the backbones")
    model = build_model(
        available("hrnetv2_w48", "ade20k"), available("ip_csn_152", "ig65m_kinetics400")
    )

    print("3. Describe the clips by all tiers and fit (a second run finds them in the cache)")
    show_progress(model, True)
    model.fit(videos, scores)
    show_progress(model, False)
    for name, branch in model.named_steps["tiers"].transformer_list:
        print(f"  {name}: {len(branch.get_feature_names_out())} columns")
    print(f"  the regressor ends at a loss of {model['regressor'].loss_curve_[-1]:.5f}")

    print("4. Cross-validate: Spearman rank correlation in 4 folds")
    cross_validate(model, videos, scores)

    print(f"5. Predict {N_NEW} clips that were not seen")
    predict(model, data.videos[N_TRAIN:], data.scores[N_TRAIN:])
    joblib.dump(model, FOLDER / "model.joblib")
    print(f"Done in {time.perf_counter() - start:.0f} s. In {FOLDER.resolve()}:")
    print("  videos/, features/ (the cache), predictions.csv, model.joblib")


if __name__ == "__main__":
    main()
