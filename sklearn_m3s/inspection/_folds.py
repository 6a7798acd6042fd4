"""Models fitted fold by fold: each video described once, all rows of a table on the same folds."""

import tempfile
from contextlib import contextmanager
from numbers import Integral
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import check_cv
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array
from tqdm.auto import tqdm

from sklearn_m3s._optional import import_optional
from sklearn_m3s.tiers import TierUnion, VideoTransformer

# Parameters that all studies share.
STUDY_RULES = {
    "cv": ["cv_object"],
    "n_bootstrap": [Interval(Integral, 0, None, closed="left")],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
}


class Row(NamedTuple):
    """A row of a table: which blocks of columns go into which regressor."""

    blocks: list[str]
    regressor: BaseEstimator


def check_scores(X, y):
    """Return the scores as float64 of shape (n_videos,), finite and one a video."""
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"), warn=True)
    check_consistent_length(X, y)
    return y


def make_folds(cv, X, y):
    """Return the folds of a scikit-learn `cv` argument, as a list."""
    return list(check_cv(cv).split(X, y))


@contextmanager
def describing_once(model, X):
    """Give a clone of a model whose tiers all have a cache: their own, or one for the while.

    Where tiers can share a pass over the files of `X`, they have been described.
    """
    model = clone(model)
    tiers = {name: part for name, part in model.get_params().items() if _is_uncached(part)}
    names = [f"{name}__cache" for name in tiers] + ["cache"] * _is_uncached(model)
    with tempfile.TemporaryDirectory(prefix="sklearn_m3s-") as folder:
        model.set_params(**dict.fromkeys(names, folder))
        for union in model.get_params().values():
            if isinstance(union, TierUnion):
                with union._described(union._tiers(), X):
                    pass  # what was described stays in the caches
        yield model


def _is_uncached(part):
    return isinstance(part, VideoTransformer) and part.cache is None


def fit_and_transform(transformer, X_train, X_test, y_train):
    """Fit a clone on the training rows, and return them and the test rows transformed."""
    transformer = FunctionTransformer() if transformer == "passthrough" else clone(transformer)
    train = np.asarray(transformer.fit_transform(X_train, y_train))
    return train, np.asarray(transformer.transform(X_test))


def predict_rows(rows, describe, y, folds, n_jobs=None, verbose=False):
    """Fit and predict every row of a table in every fold.

    Parameters
    ----------
    rows : dict of str to Row
        What to fit.
    describe : callable
        From a fold to a dict of block name to (training rows, test rows), matrices of float.
    y : ndarray of shape (n_videos,)
        True scores.
    folds : list of (ndarray of int, ndarray of int)
        Training and test videos.
    n_jobs : int or None
        Rows fitted at a time.
    verbose : bool
        Whether to show a progress bar of fits.

    Returns
    -------
    predictions : dict of str to list of (ndarray of int, ndarray of float)
        For each row and fold, the test videos and their predicted scores.
    sizes : dict of str to ndarray of shape (n_folds, 2)
        For each row and fold, the numbers of columns and of parameters.
    """
    import_optional("pandas")  # said before the hours of work that end in a table
    predictions = {name: [] for name in rows}
    sizes = {name: [] for name in rows}
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    with tqdm(desc="fits", total=len(folds) * len(rows), disable=not verbose) as bar:
        for train, test in folds:
            blocks = describe((train, test))
            tasks = (
                delayed(_fit_predict)(row.regressor, *_join(blocks, row.blocks), y[train])
                for row in rows.values()
            )
            for name, (predicted, size) in zip(rows, parallel(tasks), strict=True):
                predictions[name].append((test, predicted))
                sizes[name].append(size)
                bar.update()
    return predictions, {name: np.array(size) for name, size in sizes.items()}


def _join(blocks, names):
    return tuple(np.hstack([blocks[name][i] for name in names]) for i in (0, 1))


def _fit_predict(regressor, X_train, X_test, y_train):
    if not X_train.shape[1]:  # no clusters: nothing to learn from but the mean
        return np.full(len(X_test), y_train.mean()), (0, 0)
    regressor = clone(regressor).fit(X_train, y_train)
    return regressor.predict(X_test), (X_train.shape[1], _n_parameters(regressor))


def _n_parameters(regressor):
    """Return how many numbers were learned, NaN where this is not known."""
    regressor = getattr(regressor, "_final_estimator", regressor)
    if hasattr(regressor, "net_"):
        return sum(weight.numel() for weight in regressor.net_.module_.parameters())
    if hasattr(regressor, "coefs_"):
        return sum(weight.size for weight in [*regressor.coefs_, *regressor.intercepts_])
    if hasattr(regressor, "coef_"):
        return regressor.coef_.size + 1
    return np.nan
