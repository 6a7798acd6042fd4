"""Training videos of a model, with which a report compares new videos."""

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, UnidentifiedImageError
from sklearn.base import clone
from sklearn.utils import check_consistent_length

from sklearn_m3s._folds import CrossValidation
from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.io._probe import parts_of
from sklearn_m3s.io._thumbnails import make_thumbnails
from sklearn_m3s.io._zip_file import ModelZip, ModelZipWriter
from sklearn_m3s.regression import PredictionIntervals
from sklearn_m3s.tiers import describe_for
from sklearn_m3s.video import video_name

_MOST_BYTES = 2**20  # of a thumbnail
_INDEX = {"names", "tiers", "has_thumbnail"}


@dataclass(frozen=True)
class ReferenceSet:
    """Training videos of a model, with which a report compares new videos.

    Parameters
    ----------
    names : list of str of length n_videos
        Names of the videos, as given.
    scores : ndarray of shape (n_videos,) or (n_videos, n_scores), float64
        Scores of the videos. NaN for a missing score.
    predictions : ndarray of the shape of `scores`, float64
        Out-of-fold predictions. Each comes from a model that was fitted without the video.
    features : dict of str to ndarray of shape (n_videos, n_features), float32
        The columns of each tier, before scaling.
    feature_names : dict of str to list of str
        The names of these columns.
    thumbnails : list of bytes of length n_videos
        A small WebP picture of each video, or empty bytes if there is none.

    Raises
    ------
    ModelError
        If shapes, lengths or tiers do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.io import ReferenceSet
    >>> rows = np.zeros((2, 1), dtype=np.float32)
    >>> reference = ReferenceSet(
    ...     names=["a.mp4", "b.mp4"],
    ...     scores=np.array([0.7, 0.8]),
    ...     predictions=np.array([0.75, 0.75]),
    ...     features={"raw": rows},
    ...     feature_names={"raw": ["contrast"]},
    ...     thumbnails=[b"", b""],
    ... )
    >>> len(reference.names)
    2
    """

    names: list[str]
    scores: np.ndarray
    predictions: np.ndarray
    features: dict[str, np.ndarray]
    feature_names: dict[str, list[str]]
    thumbnails: list[bytes]

    def __post_init__(self) -> None:
        n_videos = len(self.names)
        if self.scores.shape[:1] != (n_videos,) or self.scores.ndim > 2:
            raise ModelError(f"scores have the shape {self.scores.shape} for {n_videos} names")
        if self.predictions.shape != self.scores.shape:
            raise ModelError(
                f"predictions have the shape {self.predictions.shape}, and scores "
                f"{self.scores.shape}"
            )
        if len(self.thumbnails) != n_videos:
            raise ModelError(f"there are {len(self.thumbnails)} thumbnails for {n_videos} names")
        if set(self.features) != set(self.feature_names):
            raise ModelError("features and feature_names have different tiers")
        for tier, rows in self.features.items():
            shape = n_videos, len(self.feature_names[tier])
            if rows.shape != shape:
                raise ModelError(f"features of {tier!r} have the shape {rows.shape}, not {shape}")


