"""What each low-level descriptor is worth by itself."""

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, validate_params

from sklearn_m3s.inspection._bootstrap import draw_counts
from sklearn_m3s.inspection._folds import (
    STUDY_RULES,
    Row,
    check_scores,
    describing_once,
    make_folds,
    predict_rows,
)
from sklearn_m3s.inspection._tables import make_table
from sklearn_m3s.regression import MLPRegressor


@validate_params(
    {
        "tier": [HasMethods(["fit_transform", "transform", "get_feature_names_out"])],
        "regressor": [HasMethods(["fit", "predict"]), None],
        **STUDY_RULES,
    },
    prefer_skip_nested_validation=True,
)
def descriptor_study(
    tier,
    X,
    y,
    *,
    regressor=None,
    cv=None,
    n_bootstrap=1000,
    random_state=None,
    n_jobs=None,
    verbose=False,
):
    """Compare the descriptors of a tier one by one, all together, and a constant (Table 1).

    Parameters
    ----------
    tier : transformer
        From videos to named columns, such as `RawPerception`. Columns whose names differ in a
        number at the end (``hog0`` to ``hog9``) are one descriptor.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    regressor : regressor, default=None
        What predicts from each descriptor; None is a `StandardScaler` and an `MLPRegressor` with
        one hidden layer of 64 units.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn; None is 5 folds in the order of the videos.
    n_bootstrap : int, default=1000
        Bootstrap samples of the test videos; 0 gives no intervals.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap and of the default regressor.
    n_jobs : int, default=None
        Rows of the table fitted at a time; see joblib.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits; the tier shows its own.

    Returns
    -------
    DataFrame
        A row for ``"all"``, each descriptor and the ``"constant"``; columns ``spearman``,
        ``mse``, ``mae`` and ``spread`` as of :func:`~sklearn_m3s.inspection.evaluate`,
        ``n_features`` and ``n_parameters``; metrics with their 95 % interval.

    Raises
    ------
    ValueError
        If `y` is not finite, or there are fewer videos than folds.
    VideoError
        If videos cannot be read; what was described is in the cache, if the tier has one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.inspection import descriptor_study
    >>> rng = np.random.default_rng(0)
    >>> brightness = rng.uniform(20, 200, size=20)
    >>> noise = rng.integers(0, 40, size=(20, 32, 32, 3))
    >>> videos = list((brightness[:, None, None, None] + noise).astype(np.uint8))
    >>> tier = RawPerception(descriptors=["contrast", "brightness"], frame_size=32)
    >>> table = descriptor_study(tier, videos, brightness / 255, regressor=Ridge(), n_bootstrap=50)
    >>> list(table.index)
    ['all', 'contrast', 'brightness', 'constant']
    >>> bool(table.loc["brightness", "spearman"] > 0.9)
    True
    """
    y = check_scores(X, y)
    if regressor is None:
        head = MLPRegressor(hidden_layer_sizes=(64,), random_state=random_state)
        regressor = make_pipeline(StandardScaler(), head)
    folds = make_folds(cv, X, y)
    with describing_once(tier, X) as describing:
        # The descriptors are known once the tier is fitted: those of the first fold are all.
        names = list(_describe(describing, X, y, folds[0]))
        rows = {name: Row([name], regressor) for name in names}
        predictions, sizes = predict_rows(
            {"all": Row(names, regressor)} | rows | {"constant": Row(names, DummyRegressor())},
            lambda fold: _describe(describing, X, y, fold),
            y,
            folds,
            n_jobs,
            verbose,
        )
    return make_table(predictions, sizes, y, draw_counts(len(y), n_bootstrap, random_state))


def _describe(tier, X, y, fold):
    """Fit the tier on the training videos, and return the columns of each descriptor."""
    train, test = (_safe_indexing(X, rows) for rows in fold)
    tier = clone(tier)
    columns = np.asarray(tier.fit_transform(train, y[fold[0]])), np.asarray(tier.transform(test))
    groups = [name.rstrip("0123456789") for name in tier.get_feature_names_out()]
    return {
        name: tuple(rows[:, [group == name for group in groups]] for rows in columns)
        for name in dict.fromkeys(groups)
    }
