"""Show 2-D t-SNE maps of the features of each tier, with video thumbnails."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.manifold import TSNE
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_m3s._optional import import_optional
from sklearn_m3s._validation import check_scores
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection._blocks import Seed, Videos, describe_for, videos_of
from sklearn_m3s.inspection._plotting import make_axes, read_pictures
from sklearn_m3s.pipeline import take_apart
from sklearn_m3s.similarity import tsne_settings
from sklearn_m3s.video import check_videos, video_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST = 6  # t-SNE maps fewer videos to one point
_PERPLEXITY = 30.0
_SIDE = 0.1  # of a thumbnail, in widths of the embedding


@dataclass(kw_only=True, eq=False, repr=False)
class TierEmbeddingDisplay:
    """2-D t-SNE maps of the features of each tier, with video thumbnails (figure 6 of the paper).

    Use :meth:`from_estimator` or :meth:`from_features` to make a display. All parameters are
    stored as attributes.

    Parameters
    ----------
    embeddings : dict of str to ndarray of shape (n_videos, 2)
        Points by the name of the tier.
    thumbnails : dict of str to dict of int to ndarray of shape (H, W, 3), default=None
        Pictures of each tier, by the row of their point.
    y : ndarray of shape (n_videos,), default=None
        Scores that colour the points.

    Attributes
    ----------
    scatters_ : dict of str to PathCollection
        The points of each tier.
    axes_ : ndarray of shape (n_tiers,), of Axes
        The axes of each tier.
    bounding_ax_ : Axes or None
        The axes that were divided, if a single one was given.
    figure_ : Figure
        Figure with the axes.

    Examples
    --------
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

    embeddings: dict[str, np.ndarray]
    thumbnails: dict[str, dict[int, np.ndarray]] | None = None
    y: np.ndarray | None = None

    def plot(
        self, ax: Any = None, *, scatter_kwargs: dict[str, Any] | None = None
    ) -> "TierEmbeddingDisplay":
        """Draw the points of each tier, and the thumbnails over them.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            A single axes is divided into one per tier. An array needs one axes per tier. None
            makes a new figure.
        scatter_kwargs : dict, default=None
            Keywords for matplotlib's `scatter`.

        Returns
        -------
        TierEmbeddingDisplay
            The display itself.

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
        model: Pipeline,
        X: Videos,
        y: ArrayLike | None = None,
        *,
        tiers: Iterable[str] | None = None,
        n_thumbnails: int = 30,
        ax: Any = None,
        scatter_kwargs: dict[str, Any] | None = None,
        random_state: Seed = None,
    ) -> "TierEmbeddingDisplay":
        """Describe videos with the tiers of a fitted model, and draw their features.

        Parameters
        ----------
        model : Pipeline
            A fitted model from `make_m3s`, with or without a regressor. The features of each
            tier are embedded, without similarities.
        X : sequence of length n_videos, or matrix
            Videos, or features for a model of `make_m3s_from_features`, drawn without pictures.
        y : array-like of shape (n_videos,), default=None
            Scores, as the colours of the points.
        tiers : sequence of str, default=None
            Tiers to draw. None means all tiers of the model.
        n_thumbnails : int, default=30
            Largest number of thumbnails per tier.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.
        scatter_kwargs : dict, default=None
            Keywords for matplotlib's `scatter`.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE.

        Returns
        -------
        TierEmbeddingDisplay
            The drawn display.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError, ValueError
            If `tiers` is empty or names an unknown tier, or in the cases of :meth:`from_features`.
        VideoError
            If videos cannot be read (with ``on_error="raise"``).

        Warns
        -----
        M3SWarning
            In the cases of :meth:`from_features`.
        """
        import_optional("matplotlib.pyplot", "inspection")
        chosen = _choose_tiers(model, tiers)
        videos = videos_of(X)
        described = describe_for(model, X)
        return cls.from_features(
            {name: tier.transform(described) for name, tier in chosen.items()},
            videos,
            y,
            n_thumbnails=n_thumbnails,
            ax=ax,
            scatter_kwargs=scatter_kwargs,
            random_state=random_state,
        )

    @classmethod
    def from_features(
        cls,
        features: Mapping[str, ArrayLike],
        videos: Videos | None,
        y: ArrayLike | None = None,
        *,
        n_thumbnails: int = 30,
        ax: Any = None,
        scatter_kwargs: dict[str, Any] | None = None,
        random_state: Seed = None,
    ) -> "TierEmbeddingDisplay":
        """Map given features to a plane by t-SNE, and draw them.

        Parameters
        ----------
        features : dict of str to array-like of shape (n_videos, n_features)
            Features by the name of the tier. They are standardised before t-SNE.
        videos : sequence of length n_videos or None
            Paths to videos or images, and uint8 RGB arrays of shape (T, H, W, 3) or (H, W, 3). None
            draws no thumbnails.
        y : array-like of shape (n_videos,), default=None
            Scores, as the colours of the points.
        n_thumbnails : int, default=30
            Largest number of thumbnails per tier. Their points are far from each other, so that no
            thumbnail covers another. A video that cannot be read has no thumbnail.
        ax : Axes or array-like of Axes, default=None
            As for :meth:`plot`.
        scatter_kwargs : dict, default=None
            Keywords for matplotlib's `scatter`.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE.

        Returns
        -------
        TierEmbeddingDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If `videos` is not a sequence of videos.
        ValueError
            If `features` is empty, lengths differ, a number is infinite, or fewer than six videos
            have features.

        Warns
        -----
        M3SWarning
            If videos have NaN features or cannot be read. The former are left out of all tiers, the
            latter are drawn without a picture.

        Notes
        -----
        The perplexity of t-SNE is 30, but at most a third of the number of other videos. For fewer
        than 600 videos, its learning rate is n_videos / 12 and its early exaggeration is 4.
        """
        import_optional("matplotlib.pyplot", "inspection")
        videos = None if videos is None else check_videos(videos)
        matrices, kept, y = _check(features, videos, y)
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        embeddings = {name: _embed(matrix, seed) for name, matrix in matrices.items()}
        chosen = {name: _spread(points, n_thumbnails) for name, points in embeddings.items()}
        rows = sorted({kept[row] for row in chain(*chosen.values())})
        pictures = {} if videos is None else read_pictures(videos, rows)
        shown = {row: picture for row, picture in pictures.items() if picture is not None}
        thumbnails = {
            name: {row: shown[kept[row]] for row in rows if kept[row] in shown}
            for name, rows in chosen.items()
        }
        display = cls(embeddings=embeddings, thumbnails=thumbnails, y=y)
        return display.plot(ax, scatter_kwargs=scatter_kwargs)


def _choose_tiers(model: Pipeline, names: Iterable[str] | None) -> dict[str, Any]:
    """Return the fitted tiers to draw."""
    tiers = take_apart(model).tiers
    names = list(tiers) if names is None else list(names)
    if not names or any(name not in tiers for name in names):
        raise ValueError(f"tiers={names} cannot be drawn: use tiers of the model, {list(tiers)}")
    check_is_fitted(model)
    return {name: tiers[name] for name in names}


def _check(
    features: Mapping[str, ArrayLike], videos: list[Any] | None, y: ArrayLike | None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    """Return features and scores without videos that have NaN, and the indices of the others."""
    if not features:
        raise ValueError("features is empty: pass the matrix of at least one tier")
    matrices = {
        name: check_array(matrix, dtype=np.float64, ensure_all_finite="allow-nan", input_name=name)
        for name, matrix in features.items()
    }
    scores = None if y is None else check_scores(y)
    check_consistent_length(videos, scores, *matrices.values())
    known = ~np.any([np.isnan(matrix).any(axis=1) for matrix in matrices.values()], axis=0)
    if known.sum() < _FEWEST:
        raise ValueError(
            f"{known.sum()} of {len(known)} videos have features: pass at least {_FEWEST} for t-SNE"
        )
    if not known.all():
        rows = np.flatnonzero(~known).tolist()
        names = [f"X[{row}]" if videos is None else video_name(videos[row], row) for row in rows]
        warnings.warn(
            f"{len(names)} of {len(known)} videos have NaN features and are left out: "
            f"{', '.join(names)}",
            M3SWarning,
            stacklevel=3,
        )
    matrices = {name: matrix[known] for name, matrix in matrices.items()}
    return matrices, np.flatnonzero(known), None if scores is None else scores[known]


def _embed(matrix: np.ndarray, seed: int) -> np.ndarray:
    """Return a point of the plane for each row of a matrix."""
    if not np.ptp(matrix, axis=0).any():  # t-SNE would divide by the variance, 0
        return np.zeros((len(matrix), 2))
    if matrix.shape[1] == 1:  # t-SNE starts from a PCA, which needs two columns
        matrix = np.pad(matrix, ((0, 0), (0, 1)))
    settings = tsne_settings(len(matrix), perplexity=_PERPLEXITY)
    tsne = TSNE(random_state=seed, **settings)
    return np.asarray(tsne.fit_transform(StandardScaler().fit_transform(matrix)))


def _width(points: np.ndarray) -> float:
    width = np.ptp(points, axis=0).max()
    return width if width > 1e-3 else 1.0  # otherwise all videos are at one point


def _spread(points: np.ndarray, n_thumbnails: int) -> list[int]:
    """Choose points at least a thumbnail apart. Each is the farthest from those before."""
    chosen: list[int] = []
    distances = np.full(len(points), np.inf)
    while len(chosen) < n_thumbnails and distances.max() >= _SIDE * _width(points):
        chosen.append(int(distances.argmax()))
        offsets = np.abs(points - points[chosen[-1]]).max(axis=1)  # thumbnails are square
        distances = np.minimum(distances, offsets)
    return chosen


def _draw_thumbnails(ax: "Axes", points: np.ndarray, pictures: dict[int, np.ndarray]) -> None:
    half = _SIDE * _width(points) / 2
    for row, picture in pictures.items():
        x, y = points[row]
        ax.imshow(picture, extent=(x - half, x + half, y - half, y + half), zorder=2)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    low, high = centre - (0.5 + _SIDE) * _width(points), centre + (0.5 + _SIDE) * _width(points)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
