"""
Which low-level descriptor tells most
=====================================

The paper's Table 1 on any data set: each descriptor of the raw tier alone, by a network with 64
hidden units. See ``paper.py`` for the arguments.
"""

from paper import load, parse, show

from sklearn_m3s.inspection import descriptor_study

args = parse(__doc__)
data, model, cv = load(args)
raw = model.get_params()["tiers__raw__describe"]
table = descriptor_study(raw, data.videos, data.scores, cv=cv, random_state=0, n_jobs=args.n_jobs)
show(table, args, "table1")
