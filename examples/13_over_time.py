"""
Predict with intervals, and over time
=====================================

A score alone does not show how certain it is, or which part of a video is memorable. Here, a model
is fitted to all videos except six, and predicts these six with intervals. Then the six are joined
into one long video, and the model finds its most memorable moments. See ``paper.py`` for the
arguments.
"""

from fractions import Fraction

import av
import matplotlib.pyplot as plt
import numpy as np
from paper import load, parse
from PIL import Image

from sklearn_m3s import PredictionIntervals
from sklearn_m3s.inspection import memorability_over_time
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.video import probe

args = parse(__doc__)
data, model, _ = load(args)
new, scores = data.videos[-6:], np.asarray(data.scores[-6:])
model = PredictionIntervals(model, coverage=0.8, cv=3).fit(data.videos[:-6], data.scores[:-6])
predicted = model.predict(new)
for score, (lower, upper) in zip(predicted, model.predict_interval(new), strict=True):
    print(f"{score:.2f}, with 80 % coverage from {lower:.2f} to {upper:.2f}")
print(f"Spearman of the training videos {spearman_score(model.y_, model.out_of_fold_):.2f}")

# %%
# Join the six videos, and store the time of the middle of each.
path = args.output / "joined.mp4"
rate = round(probe(new[0]).frame_rate)
middles, n_frames = [], 0
with av.open(str(path), "w") as joined:
    stream = joined.add_stream("libx264", rate=rate, options={"crf": "18"})
    stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
    for video in new:
        start = n_frames
        with av.open(str(video)) as container:
            for frame in container.decode(video=0):
                picture = frame.reformat(256, 256, "yuv420p")
                picture.pts, picture.time_base = n_frames, Fraction(1, rate)
                joined.mux(stream.encode(picture))
                n_frames += 1
        middles.append((start + n_frames) / 2 / rate)
    joined.mux(stream.encode(None))

# %%
# The window is as long as the training videos. Half of the windows have parts of two videos.
over_time = memorability_over_time(
    model, path, stride=model.estimator_["tiers"].median_duration_ / 2
)
print(over_time.to_frame().round(2).to_string(index=False))
at_middles = np.interp(middles, over_time.seconds, over_time.scores)
print(f"Spearman with the scores of the videos {spearman_score(scores, at_middles):.2f}")
for k, ((second, score), still) in enumerate(
    zip(over_time.moments(), over_time.stills(), strict=True), 1
):
    Image.fromarray(still).save(args.output / f"moment{k}.png")
    print(f"{score:.2f} at {second:.2f} s: moment{k}.png")
over_time.plot().figure_.savefig(args.output / "over_time.png")
print(f"over_time.png and the moments are in {args.output}")
plt.show()
