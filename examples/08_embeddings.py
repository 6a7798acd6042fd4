"""
Map the features of each tier
=============================

Figure 6 of the paper, for any data set: t-SNE maps of the features of each tier, with video
thumbnails, coloured by score. See ``paper.py`` for the arguments.
"""

from paper import load, parse

from sklearn_m3s.inspection import TierEmbeddingDisplay
from sklearn_m3s.metrics import spearman_score

args = parse(__doc__)
data, model, _ = load(args)
model.fit(data.videos, data.scores)
predicted = model.predict(data.videos)
print(f"Spearman on the training videos: {spearman_score(data.scores, predicted):.2f}")

# %%
# Figure 6. With trained networks, neighbours share shapes and motion in the raw tier, objects in
# the scene tier, and actions in the event tier.
display = TierEmbeddingDisplay.from_estimator(model, data.videos, data.scores, random_state=0)
display.figure_.savefig(args.output / "figure6.png")
print(f"figure6.png is in {args.output}")
