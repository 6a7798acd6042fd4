"""Predict each video by each tier alone and by the whole model."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods

from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._blocks import STUDY_RULES, CrossValidation, Row, Study, Table, Videos


@check_arguments(model=[HasMethods(["fit"])], **STUDY_RULES)
def tier_predictions(
    model: Pipeline,
    X: Videos,
    y: ArrayLike,
    *,
    cv: CrossValidation = None,
    groups: ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> Table:
    """Predict each video by each tier alone and by the whole model (figure 3 of the paper).

    Parameters
    ----------
    model : Pipeline
        A model from `make_m3s`. In each fold, a clone of its regressor is fitted to the columns of
        each tier, to those of all similarities, and to all columns.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn. None means 5 folds in the order of the videos.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, as in :func:`~sklearn_m3s.inspection.ablation_study`. Folds of
        groups are not shuffled.
    n_jobs : int, default=None
        Number of fits at a time; see joblib.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits. The tiers have their own `verbose`.

    Returns
    -------
    DataFrame
        One row per video, in the order of `X`. The column ``score`` has the true scores. The
        columns ``all`` and one per tier have predictions by models that were fitted without the
        video. They are the mean if a video is in several test folds, and NaN if it is in none.

    Raises
    ------
    ValueError
        In the cases of :func:`~sklearn_m3s.inspection.ablation_study`.
    VideoError
        If videos cannot be read. The rows of the others are in the cache, if the tiers have one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, figure 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.inspection import tier_predictions
    >>> X = np.random.default_rng(0).normal(size=(60, 2))  # rows in place of videos
    >>> model = make_m3s(raw=FunctionTransformer(), scene=None, event=None, regressor=Ridge())
    >>> list(tier_predictions(model, X, X[:, 0]).columns)
    ['score', 'all', 'raw']
    """
    study = Study(model, X, y, cv, groups)
    blocks = [*study.tiers, *study.measures]
    rows = {"all": Row(blocks, study.regressor)}
    rows |= {name: Row([name], study.regressor) for name in blocks}
    predictions, _ = study.predict(rows, n_jobs, verbose)
    columns = {name: _mean(folds, len(study.y)) for name, folds in predictions.items()}
    return import_optional("pandas", "inspection").DataFrame({"score": study.y} | columns)


def _mean(folds: list[tuple[np.ndarray, np.ndarray]], n_videos: int) -> np.ndarray:
    """Return the mean prediction of each video."""
    total, count = np.zeros(n_videos), np.zeros(n_videos)
    for test, predicted in folds:
        total[test] += predicted
        count[test] += 1
    return np.divide(total, count, out=np.full(n_videos, np.nan), where=count > 0)
