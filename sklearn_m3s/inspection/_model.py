"""A model taken apart: its tiers, their context and its regressor, as blocks of columns."""

from collections.abc import Mapping

import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import _safe_indexing

from sklearn_m3s.inspection._folds import (
    describing_once,
    fit_and_transform,
    make_folds,
    predict_rows,
)

SIMILARITY = "similarity"


def cross_predict(model, make_rows, X, y, cv, measures=None, *, n_jobs, verbose):
    """Predict every row of a table in every fold, from blocks of columns of a model.

    Parameters
    ----------
    model : Pipeline
        As `make_m3s` returns it.
    make_rows : callable
        From the names of the tiers, those of the measures, and the model's regressor to a dict of
        `Row`.
    X, y, cv, n_jobs, verbose
        As in the studies.
    measures : dict or None
        Measures of similarity by name; None is the model's own.

    Returns
    -------
    predictions, sizes : dict
        As `predict_rows` returns them.
    """
    with describing_once(model, X) as describing:
        union, regressor = _check_model(describing)
        measures = _own_measures(union) if measures is None else _by_tier(measures, union)
        tiers = [name for name, branch in union.transformer_list if branch != "drop"]
        return predict_rows(
            make_rows(tiers, list(measures), regressor),
            lambda fold: _describe(union, measures, X, y, fold),
            y,
            make_folds(cv, X, y),
            n_jobs,
            verbose,
        )


def _check_model(model):
    """Return the union of tiers and the regressor of a model as `make_m3s` returns it.

    Raises
    ------
    ValueError
        If the steps are others.
    """
    steps = dict(model.steps) if isinstance(model, Pipeline) else {}
    if list(steps) != ["tiers", "regressor"] or not isinstance(steps["tiers"], FeatureUnion):
        raise ValueError(
            f"model is {model!r:.80}, but has to be a pipeline of the steps 'tiers' (a "
            "FeatureUnion) and 'regressor', as make_m3s returns it"
        )
    return steps["tiers"], steps["regressor"]


def _contexts(union):
    """Return the similarity of each tier that has a context, None where it is left out."""
    return {
        name: dict(branch[-1].transformer_list).get(SIMILARITY)
        for name, branch in union.transformer_list
        if _has_context(branch)
    }


def _own_measures(union):
    """Return the similarity of the model as the only measure, or none where it has no context."""
    measure = {name: part for name, part in _contexts(union).items() if part not in (None, "drop")}
    return {SIMILARITY: measure} if measure else {}


def _describe(union, measures, X, y, fold):
    """Fit the tiers and similarity measures on the training videos of a fold.

    Parameters
    ----------
    union : FeatureUnion
        The tiers.
    measures : dict of str to dict of str to transformer
        For each measure, the similarity of each tier with a context.
    X : sequence of length n_videos
        Videos.
    y : ndarray of shape (n_videos,)
        Scores.
    fold : (ndarray of int, ndarray of int)
        Training and test videos.

    Returns
    -------
    dict of str to (ndarray, ndarray)
        For each tier its scaled columns, and for each measure its columns over all tiers with a
        context: training rows and test rows.
    """
    videos = [_safe_indexing(X, rows) for rows in fold]
    y_train = y[fold[0]]
    blocks, embeddings = {}, {}
    for name, branch in union.transformer_list:
        if branch == "drop":
            continue
        if not _has_context(branch):
            blocks[name] = fit_and_transform(branch, *videos, y_train)
            continue
        embeddings[name] = fit_and_transform(branch[:-1], *videos, y_train)
        features = dict(branch[-1].transformer_list)["features"]
        blocks[name] = fit_and_transform(features, *embeddings[name], y_train)
    for label, measure in measures.items():
        parts = [
            fit_and_transform(part, *embeddings[name], y_train) for name, part in measure.items()
        ]
        blocks[label] = tuple(np.hstack(rows) for rows in zip(*parts, strict=True))
    return blocks


def _by_tier(measures, union):
    """Return `measures` as dicts by tier: one transformer stands for all tiers with a context."""
    names = list(_contexts(union))
    if not names:
        raise ValueError(
            "no tier of the model has a context: keep scene or event, whose last step is a "
            "FeatureUnion 'context'"
        )
    by_tier = {}
    for label, measure in measures.items():
        measure = measure if isinstance(measure, Mapping) else dict.fromkeys(names, measure)
        unknown = sorted(set(measure) - set(names))
        if unknown:
            raise ValueError(f"measures[{label!r}] has the tiers {unknown}: use {names}")
        by_tier[label] = measure
    return by_tier


def _has_context(branch):
    return isinstance(branch, Pipeline) and isinstance(branch[-1], FeatureUnion)
