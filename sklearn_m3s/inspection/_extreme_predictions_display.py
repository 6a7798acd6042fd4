"""Frames of the videos that a model predicts best and worst, too high and too low."""

from sklearn.utils.validation import check_is_fitted

from sklearn_m3s._optional import import_optional
from sklearn_m3s.inspection._extreme_predictions import extreme_predictions
from sklearn_m3s.inspection._thumbnails import label, make_axes, read_pictures, show_picture
from sklearn_m3s.video import check_videos


class ExtremePredictionsDisplay:
    """The videos predicted best and worst, too high and too low (Figs. 4 and 5).

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`. All parameters
    are stored as attributes.

    Parameters
    ----------
    extremes : DataFrame
        As :func:`~sklearn_m3s.inspection.extreme_predictions` returns it.
    pictures : dict of int to ndarray of shape (H, W, 3) or None
        What is shown of each video, by the column ``row`` of `extremes`; None writes its name.
    labels : dict of int to str
        The names of the videos, likewise.

    Attributes
    ----------
    axes_ : ndarray of shape (n_kinds, n_videos), of Axes
        Axes with the pictures, one row a kind.
    bounding_ax_ : Axes or None
        The axes that were divided, where a single one was given.
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

    def __init__(self, *, extremes, pictures, labels):
        self.extremes = extremes
        self.pictures = pictures
        self.labels = labels

    def plot(self, ax=None):
        """Draw a grid of frames, titled with score and prediction.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            A single one is divided into the grid, an array of as many axes as the grid has is
            drawn into; None makes a new figure.

        Returns
        -------
        display : ExtremePredictionsDisplay
            The same object.

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
    def from_estimator(cls, model, X, y, *, n_videos=3, ax=None):
        """Predict videos by a fitted model, and draw the extremes.

        Parameters
        ----------
        model : regressor
            Fitted.
        X : sequence of length n_videos
            Videos, preferably not those of the training.
        y : array-like of shape (n_videos,)
            Their memorability scores.
        n_videos : int, default=3
            How many of each kind, at least 1.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : ExtremePredictionsDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If `model` is not fitted.
        TypeError, ValueError
            As :meth:`from_predictions` does.
        VideoError
            If the model cannot read videos.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from matplotlib import pyplot as plt
        >>> from sklearn.dummy import DummyRegressor
        >>> from sklearn_m3s.inspection import ExtremePredictionsDisplay
        >>> videos = [np.full((2, 32, 32, 3), grey, dtype=np.uint8) for grey in (0, 100, 200)]
        >>> scores = [0.5, 0.75, 1.0]
        >>> model = DummyRegressor().fit(videos, scores)
        >>> display = ExtremePredictionsDisplay.from_estimator(model, videos, scores)
        >>> display.extremes.loc[0, "video"]
        'X[1] (array of shape (2, 32, 32, 3))'
        >>> plt.close(display.figure_)
        """
        import_optional("matplotlib.pyplot")
        check_is_fitted(model)
        return cls.from_predictions(X, y, model.predict(X), n_videos=n_videos, ax=ax)

    @classmethod
    def from_predictions(cls, videos, y_true, y_pred, *, n_videos=3, ax=None):
        """Draw the extremes of given predictions.

        Parameters
        ----------
        videos : sequence of length n_videos
            Paths to videos or images and uint8 RGB arrays of shape (T, H, W, 3) or (H, W, 3).
        y_true : array-like of shape (n_videos,)
            Memorability scores.
        y_pred : array-like of shape (n_videos,)
            Predicted scores.
        n_videos : int, default=3
            How many of each kind, at least 1.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.

        Returns
        -------
        display : ExtremePredictionsDisplay
            What was drawn.

        Raises
        ------
        TypeError, ValueError
            If `videos` is no sequence of videos, lengths differ, or a number is not finite.

        Warns
        -----
        M3SWarning
            If a video that is shown cannot be read: its name stands for its picture.
        """
        import_optional("matplotlib.pyplot")
        videos = check_videos(videos)
        extremes = extreme_predictions(videos, y_true, y_pred, n_videos=n_videos)
        rows = extremes["row"].unique().tolist()
        labels = {row: label(videos[row], row) for row in rows}
        return cls(extremes=extremes, pictures=read_pictures(videos, rows), labels=labels).plot(ax)
