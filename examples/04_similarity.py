"""
Which measure of similarity helps
=================================

Table 2 of the paper, for any data set: each measure alone, and its contribution to the model. See
``paper.py`` for the arguments.
"""

from paper import load, parse, show

from sklearn_m3s.inspection import similarity_study

# %%
# Without arguments, the data are 48 drawn clips and the networks are untrained. With so few clips,
# the intervals are wide.
args = parse(__doc__)
data, model, cv = load(args)
table = similarity_study(
    model, data.videos, data.scores, cv=cv, random_state=0, n_jobs=args.n_jobs, verbose=args.verbose
)
show(table, args, "table2")
