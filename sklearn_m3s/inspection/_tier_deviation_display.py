"""Show how far each tier and the whole model deviate from the scores of some videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_scalar

from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_scores
from sklearn_m3s.inspection._blocks import CrossValidation, Videos, videos_of
from sklearn_m3s.inspection._plotting import label, read_pictures, show_picture
from sklearn_m3s.inspection._tier_predictions import tier_predictions
from sklearn_m3s.video import check_videos

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(kw_only=True, eq=False, repr=False)
class TierDeviationDisplay:
    """Deviation of the tiers and of the whole model from the scores of some videos (figure 3).

    A deviation is the prediction minus the score. Bars to the right are predictions that are too
    high. Use :meth:`from_estimator` or :meth:`from_predictions` to make a display. All parameters
    are stored as attributes.

    Parameters
    ----------
    deviations : dict of str to ndarray of shape (n_shown,)
        Deviations by the name of the tier, drawn in this order. NaN draws no bar.
    labels : list of str of length n_shown
        Names of the videos, from top to bottom.
    pictures : list of length n_shown of ndarray of shape (H, W, 3) or None, default=None
        Pictures beside the bars. None leaves a picture out.

    Attributes
    ----------
    bars_ : dict of str to BarContainer
        The bars of each tier.
    ax_ : Axes
        Axes with the bars.
    figure_ : Figure
        Figure with the axes.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from sklearn_m3s.inspection import TierDeviationDisplay
    >>> predictions = {"all": [0.8, 0.6], "raw": [0.75, 0.75], "scene": [0.85, 0.7]}
    >>> display = TierDeviationDisplay.from_predictions([0.875, 0.5], predictions)
    >>> display.deviations["raw"]
    array([-0.125, 0.25 ])
    >>> plt.close(display.figure_)
    """

    deviations: dict[str, np.ndarray]
    labels: Sequence[str]
    pictures: Sequence[np.ndarray | None] | None = None

    def plot(
        self, ax: "Axes | None" = None, *, bar_kwargs: dict[str, Any] | None = None
    ) -> "TierDeviationDisplay":
        """Draw horizontal bars for each video, coloured by tier.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw into. None makes a new figure.
        bar_kwargs : dict, default=None
            Keywords for matplotlib's `barh`.

        Returns
        -------
        TierDeviationDisplay
            The display itself.
        """
        pyplot = import_optional("matplotlib.pyplot", "inspection")
        n_videos, height = len(self.labels), 0.8 / len(self.deviations)
        if ax is None:
            _, ax = pyplot.subplots(figsize=(8, 1 + n_videos), layout="constrained")
        self.bars_ = {}
        for i, (name, values) in enumerate(self.deviations.items()):
            places = np.arange(n_videos) - 0.4 + height * (i + 0.5)
            style = {"color": f"C{i}", "label": name} | (bar_kwargs or {})
            self.bars_[name] = ax.barh(places, values, height, **style)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set(xlabel="prediction - score", ylim=(n_videos - 0.5, -0.5))
        ax.set_yticks(range(n_videos), self.labels, parse_math=False)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, frameon=False)
        for i, picture in enumerate(self.pictures or []):
            if picture is not None:
                beside = ax.inset_axes((1.01, 1 - (i + 0.95) / n_videos, 0.2, 0.9 / n_videos))
                show_picture(beside, picture, self.labels[i])
                beside.set_anchor("W")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        model: Pipeline,
        X: Videos,
        y: ArrayLike,
        *,
        cv: CrossValidation = None,
        groups: ArrayLike | None = None,
        rows: int | Sequence[int] = 4,
        ax: "Axes | None" = None,
        bar_kwargs: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> "TierDeviationDisplay":
        """Predict videos by each tier alone and by the whole model, and draw some of them.

        Clones of the model are fitted in cross-validation, as in
        :func:`~sklearn_m3s.inspection.tier_predictions`.

        Parameters
        ----------
        model : Pipeline
            A model from `make_m3s`, fitted or not.
        X : sequence of length n_videos, or matrix
            Videos, or features for a model of `make_m3s_from_features`, drawn without pictures.
        y : array-like of shape (n_videos,)
            Memorability scores.
        cv : int, cross-validation generator, iterable or None, default=None
            As in scikit-learn. None means 5 folds in the order of the videos.
        groups : array-like of shape (n_videos,), default=None
            The group of each video, as in :func:`~sklearn_m3s.inspection.ablation_study`.
        rows : int or array-like of int, default=4
            Videos to show, as for :meth:`from_predictions`.
        ax : Axes, default=None
            Axes to draw into. None makes a new figure.
        bar_kwargs : dict, default=None
            Keywords for matplotlib's `barh`.
        n_jobs : int, default=None
            Number of fits at a time; see joblib.
        verbose : bool or int, default=False
            Whether to show a progress bar of the fits.

        Returns
        -------
        TierDeviationDisplay
            The drawn display.

        Raises
        ------
        ValueError
            In the cases of :func:`~sklearn_m3s.inspection.ablation_study` and
            :meth:`from_predictions`.
        VideoError
            If videos cannot be read.
        """
        import_optional("matplotlib.pyplot", "inspection")
        videos = videos_of(X)
        table = tier_predictions(model, X, y, cv=cv, groups=groups, n_jobs=n_jobs, verbose=verbose)
        return cls.from_predictions(
            None, table, videos=videos, rows=rows, ax=ax, bar_kwargs=bar_kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike | None,
        predictions: "pandas.DataFrame | Mapping[str, ArrayLike]",
        *,
        videos: Videos | None = None,
        rows: int | Sequence[int] = 4,
        ax: "Axes | None" = None,
        bar_kwargs: dict[str, Any] | None = None,
    ) -> "TierDeviationDisplay":
        """Draw the deviations of given predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_videos,) or None
            Memorability scores. None means the column ``score`` of `predictions`.
        predictions : DataFrame or dict of str to array-like of shape (n_videos,)
            Predictions by the name of the tier, such as the result of
            :func:`~sklearn_m3s.inspection.tier_predictions`. A column ``score`` is not drawn.
        videos : sequence of length n_videos, default=None
            Videos. Their middle frames are shown beside the bars.
        rows : int or array-like of int, default=4
            Indices of the videos to show. An int is the number of videos. They are taken at even
            steps from the most to the least memorable of those with all predictions.
        ax : Axes, default=None
            Axes to draw into. None makes a new figure.
        bar_kwargs : dict, default=None
            Keywords for matplotlib's `barh`.

        Returns
        -------
        TierDeviationDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If there are no scores or no predictions, lengths differ, or `rows` is out of range.

        Warns
        -----
        M3SWarning
            If a shown video cannot be read. Its picture is left out.
        """
        import_optional("matplotlib.pyplot", "inspection")
        scores, columns = _check(y_true, predictions)
        chosen = _choose(rows, scores, columns)
        names, pictures = [f"video {row}" for row in chosen], None
        if videos is not None:
            videos = check_videos(videos)
            check_consistent_length(scores, videos)
            names = [label(videos[row], row) for row in chosen]
            read = read_pictures(videos, chosen)
            pictures = [read[row] for row in chosen]
        labels = [
            f"{name}\nscore {scores[row]:.2f}" for name, row in zip(names, chosen, strict=True)
        ]
        deviations = {name: (values - scores)[chosen] for name, values in columns.items()}
        display = cls(deviations=deviations, labels=labels, pictures=pictures)
        return display.plot(ax, bar_kwargs=bar_kwargs)


def _check(
    y_true: ArrayLike | None, predictions: "pandas.DataFrame | Mapping[str, ArrayLike]"
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the scores, and the predictions by name, as vectors of the same length."""
    columns = dict(predictions)
    score = columns.pop("score", None)
    y_true = score if y_true is None else y_true
    if y_true is None or not columns:
        raise ValueError(
            f"predictions has the columns {list(predictions)}: pass at least one tier, and the "
            "scores as y_true or as a column 'score'"
        )
    scores = check_scores(y_true, "y_true")
    columns = {
        name: check_scores(values, str(name), ensure_all_finite="allow-nan")
        for name, values in columns.items()
    }
    check_consistent_length(scores, *columns.values())
    return scores, columns


def _choose(
    rows: int | Sequence[int], scores: np.ndarray, columns: dict[str, np.ndarray]
) -> np.ndarray:
    """Return the videos to show, from top to bottom."""
    n_videos = len(scores)
    if np.ndim(rows):
        given = np.asarray(rows).tolist()
        if not given or any(row not in range(n_videos) for row in given):
            raise ValueError(f"rows={given}: pass indices from 0 to {n_videos - 1}")
        return np.asarray(given)
    n_rows = check_scalar(rows, "rows", Integral, min_val=1)
    known = np.flatnonzero(np.isfinite(list(columns.values())).all(axis=0))
    if not len(known):
        raise ValueError("predictions has NaN for every video: pass videos with all predictions")
    steps = np.linspace(0, len(known) - 1, min(n_rows, len(known))).round().astype(int)
    return known[np.argsort(-scores[known], kind="stable")][steps]
