"""Compare a model with other regressors on the same features."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR
from sklearn.utils._param_validation import HasMethods

from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._blocks import (
    STUDY_RULES,
    CrossValidation,
    Row,
    Seed,
    Study,
    Table,
    Videos,
)
from sklearn_m3s.inspection._intervals import draw_counts, make_table
from sklearn_m3s.regression import MLPRegressor


@check_arguments(model=[HasMethods(["fit"])], baselines=[Mapping, None], **STUDY_RULES)
def baseline_study(
    model: Pipeline,
    X: Videos,
    y: ArrayLike,
    *,
    baselines: Mapping[str, BaseEstimator] | None = None,
    cv: CrossValidation = None,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: bool | int = False,
) -> Table:
    """Compare a model with other regressors on the features of its tiers (Table 3 of the paper).

    There are no public models of the approaches in that table. Other regressors on the same
    features stand in for them. So the study measures the regressor, not the tiers.

    Parameters
    ----------
    model : Pipeline
        A model from `make_m3s`.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    baselines : dict of str to regressor, default=None
        Regressors by the names of their rows. None means a constant, ridge regression, support
        vector regression and a plain network, which is an `MLPRegressor` with one hidden layer of
        100 rectified linear units.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn. None means 5 folds in the order of the videos.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, as in :func:`~sklearn_m3s.inspection.ablation_study`.
    n_bootstrap : int, default=1000
        Number of bootstrap samples of the test videos, or of the groups. 0 gives no intervals.
    n_jobs : int, default=None
        Number of fits at a time; see joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, of grouped folds and of the default baselines. The model keeps its
        own seed.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits. The tiers have their own `verbose`.

    Returns
    -------
    DataFrame
        The row ``"model"`` and one row per baseline, with the columns of
        :func:`~sklearn_m3s.inspection.ablation_study`. ``n_parameters`` is NaN where unknown, and
        ``delta_spearman`` is the difference from ``"model"``.

    Raises
    ------
    ValueError
        If a baseline is called "model", or in the cases of
        :func:`~sklearn_m3s.inspection.ablation_study`.
    VideoError
        If videos cannot be read. The rows of the others are in the cache, if the tiers have one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, Table 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.inspection import baseline_study
    >>> X = np.random.default_rng(0).normal(size=(60, 2))  # rows in place of videos
    >>> model = make_m3s(raw=FunctionTransformer(), scene=None, event=None, regressor=Ridge())
    >>> table = baseline_study(model, X, X[:, 0], baselines={"constant": DummyRegressor()},
    ...                        n_bootstrap=100, random_state=0)
    >>> table["spearman"].round(2).to_dict()
    {'model': 1.0, 'constant': nan}
    """
    study = Study(model, X, y, cv, groups, random_state)
    baselines = default_baselines(random_state) if baselines is None else dict(baselines)
    if "model" in baselines:
        raise ValueError("baselines has the name 'model' of the row of the model: rename it")
    blocks, regressors = [*study.tiers, *study.measures], {"model": study.regressor} | baselines
    rows = {name: Row(blocks, regressor) for name, regressor in regressors.items()}
    predictions, sizes = study.predict(rows, n_jobs, verbose)
    counts = draw_counts(len(study.y), n_bootstrap, random_state, groups)
    return make_table(predictions, sizes, study.y, counts, reference="model")


def default_baselines(random_state: Seed = None) -> dict[str, BaseEstimator]:
    """Return the regressors that stand in for approaches without public models."""
    return {
        "constant": DummyRegressor(),
        "ridge": RidgeCV(np.logspace(-1, 5, 7)),
        "SVR": SVR(C=0.1, epsilon=0.02),  # small, since scores differ by hundredths
        "plain MLP": MLPRegressor(
            hidden_layer_sizes=(100,), activation="relu", random_state=random_state
        ),
    }
