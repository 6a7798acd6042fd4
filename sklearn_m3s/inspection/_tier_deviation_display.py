"""How far each tier alone, and the whole model, is from the scores of some videos."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d
from sklearn.utils.validation import check_array

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._thumbnails import label, read_pictures, show_picture
from sklearn_m3s.inspection._tier_predictions import tier_predictions
from sklearn_m3s.video import check_videos


class TierDeviationDisplay:
    """Deviation of the tiers and of the whole model from the scores of some videos (Fig. 3).

    A deviation is a prediction minus the score: bars to the right say too memorable. It is
    recommended to use :meth:`from_estimator` or :meth:`from_predictions`. All parameters are
    stored as attributes.

    Parameters
    ----------
    deviations : dict of str to ndarray of shape (n_shown,)
        Deviations by the name of a tier, drawn in this order; no bar where NaN.
    labels : list of str of length n_shown
        Names of the videos, from top to bottom.
    pictures : list of length n_shown of ndarray of shape (H, W, 3) or None, default=None
        What is shown beside each video; None leaves it out.

    Attributes
    ----------
    bars_ : dict of str to BarContainer
        The bars of each tier.
    ax_ : Axes
        Axes with the bars.
    figure_ : Figure
        Figure with the axes.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, section 6.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from matplotlib import pyplot as plt
    >>> from sklearn_m3s.inspection import TierDeviationDisplay
    >>> predictions = {"all": [0.8, 0.6], "raw": [0.75, 0.75], "scene": [0.85, 0.7]}
    >>> display = TierDeviationDisplay.from_predictions([0.875, 0.5], predictions)
    >>> display.deviations["raw"]
    array([-0.125, 0.25 ])
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, deviations, labels, pictures=None):
        self.deviations = deviations
        self.labels = labels
        self.pictures = pictures

    def plot(self, ax=None, *, bar_kwargs=None):
        """Draw a group of horizontal bars a video, coloured by tier.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw into; None makes a new figure.
        bar_kwargs : dict, default=None
            Passed to matplotlib's `barh`.

        Returns
        -------
        display : TierDeviationDisplay
            The same object.
        """
        pyplot = import_optional("matplotlib.pyplot")
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
                beside = ax.inset_axes([1.01, 1 - (i + 0.95) / n_videos, 0.2, 0.9 / n_videos])
                show_picture(beside, picture, self.labels[i])
                beside.set_anchor("W")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        y,
        *,
        cv=None,
        rows=4,
        n_jobs=None,
        verbose=False,
        ax=None,
        bar_kwargs=None,
    ):
        """Predict each video by each tier alone and by the whole model, and draw some of them.

        Parameters
        ----------
        model : Pipeline
            As `make_m3s` returns it; clones of it are fitted, as
            :func:`~sklearn_m3s.inspection.tier_predictions` does.
        X : sequence of length n_videos
            Videos.
        y : array-like of shape (n_videos,)
            Memorability scores.
        cv : int, cross-validation generator, iterable or None, default=None
            As in scikit-learn; None is 5 folds in the order of the videos.
        rows : int or array-like of int, default=4
            Which videos to show: an int is so many, at even steps from the most to the least
            memorable.
        n_jobs : int, default=None
            Regressors fitted at a time; see joblib.
        verbose : bool or int, default=False
            Whether to show a progress bar of the fits.
        ax : Axes, default=None
            Axes to draw into; None makes a new figure.
        bar_kwargs : dict, default=None
            Passed to matplotlib's `barh`.

        Returns
        -------
        display : TierDeviationDisplay
            What was drawn.

        Raises
        ------
        TypeError, ValueError
            As :meth:`from_predictions` and :func:`~sklearn_m3s.inspection.tier_predictions` do.
        VideoError
            If videos cannot be read.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from matplotlib import pyplot as plt
        >>> from sklearn.linear_model import Ridge
        >>> from sklearn.preprocessing import FunctionTransformer
        >>> from sklearn_m3s import make_m3s
        >>> from sklearn_m3s.inspection import TierDeviationDisplay
        >>> rng = np.random.default_rng(0)
        >>> videos = [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(10)]
        >>> raw = FunctionTransformer(lambda X: np.array([x.mean((0, 1, 2)) for x in X]))
        >>> model = make_m3s(raw=raw, scene=None, event=None, regressor=Ridge())
        >>> display = TierDeviationDisplay.from_estimator(model, videos, rng.uniform(size=10))
        >>> list(display.bars_)
        ['all', 'raw']
        >>> plt.close(display.figure_)
        """
        import_optional("matplotlib.pyplot")
        videos = check_videos(X)
        table = tier_predictions(model, X, y, cv=cv, n_jobs=n_jobs, verbose=verbose)
        return cls.from_predictions(
            None, table, videos=videos, rows=rows, ax=ax, bar_kwargs=bar_kwargs
        )

    @classmethod
    def from_predictions(
        cls, y_true, predictions, *, videos=None, rows=4, ax=None, bar_kwargs=None
    ):
        """Draw the deviations of given predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_videos,) or None
            Memorability scores. None takes the column ``score`` of `predictions`.
        predictions : DataFrame or dict of str to array-like of shape (n_videos,)
            Predictions by the name of a tier, such as
            :func:`~sklearn_m3s.inspection.tier_predictions` returns. A column ``score`` is not
            drawn.
        videos : sequence of length n_videos, default=None
            Videos, whose middle frames are shown beside the bars.
        rows : int or array-like of int, default=4
            Which videos to show: an int is so many, at even steps from the most to the least
            memorable, of those that have all predictions.
        ax : Axes, default=None
            Axes to draw into; None makes a new figure.
        bar_kwargs : dict, default=None
            Passed to matplotlib's `barh`.

        Returns
        -------
        display : TierDeviationDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If there are no scores or no predictions, lengths differ, or `rows` is out of range.

        Warns
        -----
        M3SWarning
            If a video that is shown cannot be read: its picture is left blank.
        """
        import_optional("matplotlib.pyplot")
        y_true, columns = _check(y_true, predictions)
        rows = _choose(rows, y_true, columns)
        names, pictures = [f"video {row}" for row in rows], None
        if videos is not None:
            videos = check_videos(videos)
            check_consistent_length(y_true, videos)
            names = [label(videos[row], row) for row in rows]
            read = read_pictures(videos, rows)
            pictures = [read[row] for row in rows]
        labels = [f"{name}\nscore {y_true[row]:.2f}" for name, row in zip(names, rows, strict=True)]
        deviations = {name: (values - y_true)[rows] for name, values in columns.items()}
        display = cls(deviations=deviations, labels=labels, pictures=pictures)
        return display.plot(ax, bar_kwargs=bar_kwargs)


