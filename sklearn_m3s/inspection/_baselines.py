"""A model beside others that learn from the same features."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR
from sklearn.utils._param_validation import validate_params

from sklearn_m3s.inspection._bootstrap import draw_counts
from sklearn_m3s.inspection._folds import STUDY_RULES, Row, check_scores
from sklearn_m3s.inspection._model import cross_predict
from sklearn_m3s.inspection._tables import make_table
from sklearn_m3s.regression import MLPRegressor


@validate_params(
    {
        "model": [Pipeline],
        "baselines": [Mapping, None],
        **STUDY_RULES,
    },
    prefer_skip_nested_validation=True,
)
def baseline_study(
    model,
    X,
    y,
    *,
    baselines=None,
    cv=None,
    n_bootstrap=1000,
    random_state=None,
    n_jobs=None,
    verbose=False,
):
    """Compare a model with other regressors on the features of its tiers (Table 3).

    The approaches that the paper compares itself with have no public models. Regressors on the
    same features stand in for them: they tell what the regressor is worth, not what the tiers are.

    Parameters
    ----------
    model : Pipeline
        As `make_m3s` returns it.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    baselines : dict of str to regressor, default=None
        By the name of its row. None is a constant, ridge regression, support vector regression and
        a plain network: an `MLPRegressor` with one hidden layer of 100 rectified linear units.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn; None is 5 folds in the order of the videos.
    n_bootstrap : int, default=1000
        Bootstrap samples of the test videos; 0 gives no intervals.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap and of the default baselines; the model keeps its own.
    n_jobs : int, default=None
        Rows of the table fitted at a time; see joblib.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits; the tiers of the model show their own.

    Returns
    -------
    DataFrame
        A row for ``"model"`` and each baseline; columns ``spearman``, ``mse``, ``mae`` and
        ``spread`` as of :func:`~sklearn_m3s.inspection.evaluate`, ``n_features``,
        ``n_parameters`` (NaN where not known), and ``delta_spearman``, the difference from
        ``"model"``; each with its 95 % interval.

    Raises
    ------
    ValueError
        If the model is no pipeline of tiers and a regressor; if a baseline is called "model"; if
        `y` is not finite; if there are fewer videos than folds.
    VideoError
        If videos cannot be read; what was described is in the cache, if the tiers have one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 6.

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
    y = check_scores(X, y)
    baselines = default_baselines(random_state) if baselines is None else dict(baselines)
    if "model" in baselines:
        raise ValueError("baselines has a row called 'model', as the model itself is: rename it")
    predictions, sizes = cross_predict(
        model, partial(_make_rows, baselines), X, y, cv, n_jobs=n_jobs, verbose=verbose
    )
    counts = draw_counts(len(y), n_bootstrap, random_state)
    return make_table(predictions, sizes, y, counts, reference="model")


def _make_rows(baselines, tiers, measures, regressor):
    regressors = {"model": regressor} | baselines
    return {name: Row([*tiers, *measures], part) for name, part in regressors.items()}


def default_baselines(random_state=None):
    """Return stand-ins for approaches whose models are not public."""
    return {
        "constant": DummyRegressor(),
        "ridge": RidgeCV(np.logspace(-1, 5, 7)),
        "SVR": SVR(C=0.1, epsilon=0.02),  # scores differ by hundredths
        "plain MLP": MLPRegressor((100,), activation="relu", random_state=random_state),
    }
