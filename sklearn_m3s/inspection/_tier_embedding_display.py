"""What each tier holds for alike: its features on a plane, with frames of the videos."""

import warnings
from itertools import chain

import numpy as np
from sklearn.manifold import TSNE
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_m3s._optional import import_optional
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection._thumbnails import make_axes, read_pictures
from sklearn_m3s.video import check_videos, video_name

_FEWEST = 6  # t-SNE draws fewer into one point
_PERPLEXITY = 30.0
_SIDE = 0.1  # of a thumbnail, in widths of the embedding


class TierEmbeddingDisplay:
    """The features of each tier in two dimensions by t-SNE, with thumbnails (Fig. 6).

    It is recommended to use :meth:`from_estimator` or :meth:`from_features`. All parameters are
    stored as attributes.

    Parameters
    ----------
    embeddings : dict of str to ndarray of shape (n_videos, 2)
        Points by the name of a tier.
    thumbnails : dict of str to dict of int to ndarray of shape (H, W, 3), default=None
        For each tier, the pictures to show, by the row of their point.
    y : ndarray of shape (n_videos,), default=None
        Numbers that colour the points.

    Attributes
    ----------
    scatters_ : dict of str to PathCollection
        The points of each tier.
    axes_ : ndarray of shape (n_tiers,), of Axes
        One a tier.
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
    >>> from sklearn_m3s.inspection import TierEmbeddingDisplay
    >>> rng = np.random.default_rng(0)
    >>> videos = [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(6)]
    >>> features = {"raw": rng.normal(size=(6, 3)), "scene": rng.normal(size=(6, 8))}
    >>> display = TierEmbeddingDisplay.from_features(features, videos, random_state=0)
    >>> display.embeddings["scene"].shape
    (6, 2)
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, embeddings, thumbnails=None, y=None):
        self.embeddings = embeddings
        self.thumbnails = thumbnails
        self.y = y

    def plot(self, ax=None, *, scatter_kwargs=None):
        """Draw the points of each tier, and the thumbnails over them.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            A single one is divided into one a tier, an array of one a tier is drawn into; None
            makes a new figure.
        scatter_kwargs : dict, default=None
            Passed to matplotlib's `scatter`.

        Returns
        -------
        display : TierEmbeddingDisplay
            The same object.

        Raises
        ------
        ValueError
            If `ax` is an array of another size, or was divided before.
        """
        axes, self.bounding_ax_ = make_axes(ax, (1, len(self.embeddings)), size=(5, 5))
        self.axes_, self.scatters_ = axes[0], {}
        self.figure_ = self.axes_[0].figure
        style = {"c": self.y, "s": 12} | (scatter_kwargs or {})
        for panel, (name, points) in zip(self.axes_, self.embeddings.items(), strict=True):
            self.scatters_[name] = panel.scatter(*points.T, **style)
            _draw_thumbnails(panel, points, (self.thumbnails or {}).get(name, {}))
            panel.set(title=name, xticks=[], yticks=[])
        if self.y is not None:
            points = self.scatters_[name]  # the colours are the same in all tiers
            self.figure_.colorbar(points, ax=list(self.axes_), label="score", shrink=0.8)
        return self

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        y=None,
        *,
        tiers=None,
        n_thumbnails=30,
        random_state=None,
        ax=None,
        scatter_kwargs=None,
    ):
        """Describe videos by the tiers of a fitted model, and draw them.

        Parameters
        ----------
        model : Pipeline
            As `make_m3s` returns it, fitted, with or without a regressor. What the step
            ``describe`` of a branch gives is embedded, without similarities.
        X : sequence of length n_videos
            Videos.
        y : array-like of shape (n_videos,), default=None
            Scores, that colour the points.
        tiers : sequence of str, default=None
            Which tiers to draw; None is all that the model has.
        n_thumbnails, random_state, ax, scatter_kwargs
            As for :meth:`from_features`.

        Returns
        -------
        display : TierEmbeddingDisplay
            What was drawn.

        Raises
        ------
        NotFittedError
            If the tiers of `model` are not fitted.
        TypeError, ValueError
            If `model` is no pipeline of tiers or lacks one of `tiers`, or as
            :meth:`from_features` does.
        VideoError
            If videos cannot be read, by tiers with ``on_error="raise"``.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from matplotlib import pyplot as plt
        >>> from sklearn.preprocessing import FunctionTransformer
        >>> from sklearn_m3s import make_m3s
        >>> from sklearn_m3s.inspection import TierEmbeddingDisplay
        >>> rng = np.random.default_rng(0)
        >>> videos = [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(6)]
        >>> raw = FunctionTransformer(lambda X: np.array([x.mean((0, 1, 2)) for x in X]))
        >>> model = make_m3s(raw=raw, scene=None, event=None, regressor=None).fit(videos)
        >>> display = TierEmbeddingDisplay.from_estimator(model, videos, random_state=0)
        >>> list(display.embeddings)
        ['raw']
        >>> plt.close(display.figure_)
        """
        import_optional("matplotlib.pyplot")
        describers = _check_model(model, tiers)
        videos = check_videos(X)
        return cls.from_features(
            {name: describe.transform(X) for name, describe in describers.items()},
            videos,
            y,
            n_thumbnails=n_thumbnails,
            random_state=random_state,
            ax=ax,
            scatter_kwargs=scatter_kwargs,
        )

    @classmethod
    def from_features(
        cls,
        features,
        videos,
        y=None,
        *,
        n_thumbnails=30,
        random_state=None,
        ax=None,
        scatter_kwargs=None,
    ):
        """Embed given features, and draw them.

        Parameters
        ----------
        features : dict of str to array-like of shape (n_videos, n_features)
            Features by the name of a tier; they are standardised here.
        videos : sequence of length n_videos
            Paths to videos or images and uint8 RGB arrays of shape (T, H, W, 3) or (H, W, 3).
        y : array-like of shape (n_videos,), default=None
            Numbers that colour the points.
        n_thumbnails : int, default=30
            Most thumbnails a tier. They are those of points far from each other, so that none
            covers another; a video that cannot be read has none.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE. Its perplexity is 30, or a third of the number of other videos where
            that is less; under 600 videos its learning rate is n_videos / 12 and its early
            exaggeration 4.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.
        scatter_kwargs : dict, default=None
            Passed to matplotlib's `scatter`.

        Returns
        -------
        display : TierEmbeddingDisplay
            What was drawn.

        Raises
        ------
        TypeError, ValueError
            If `videos` is no sequence of videos, lengths differ, a number is infinite, or fewer
            than six videos have features.

        Warns
        -----
        M3SWarning
            If videos have NaN among their features: they are left out of all tiers. If a video
            cannot be read: its picture is left out.
        """
        import_optional("matplotlib.pyplot")
        videos = check_videos(videos)
        features, kept, y = _check(features, videos, y)
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        embeddings = {name: _embed(matrix, seed) for name, matrix in features.items()}
        chosen = {name: _spread(points, n_thumbnails) for name, points in embeddings.items()}
        pictures = read_pictures(videos, sorted({kept[row] for row in chain(*chosen.values())}))
        thumbnails = {
            name: {row: pictures[kept[row]] for row in rows if pictures[kept[row]] is not None}
            for name, rows in chosen.items()
        }
        display = cls(embeddings=embeddings, thumbnails=thumbnails, y=y)
        return display.plot(ax, scatter_kwargs=scatter_kwargs)


def _check_model(model, tiers):
    """Return what describes videos in each tier."""
    union = getattr(model, "named_steps", {}).get("tiers")
    if not isinstance(union, FeatureUnion):
        raise ValueError(
            f"model is {model!r:.80}, but has to be a pipeline whose step 'tiers' is a "
            "FeatureUnion, as make_m3s returns it"
        )
    branches = {name: branch for name, branch in union.transformer_list if branch != "drop"}
    tiers = list(branches) if tiers is None else list(tiers)
    missing = [name for name in tiers if name not in branches]
    if missing or not tiers:
        raise ValueError(f"tiers={tiers} cannot be drawn: the model has {list(branches)}")
    check_is_fitted(union)
    return {
        name: getattr(branches[name], "named_steps", {}).get("describe", branches[name])
        for name in tiers
    }


def _check(features, videos, y):
    """Return features and scores without the rows that have NaN, and which rows are kept."""
    if not features:
        raise ValueError("features is empty: give the matrix of at least one tier")
    features = {
        name: check_array(matrix, dtype=np.float64, ensure_all_finite="allow-nan", input_name=name)
        for name, matrix in features.items()
    }
    if y is not None:
        y = column_or_1d(check_array(y, ensure_2d=False, input_name="y"))
    check_consistent_length(videos, y, *features.values())
    known = ~np.any([np.isnan(matrix).any(axis=1) for matrix in features.values()], axis=0)
    if known.sum() < _FEWEST:
        raise ValueError(
            f"{known.sum()} of {len(videos)} videos have features: t-SNE needs at least {_FEWEST}"
        )
    if not known.all():
        names = [video_name(videos[row], row) for row in np.flatnonzero(~known)]
        warnings.warn(
            f"{len(names)} of {len(videos)} videos have NaN features and are left out: "
            f"{', '.join(names)}",
            M3SWarning,
            stacklevel=3,
        )
    features = {name: matrix[known] for name, matrix in features.items()}
    return features, np.flatnonzero(known), None if y is None else y[known]


def _embed(matrix, seed):
    """Return each row of a matrix as a point of the plane."""
    if not np.ptp(matrix, axis=0).any():  # t-SNE would divide by their variance
        return np.zeros((len(matrix), 2))
    if matrix.shape[1] == 1:  # the PCA that t-SNE starts from wants two
        matrix = np.pad(matrix, ((0, 0), (0, 1)))
    n_rows = len(matrix)
    settings = {"perplexity": min(_PERPLEXITY, (n_rows - 1) / 3), "random_state": seed}
    if n_rows < 600:  # the defaults, made for more, scatter few rows at random
        settings |= {"learning_rate": n_rows / 12, "early_exaggeration": 4.0}
    return np.asarray(TSNE(**settings).fit_transform(StandardScaler().fit_transform(matrix)))


def _width(points):
    width = np.ptp(points, axis=0).max()
    return width if width > 1e-3 else 1.0  # one point: videos all alike


def _spread(points, n_thumbnails):
    """Return points at least a thumbnail apart, each the farthest from those before."""
    chosen, distances = [], np.full(len(points), np.inf)
    while len(chosen) < n_thumbnails and distances.max() >= _SIDE * _width(points):
        chosen.append(int(distances.argmax()))
        offsets = np.abs(points - points[chosen[-1]]).max(axis=1)  # thumbnails are square
        distances = np.minimum(distances, offsets)
    return chosen


def _draw_thumbnails(ax, points, pictures):
    half = _SIDE * _width(points) / 2
    for row, picture in pictures.items():
        x, y = points[row]
        ax.imshow(picture, extent=(x - half, x + half, y - half, y + half), zorder=2)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    low, high = centre - (0.5 + _SIDE) * _width(points), centre + (0.5 + _SIDE) * _width(points)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