def _check(y_true, predictions):
    """Return the scores, and the predictions by name, as vectors of one length."""
    columns = dict(predictions)
    score = columns.pop("score", None)
    y_true = score if y_true is None else y_true
    if y_true is None or not columns:
        raise ValueError(
            f"predictions has the columns {list(predictions)}: give at least one tier, and the "
            "scores as y_true or as a column 'score'"
        )
    y_true = column_or_1d(check_array(y_true, ensure_2d=False, dtype=float, input_name="y_true"))
    rules = {"ensure_2d": False, "dtype": float, "ensure_all_finite": "allow-nan"}
    columns = {
        name: column_or_1d(check_array(values, input_name=str(name), **rules))
        for name, values in columns.items()
    }
    check_consistent_length(y_true, *columns.values())
    return y_true, columns


def _choose(rows, y_true, columns):
    """Return the videos to show, from top to bottom."""
    n_videos = len(y_true)
    if np.ndim(rows):
        wrong = [row for row in rows if row not in range(n_videos)]
        if wrong or not len(rows):
            raise ValueError(f"rows={list(rows)}: give indices from 0 to {n_videos - 1}")
        return np.asarray(rows, dtype=int)
    check_scalar(rows, "rows", Integral, min_val=1)
    known = np.flatnonzero(np.isfinite(list(columns.values())).all(axis=0))
    if not len(known):
        raise ValueError("predictions has a NaN for every video: none can be shown")
    steps = np.linspace(0, len(known) - 1, min(rows, len(known))).round().astype(int)
    return known[np.argsort(-y_true[known], kind="stable")][steps]
