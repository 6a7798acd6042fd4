"""
Which tier helps on my data
===========================

Table 4 of the paper, for any data set: the model without each tier, and each tier alone. See
``paper.py`` for the arguments.
"""

from paper import load, parse, show

from sklearn_m3s.inspection import ablation_study

# %%
# Without arguments, the data are 48 drawn clips and the networks are untrained. With so few clips,
# the intervals are wide. An untrained network may lower the correlation.
args = parse(__doc__)
data, model, cv = load(args)
table = ablation_study(
    model, data.videos, data.scores, cv=cv, random_state=0, n_jobs=args.n_jobs, verbose=args.verbose
)
show(table, args, "table4")
