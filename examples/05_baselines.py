"""
The model, its bounds and other regressors
==========================================

Table 3 of the paper, for any data set: the model, its lower and upper bounds, and other regressors
on the same features. The other regressors stand in for approaches without public models. See
``paper.py`` for the arguments.
"""

from paper import load, parse, show

from sklearn_m3s.inspection import baseline_study, evaluate

# %%
# Without arguments, the data are 48 drawn clips and the networks are untrained. With so few clips,
# the intervals are wide.
args = parse(__doc__)
data, model, cv = load(args)
table = baseline_study(
    model, data.videos, data.scores, cv=cv, random_state=0, n_jobs=args.n_jobs, verbose=args.verbose
)
show(table, args, "table3")
if "n_annotations" in data:
    bounds = evaluate(
        model, data.videos, data.scores, cv=cv, n_annotations=data.n_annotations, random_state=0
    )
    show(bounds, args, "bounds")
