"""
Ablate the tiers
================

The paper's Table 4 on any data set: the model without each tier, and each tier alone. See
``paper.py`` for the arguments.
"""

from paper import load, parse, show

from sklearn_m3s.inspection import ablation_study

args = parse(__doc__)
data, model, cv = load(args)
table = ablation_study(
    model, data.videos, data.scores, cv=cv, random_state=0, n_jobs=args.n_jobs, verbose=True
)
show(table, args, "table4")
