"""Models as blocks of columns: fitted fold by fold, each video described once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, gen_batches
from sklearn.utils._param_validation import Interval
from tqdm.auto import tqdm

from sklearn_m3s._folds import CrossValidation, Fold, Seed, make_folds
from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_scores
from sklearn_m3s.pipeline import ModelParts, take_apart
from sklearn_m3s.tiers import describe_for, take_videos
from sklearn_m3s.video import check_videos

if TYPE_CHECKING:
    import pandas

SIMILARITY = "similarity"
# Parameters that all studies share.
STUDY_RULES: dict[str, list[Any]] = {
    "cv": ["cv_object"],
    "groups": ["array-like", None],
    "n_bootstrap": [Interval(Integral, 0, None, closed="left")],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

Table: TypeAlias = "pandas.DataFrame"
Videos = Collection[Any]
Pair = tuple[Any, Any]  # matrices, or videos, of the training and of the test videos
Predictions = dict[str, list[tuple[np.ndarray, np.ndarray]]]
Sizes = dict[str, np.ndarray]
Blocks = dict[str, Pair]  # by the name of the block


class Row(NamedTuple):
    """A row of a table: a regressor, and the blocks of columns that it learns from."""

    blocks: list[str]
    regressor: BaseEstimator


def check_study(X: Videos, y: ArrayLike) -> np.ndarray:
    """Return the scores as a float64 vector, one per video."""
    import_optional("pandas", "inspection")  # fails before hours of work
    y = check_scores(y)
    check_consistent_length(X, y)
    return y


def videos_of(X: Any) -> list[Any] | None:
    """Return the videos to show, or None for features of videos."""
    return None if getattr(X, "ndim", 1) == 2 else check_videos(X)


class Study:
    """The parts of a model, and the folds that all rows of a table share.

    `measures` are measures of similarity by name. None means the model's own.
    """

    def __init__(
        self,
        model: Pipeline,
        X: Videos,
        y: ArrayLike,
        cv: CrossValidation,
        groups: ArrayLike | None,
        random_state: Seed = None,
        measures: Mapping[str, Any] | None = None,
    ) -> None:
        self.y = check_study(X, y)
        self._model, self._X = model, X
        self._parts = parts = take_apart(model)
        if parts.regressor is None:
            raise ValueError("model has no regressor: pass one to make_m3s")
        by_tier = _own_measures(parts) if measures is None else _by_tier(measures, parts)
        self._measures = by_tier
        self.tiers, self.measures = list(parts.tiers), list(by_tier)
        self.regressor = parts.regressor
        self._folds = make_folds(cv, X, self.y, groups, random_state)

    def predict(
        self, rows: dict[str, Row], n_jobs: int | None, verbose: bool | int
    ) -> tuple[Predictions, Sizes]:
        """Describe each video once, and predict every row of a table in every fold."""
        X = describe_for(self._model, self._X)
        return predict_rows(
            rows,
            lambda fold: _fit_blocks(self._parts, self._measures, X, self.y, fold),
            self.y,
            self._folds,
            n_jobs,
            verbose,
        )


def _own_measures(parts: ModelParts) -> dict[str, dict[str, Any]]:
    """Return the similarity of the model as the only measure, or none if it has no context."""
    measure = {name: part for name, part in parts.contexts.items() if part is not None}
    return {SIMILARITY: measure} if measure else {}


def _by_tier(measures: Mapping[str, Any], parts: ModelParts) -> dict[str, dict[str, Any]]:
    """Return a dict by tier for each measure. One transformer serves all tiers with a context."""
    names = list(parts.contexts)
    if not names:
        raise ValueError("model has no tier with a context: keep scene or event")
    by_tier = {}
    for label, measure in measures.items():
        measure = dict(measure) if isinstance(measure, Mapping) else dict.fromkeys(names, measure)
        unknown = sorted(set(measure) - set(names))
        if unknown:
            raise ValueError(f"measures[{label!r}] has the tiers {unknown}: use {names}")
        by_tier[label] = measure
    return by_tier


def _fit_blocks(
    parts: ModelParts, measures: dict[str, dict[str, Any]], X: Videos, y: np.ndarray, fold: Fold
) -> Blocks:
    """Fit the tiers and measures on the training videos of a fold.

    The blocks are the scaled columns of each tier, and the columns of each measure over all its
    tiers.
    """
    train, test = (take_videos(X, rows) for rows in fold)
    y_train = y[fold[0]]
    blocks, features = {}, {}
    for name, tier in parts.tiers.items():
        features[name] = fit_and_transform(tier, train, test, y_train)
        blocks[name] = fit_and_transform(parts.scalers[name], *features[name], y_train)
    for label, measure in measures.items():
        columns = [
            fit_and_transform(part, *features[name], y_train) for name, part in measure.items()
        ]
        blocks[label] = _stack(columns)
    return blocks


def fit_and_transform(transformer: Any, X_train: Any, X_test: Any, y_train: np.ndarray) -> Pair:
    """Fit a clone on the training rows, and transform the training and the test rows."""
    if transformer is None or isinstance(transformer, str):
        columns = slice(0 if transformer == "drop" else None)
        return np.asarray(X_train)[:, columns], np.asarray(X_test)[:, columns]
    transformer = clone(transformer)
    train = np.asarray(transformer.fit_transform(X_train, y_train))
    return train, np.asarray(transformer.transform(X_test))


def predict_rows(
    rows: dict[str, Row],
    blocks_of: Callable[[Fold], Blocks],
    y: np.ndarray,
    folds: Sequence[Fold],
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> tuple[Predictions, Sizes]:
    """Fit and predict every row of a table in every fold.

    Returns, for each row and fold, the test videos with their predicted scores, and the number of
    columns and of parameters (NaN where unknown).
    """
    predictions: Predictions = {name: [] for name in rows}
    sizes: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    # Folds whose blocks are in memory together: enough to give each worker a fit.
    n_at_once = max(1, effective_n_jobs(n_jobs) // len(rows))
    with tqdm(desc="fits", total=len(folds) * len(rows), disable=not verbose) as bar:
        for part in gen_batches(len(folds), n_at_once):
            fitted = [(*fold, blocks_of(fold)) for fold in folds[part]]
            tasks = (
                delayed(_fit_predict)(row.regressor, *_join(blocks, row.blocks), y[train])
                for train, _, blocks in fitted
                for row in rows.values()
            )
            places = [(name, test) for _, test, _ in fitted for name in rows]
            for (name, test), (predicted, size) in zip(places, parallel(tasks), strict=True):
                predictions[name].append((test, predicted))
                sizes[name].append(size)
                bar.update()
    return predictions, {name: np.array(size) for name, size in sizes.items()}


def _join(blocks: Blocks, names: list[str]) -> Pair:
    if len(names) == 1:  # a single block may hold videos instead of columns
        return blocks[names[0]]
    return _stack([blocks[name] for name in names])


def _stack(columns: list[Pair]) -> Pair:
    train, test = zip(*columns, strict=True)
    return np.hstack(train), np.hstack(test)


def _fit_predict(
    regressor: BaseEstimator, X_train: Any, X_test: Any, y_train: np.ndarray
) -> tuple[np.ndarray, tuple[float, float]]:
    n_columns = X_train.shape[1] if getattr(X_train, "ndim", 1) == 2 else np.nan
    if n_columns == 0:  # a similarity without clusters: only the mean can be learned
        return np.full(len(X_test), y_train.mean()), (0, 0)
    regressor = clone(regressor).fit(X_train, y_train)
    predicted = np.asarray(regressor.predict(X_test), dtype=np.float64)
    return predicted, (n_columns, _n_parameters(regressor))


def _n_parameters(regressor: BaseEstimator) -> float:
    """Return the number of learned parameters, NaN if unknown."""
    regressor = getattr(regressor, "_final_estimator", regressor)
    if hasattr(regressor, "net_"):
        return sum(weight.numel() for weight in regressor.net_.module_.parameters())
    if hasattr(regressor, "coefs_"):
        return sum(weight.size for weight in [*regressor.coefs_, *regressor.intercepts_])
    if hasattr(regressor, "coef_"):
        return regressor.coef_.size + 1
    return np.nan
