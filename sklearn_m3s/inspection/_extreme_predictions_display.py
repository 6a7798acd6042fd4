"""Show frames of the videos with the best and worst predictions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._blocks import Table, Videos
from sklearn_m3s.inspection._extreme_predictions import extreme_predictions
from sklearn_m3s.inspection._plotting import label, make_axes, read_pictures, show_picture
from sklearn_m3s.video import check_videos


@dataclass(kw_only=True, eq=False, repr=False)
class ExtremePredictionsDisplay:
    """The videos with the best and worst predictions, too high and too low (figures 4 and 5).

    Use :meth:`from_estimator` or :meth:`from_predictions` to make a display. All parameters are
    stored as attributes.

    Parameters
    ----------
    extremes : DataFrame
        Result of :func:`~sklearn_m3s.inspection.extreme_predictions`.
    pictures : dict of int to ndarray of shape (H, W, 3) or None
        Picture of each video, by the column ``row`` of `extremes`. For None, the label is shown
        instead.
    labels : dict of int to str
        Names of the videos, by the same column.

    Attributes
    ----------
    axes_ : ndarray of shape (n_kinds, n_videos), of Axes
        Axes with the pictures, one row per kind.
    bounding_ax_ : Axes or None
        The axes that were divided, if a single one was given.
    figure_ : Figure
        Figure with the axes.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from sklearn_m3s.inspection import ExtremePredictionsDisplay
    >>> videos = [np.full((2, 32, 32, 3), grey, dtype=np.uint8) for grey in (0, 100, 200)]
    >>> display = ExtremePredictionsDisplay.from_predictions(
    ...     videos, [0.5, 0.75, 1.0], [0.75, 0.75, 0.5], n_videos=2
    ... )
    >>> display.axes_.shape
    (4, 2)
    >>> plt.close(display.figure_)
    """

    extremes: Table
    pictures: dict[int, np.ndarray | None]
    labels: dict[int, str]

    def plot(self, ax: Any = None) -> "ExtremePredictionsDisplay":
        """Draw a grid of frames, with score and prediction as titles.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            A single axes is divided into the grid. An array needs one axes per place of the grid.
            None makes a new figure.

        Returns
        -------
        ExtremePredictionsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` is an array of another size, or was divided before.
        """
        groups = list(self.extremes.groupby("kind", sort=False))
        shape = (len(groups), max(len(group) for _, group in groups))
        self.axes_, self.bounding_ax_ = make_axes(ax, shape, size=(2, 2.4))
        for panels, (kind, group) in zip(self.axes_, groups, strict=True):
            for panel, video in zip(panels, group.itertuples(), strict=False):
                show_picture(panel, self.pictures[video.row], self.labels[video.row])
                title = f"score {video.score:.2f}\npredicted {video.predicted:.2f}"
                panel.set_title(title, fontsize="small")
            panels[0].set_ylabel(kind)
            for panel in panels[len(group) :]:
                panel.set_axis_off()
        self.figure_ = self.axes_[0, 0].figure
        return self

    @classmethod
    def from_estimator(
        cls, model: BaseEstimator, X: Videos, y: ArrayLike, *, n_videos: int = 3, ax: Any = None
    ) -> "ExtremePredictionsDisplay":
        """Predict videos with a fitted model, and draw the extremes.

        Parameters
        ----------
        model : regressor
            A fitted model.
        X : sequence of length n_videos
            Videos, preferably outside the training set.
        y : array-like of shape (n_videos,)
            Their memorability scores.
        n_videos : int, default=3
            Largest number of videos of each kind, at least 1.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        ExtremePredictionsDisplay
            The drawn display.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError, ValueError
            In the cases of :meth:`from_predictions`.

        Warns
        -----
        M3SWarning
            If a shown video cannot be read. Its name replaces its picture.
        """
        import_optional("matplotlib.pyplot", "inspection")
        check_is_fitted(model)
        return cls.from_predictions(X, y, model.predict(X), n_videos=n_videos, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        videos: Videos,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        n_videos: int = 3,
        ax: Any = None,
    ) -> "ExtremePredictionsDisplay":
        """Draw the extremes of given predictions.

        Parameters
        ----------
        videos : sequence of length n_videos
            Paths to videos or images, and uint8 RGB arrays.
        y_true : array-like of shape (n_videos,)
            Memorability scores.
        y_pred : array-like of shape (n_videos,)
            Predicted scores, preferably of videos outside the training set.
        n_videos : int, default=3
            Largest number of videos of each kind, at least 1.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        ExtremePredictionsDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If `videos` is not a sequence of videos.
        ValueError
            If `videos` is empty, lengths differ, a number is not finite, or `ax` is an array of
            another size or was divided before.

        Warns
        -----
        M3SWarning
            If a shown video cannot be read. Its name replaces its picture.
        """
        import_optional("matplotlib.pyplot", "inspection")
        videos = check_videos(videos)
        extremes = extreme_predictions(videos, y_true, y_pred, n_videos=n_videos)
        rows = extremes["row"].unique().tolist()
        labels = {row: label(videos[row], row) for row in rows}
        return cls(extremes=extremes, pictures=read_pictures(videos, rows), labels=labels).plot(ax)
