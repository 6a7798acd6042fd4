"""
Which descriptor predicts memorability
======================================

Table 1 of the paper, for any data set: each descriptor of the raw tier alone, with a network of 64
hidden units. See ``paper.py`` for the arguments.
"""

from paper import load, parse, show

from sklearn_m3s.inspection import descriptor_study
from sklearn_m3s.pipeline import take_apart

# %%
# Without arguments, the data are 48 drawn clips and the networks are untrained. With so few clips,
# the intervals are wide.
args = parse(__doc__)
data, model, cv = load(args)
raw = take_apart(model).tiers["raw"]
table = descriptor_study(raw, data.videos, data.scores, cv=cv, random_state=0, n_jobs=args.n_jobs)
show(table, args, "table1")
