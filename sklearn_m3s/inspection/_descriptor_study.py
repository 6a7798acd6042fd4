"""Compare the descriptors of a tier, each alone."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods

from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._blocks import (
    STUDY_RULES,
    Blocks,
    CrossValidation,
    Fold,
    Row,
    Seed,
    Table,
    Videos,
    check_study,
    describe_for,
    make_folds,
    predict_rows,
    take_videos,
)
from sklearn_m3s.inspection._intervals import draw_counts, make_table
from sklearn_m3s.regression import MLPRegressor


@check_arguments(
    tier=[HasMethods(["fit_transform", "transform", "get_feature_names_out"])],
    regressor=[HasMethods(["fit", "predict"]), None],
    **STUDY_RULES,
)
def descriptor_study(
    tier: BaseEstimator,
    X: Videos,
    y: ArrayLike,
    *,
    regressor: BaseEstimator | None = None,
    cv: CrossValidation = None,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: bool | int = False,
) -> Table:
    """Compare the descriptors of a tier: each alone, all together, and a constant (Table 1).

    Parameters
    ----------
    tier : transformer
        Maps videos to named columns, such as `RawPerception`. Columns whose names differ only in a
        number at the end (``hog0`` to ``hog9``) are one descriptor.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    regressor : regressor, default=None
        Regressor that is fitted to each descriptor. None means a `StandardScaler` and an
        `MLPRegressor` with one hidden layer of 64 units.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn. None means 5 folds in the order of the videos.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, as in :func:`~sklearn_m3s.inspection.ablation_study`.
    n_bootstrap : int, default=1000
        Number of bootstrap samples of the test videos, or of the groups. 0 gives no intervals.
    n_jobs : int, default=None
        Number of fits at a time; see joblib.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap, of grouped folds and of the default regressor.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits.

    Returns
    -------
    DataFrame
        The row ``"all"``, one row per descriptor, and the row ``"constant"``, with the columns of
        :func:`~sklearn_m3s.inspection.ablation_study` except ``delta_spearman``.

    Raises
    ------
    ValueError
        If `y` is not finite, there are fewer videos or groups than folds, or a group is on both
        sides of a fold.
    VideoError
        If videos cannot be read. The descriptions of the others are in the cache, if there is one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, Table 1.

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
    y = check_study(X, y)
    if regressor is None:
        head = MLPRegressor(hidden_layer_sizes=(64,), random_state=random_state)
        regressor = make_pipeline(StandardScaler(), head)
    folds = make_folds(cv, X, y, groups, random_state)
    X = describe_for(tier, X)
    names = list(_fit_descriptors(tier, X, y, folds[0]))  # only a fitted tier knows its names
    rows = {"all": Row(names, regressor)} | {name: Row([name], regressor) for name in names}
    predictions, sizes = predict_rows(
        rows | {"constant": Row(names, DummyRegressor())},
        lambda fold: _fit_descriptors(tier, X, y, fold),
        y,
        folds,
        n_jobs,
        verbose,
    )
    counts = draw_counts(len(y), n_bootstrap, random_state, groups)
    return make_table(predictions, sizes, y, counts)


def _fit_descriptors(tier: BaseEstimator, X: Videos, y: np.ndarray, fold: Fold) -> Blocks:
    """Fit the tier on the training videos, and return the columns of each descriptor."""
    train, test = (take_videos(X, rows) for rows in fold)
    tier = clone(tier)
    columns = np.asarray(tier.fit_transform(train, y[fold[0]])), np.asarray(tier.transform(test))
    groups = [name.rstrip("0123456789") for name in tier.get_feature_names_out()]
    blocks = {}
    for name in dict.fromkeys(groups):
        chosen = [group == name for group in groups]
        blocks[name] = columns[0][:, chosen], columns[1][:, chosen]
    return blocks
