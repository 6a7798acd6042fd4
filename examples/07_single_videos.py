"""
Show predictions of single videos
=================================

Figures 3 to 5 of the paper, for any data set. Figure 3 shows how far each tier deviates from the
scores of some videos. Figures 4 and 5 show the videos with the best predictions, the worst, and
those that are too high and too low. All predictions are for videos outside the training set. See
``paper.py`` for the arguments.
"""

from paper import load, parse

from sklearn_m3s.inspection import (
    ExtremePredictionsDisplay,
    TierDeviationDisplay,
    tier_predictions,
)
from sklearn_m3s.metrics import spearman_score

args = parse(__doc__)
data, model, cv = load(args)
table = tier_predictions(
    model, data.videos, data.scores, cv=cv, n_jobs=args.n_jobs, verbose=args.verbose
).dropna()
videos = [data.videos[row] for row in table.index]
for name in table.columns.drop("score"):
    print(f"{name}: Spearman {spearman_score(table['score'], table[name]):.2f}")

# %%
# Figure 3. Bars to the right of zero are predictions that are too high.
display = TierDeviationDisplay.from_predictions(None, table, videos=videos)
display.figure_.savefig(args.output / "figure3.png")

# %%
# Figures 4 and 5.
display = ExtremePredictionsDisplay.from_predictions(videos, table["score"], table["all"])
display.figure_.savefig(args.output / "figures4_5.png")
print(f"figure3.png and figures4_5.png are in {args.output}")
