"""Write a report of videos as one HTML file."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s._files import PathLike, written_aside
from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.inspection._blocks import Videos
from sklearn_m3s.report._collect import collect
from sklearn_m3s.report._render import render


@check_arguments(
    model=[HasMethods(["predict"])],
    path=[str, os.PathLike],
    scores=["array-like", None],
    timeline=["boolean"],
    title=[str, None],
    n_jobs=[int, None],
    verbose=["verbose"],
)
def make_report(
    model: BaseEstimator,
    videos: Videos,
    path: PathLike,
    *,
    scores: ArrayLike | None = None,
    reference: Any = None,
    timeline: bool = False,
    title: str | None = None,
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> dict[str, str]:
    """Predict videos, and write a report of them as one HTML file.

    The report can be read offline and without JavaScript. It can be sorted, searched, filtered and
    printed.

    Parameters
    ----------
    model : regressor
        A fitted model from :func:`~sklearn_m3s.make_m3s`, or a search or `PredictionIntervals` of
        it. Any other regressor of videos gives a report of scores only.
    videos : sequence of length n_videos
        Paths to videos or images, and uint8 RGB arrays. If they are `DescribedVideos`, their rows
        are used.
    path : str or os.PathLike
        The HTML file to write.
    scores : array-like of shape (n_videos,) or (n_videos, n_targets), default=None
        True scores to compare with the predictions. NaN for an unknown score. The columns of a
        DataFrame name the targets (the kinds of scores).
    reference : ReferenceSet, default=None
        Training videos: their scores, out-of-fold predictions, features and thumbnails. None leaves
        out the predictions of each tier, the descriptors and the nearest training videos.
    timeline : bool, default=False
        Whether to show memorability over time. This reads each video once more, and predicts each
        of its windows.
    title : str, default=None
        Heading of the report. None means a heading with the number of videos.
    n_jobs : int, default=None
        Number of worker processes that read videos; see joblib. None means the setting of the
        tiers.
    verbose : bool or int, default=False
        Whether to show progress bars.

    Returns
    -------
    dict of str to str
        The cause of failure of each bad video, by its name.

    Raises
    ------
    ImportError
        If Jinja2 is not installed, or, with a reference set, pandas.
    NotFittedError
        If the model is not fitted.
    ValueError
        If `scores` has another length than `videos`, or other targets than the model, or if
        `reference` is from another model.

    See Also
    --------
    sklearn_m3s.inspection.tier_predictions : Predict the training videos by each tier alone.

    Notes
    -----
    Each file is decoded once for all tiers and its thumbnails. A bad video is listed with its
    cause. It does not affect the others.

    The prediction of a tier comes from a clone of the regressor, fitted to the columns of this tier
    in the reference set, as in `tier_predictions`. Intervals need `PredictionIntervals`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import RawPerception, make_m3s
    >>> from sklearn_m3s.report import make_report
    >>> rng = np.random.default_rng(0)
    >>> videos = [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(6)]
    >>> raw = RawPerception(descriptors=["contrast", "brightness"])
    >>> model = make_m3s(raw, scene=None, event=None, regressor=Ridge())
    >>> model = model.fit(videos, rng.uniform(size=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     failures = make_report(model, videos, path, title="Six videos of noise")
    ...     print(path.read_text()[:15])
    <!doctype html>
    """
    import_optional("jinja2", "cli")  # fails before hours of work
    check_is_fitted(model)
    report = collect(
        model,
        videos,
        scores=scores,
        reference=reference,
        timeline=timeline,
        title=title,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    page = render(report, datetime.now(UTC))
    with written_aside(Path(path)) as aside:
        aside.write_text(page, encoding="utf-8", errors="replace")  # names may not be valid Unicode
    return {entry.name: entry.failure for entry in report.entries if entry.failure}
