"""What each tier alone makes of each video, beside the whole model."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import validate_params

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._folds import STUDY_RULES, Row, check_scores
from sklearn_m3s.inspection._model import cross_predict


@validate_params(
    {
        "model": [Pipeline],
        **{name: STUDY_RULES[name] for name in ("cv", "n_jobs", "verbose")},
    },
    prefer_skip_nested_validation=True,
)
def tier_predictions(model, X, y, *, cv=None, n_jobs=None, verbose=False):
    """Predict each video by each tier alone and by the whole model (Fig. 3).

    Parameters
    ----------
    model : Pipeline
        As `make_m3s` returns it. In each fold a clone of its regressor is fitted on the columns of
        each tier, on those of all similarities, and on all columns.
    X : sequence of length n_videos
        Videos.
    y : array-like of shape (n_videos,)
        Memorability scores.
    cv : int, cross-validation generator, iterable or None, default=None
        As in scikit-learn; None is 5 folds in the order of the videos.
    n_jobs : int, default=None
        Regressors fitted at a time; see joblib.
    verbose : bool or int, default=False
        Whether to show a progress bar of the fits; the tiers of the model show their own.

    Returns
    -------
    DataFrame
        A row a video, in the order of `X`; columns ``score`` (the true one), ``all`` and one for
        each tier: predictions for a video that was not in training, their mean where it was in
        several test folds, NaN where it was in none.

    Raises
    ------
    ValueError
        If the model is no pipeline of tiers and a regressor; if `y` is not finite; if there are
        fewer videos than folds.
    VideoError
        If videos cannot be read; what was described is in the cache, if the tiers have one.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 6.

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
    y = check_scores(X, y)
    predictions, _ = cross_predict(model, _make_rows, X, y, cv, n_jobs=n_jobs, verbose=verbose)
    columns = {name: _mean(folds, len(y)) for name, folds in predictions.items()}
    return import_optional("pandas").DataFrame({"score": y} | columns)


def _make_rows(tiers, measures, regressor):
    blocks = [*tiers, *measures]
    rows = {"all": Row(blocks, regressor)}
    return rows | {name: Row([name], regressor) for name in blocks}


def _mean(folds, n_videos):
    """Return the mean prediction of each video."""
    total, count = np.zeros(n_videos), np.zeros(n_videos)
    for test, predicted in folds:
        total[test] += predicted
        count[test] += 1
    return np.divide(total, count, out=np.full(n_videos, np.nan), where=count > 0)