def make_reference_set(
    model: Any,
    X: Any,
    y: ArrayLike,
    *,
    predictions: ArrayLike | None = None,
    cv: CrossValidation = 5,
    groups: ArrayLike | None = None,
    thumbnail_size: int = 128,
    n_jobs: int | None = None,
) -> ReferenceSet:
    """Make the reference set of a model from its training videos.

    Parameters
    ----------
    model : Pipeline or PredictionIntervals
        The model, fitted to these videos.
    X : sequence of length n_videos, or matrix
        The training videos, or their features.
    y : array-like of shape (n_videos,) or (n_videos, n_scores)
        Their scores.
    predictions : array-like of the shape of `y`, default=None
        Out-of-fold predictions. If None, those of `PredictionIntervals` are used. For other models,
        a clone is fitted in each fold of `cv`.
    cv : int, cross-validation generator, iterable or None, default=5
        Folds for these fits, as in `PredictionIntervals`.
    groups : array-like of shape (n_videos,), default=None
        The group of each video, as in `PredictionIntervals`.
    thumbnail_size : int, default=128
        The longer side of the thumbnails in pixels.
    n_jobs : int, default=None
        Number of folds fitted at a time, and of workers that read thumbnails.

    Returns
    -------
    ReferenceSet
        The reference set, to pass to `save_model`.

    Raises
    ------
    ModelError
        If `model` is not from `make_m3s`, or `predictions` have another shape than `y`.
    VideoError
        If videos cannot be read, and the tiers have ``on_error="raise"``.

    Notes
    -----
    Each file is decoded once for all tiers and once for its thumbnail. The tiers do not decode a
    file if `X` carries its descriptions or if these are in their cache.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import make_m3s_from_features
    >>> from sklearn_m3s.io import make_reference_set
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> model = make_m3s_from_features({"raw": slice(0, 5)}, regressor=Ridge()).fit(X, X[:, 0])
    >>> make_reference_set(model, X, X[:, 0]).predictions.shape
    (60,)
    """
    scores = np.asarray(y, dtype=np.float64)
    check_consistent_length(X, scores)
    pipeline = getattr(model, "estimator_", model)
    tiers = parts_of(model).tiers
    described = describe_for(pipeline, X)
    if predictions is None and len(getattr(model, "y_", ())) == len(scores):
        predictions = model.out_of_fold_
    if predictions is None:
        folds = PredictionIntervals(clone(pipeline), coverage=0.5, cv=cv, n_jobs=n_jobs)
        predictions = folds.fit(described, scores, groups).out_of_fold_
    features = {name: np.asarray(tier.transform(described)) for name, tier in tiers.items()}
    is_matrix = getattr(X, "ndim", 1) == 2
    if is_matrix:
        names = list(map(str, getattr(X, "index", range(len(scores)))))
    else:
        names = [video_name(video, i) for i, video in enumerate(X)]
    return ReferenceSet(
        names,
        scores,
        np.asarray(predictions, dtype=np.float64),
        {name: rows.astype(np.float32, copy=False) for name, rows in features.items()},
        {name: list(map(str, tier.get_feature_names_out())) for name, tier in tiers.items()},
        [b""] * len(names) if is_matrix else make_thumbnails(list(X), thumbnail_size, n_jobs),
    )


def write_reference(reference: ReferenceSet, file: ModelZipWriter) -> None:
    """Add a reference set to a model file."""
    index = {
        "names": reference.names,
        "tiers": reference.feature_names,
        "has_thumbnail": [bool(picture) for picture in reference.thumbnails],
    }
    file.write("reference/index.json", json.dumps(index))
    file.write_array("reference/scores.npy", reference.scores)
    file.write_array("reference/predictions.npy", reference.predictions)
    for i, name in enumerate(reference.feature_names):
        file.write_array(f"reference/features{i}.npy", reference.features[name])
    for i, picture in enumerate(reference.thumbnails):
        if picture:
            file.write(f"reference/thumbnails/{i}.webp", picture)


def read_reference(file: ModelZip) -> ReferenceSet | None:
    """Return the reference set of a model file, or None."""
    if "reference/index.json" not in file.members:
        return None
    index = file.json("reference/index.json")
    if not isinstance(index, dict) or set(index) != _INDEX:
        raise ModelError("its reference/index.json has unknown or missing keys")
    names, tiers, has_thumbnail = index["names"], index["tiers"], index["has_thumbnail"]
    if not (
        _are(names, str)
        and _are(has_thumbnail, bool)
        and isinstance(tiers, dict)
        and all(_are(columns, str) for columns in tiers.values())
    ):
        raise ModelError("its reference/index.json has values of unexpected types")
    thumbnails = [
        _picture(file, f"reference/thumbnails/{i}.webp") if there else b""
        for i, there in enumerate(has_thumbnail)
    ]
    return ReferenceSet(
        names,
        _numbers(file, "reference/scores.npy"),
        _numbers(file, "reference/predictions.npy"),
        {name: _numbers(file, f"reference/features{i}.npy") for i, name in enumerate(tiers)},
        tiers,
        thumbnails,
    )


def _are(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


def _numbers(file: ModelZip, name: str) -> np.ndarray:
    array = file.array(name)
    if array.dtype not in (np.float32, np.float64):
        raise ModelError(f"its array {name!r} has the type {array.dtype}, which is not a float")
    return array


def _picture(file: ModelZip, name: str) -> bytes:
    """Return the bytes of a thumbnail. Only its header is checked."""
    content = file.read(name, _MOST_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=["WEBP"]) as picture:
            is_small = max(picture.size) <= 1024
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise ModelError(f"its member {name!r} is not a picture") from error
    if not is_small:
        raise ModelError(f"its member {name!r} is larger than a thumbnail")
    return content
