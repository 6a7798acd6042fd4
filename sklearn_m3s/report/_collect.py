"""Collect the content of a report, from a model, videos and a reference set."""

import re
from contextlib import suppress
from copy import copy
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator, clone
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array
from tqdm.auto import tqdm

from sklearn_m3s import inspection
from sklearn_m3s._innermost import innermost
from sklearn_m3s._predictions import percentiles, predict_with_intervals
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.inspection._blocks import Videos
from sklearn_m3s.inspection._intervals import draw_counts, fold_metrics, summarise
from sklearn_m3s.pipeline import ModelParts, make_m3s_from_features, take_apart
from sklearn_m3s.report._entries import (
    Descriptor,
    Moment,
    Neighbour,
    Prediction,
    Report,
    Target,
    Timeline,
    VideoEntry,
)
from sklearn_m3s.tiers import (
    DescribedVideos,
    describe_all,
    first_tiers,
    take_videos,
)
from sklearn_m3s.tiers._thumbnails import Thumbnails
from sklearn_m3s.video import FitGeometry, check_videos, video_name
from sklearn_m3s.video._thumbnails import compress, unpack_thumbnails

_N_NEIGHBOURS = 3
_N_DESCRIPTORS = 12  # of a tier with many columns
_N_BOOTSTRAP = 1000
_N_MOMENTS = 3
_SAME = 1e-3  # in standard deviations
_REFERENCE_SIDE, _REFERENCE_QUALITY = 96, 40
_MOST_PIXELS = 1024  # per side of a thumbnail, since a file can claim any size
_STILL, _STILL_QUALITY = FitGeometry(160, 160), 45
_TIERS = {"raw": "Raw perception", "scene": "Scene", "event": "Event", "similarity": "Similarity"}
_DESCRIPTORS = {
    "contrast": "Contrast",
    "brightness": "Brightness",
    "blurriness": "Sharpness",
    "mean_flow": "Motion",
    "h264_bytes": "Compressed bytes",
}


def collect(
    model: BaseEstimator,
    videos: Videos,
    *,
    scores: Any = None,
    reference: Any = None,
    timeline: bool = False,
    title: str | None = None,
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> Report:
    """Describe and predict videos once, and return the content of the report; see `make_report`."""
    if not isinstance(videos, DescribedVideos):
        videos = DescribedVideos(check_videos(videos))
    names = getattr(scores, "columns", None)
    true = None if scores is None else _columns(scores)
    if true is not None and len(true) != len(videos):
        raise ValueError(
            f"scores has {len(true)} rows for {len(videos)} videos: pass one row per video, with "
            "NaN for unknown scores"
        )
    pipeline = innermost(model)
    if timeline and np.isnan(getattr(dict(pipeline.steps)["tiers"], "median_duration_", np.nan)):
        raise ValueError(
            "timeline=True needs the length of the training videos, which is unknown, for example "
            "because they are arrays: pass timeline=False"
        )
    described, pictures, failures = _describe(pipeline, videos, n_jobs, verbose)
    entries = [
        VideoEntry(video_name(video, i), i, files, failure=failures.get(i, ""))
        for i, (video, files) in enumerate(zip(videos, pictures, strict=True))
    ]
    good = [entry for entry in entries if not entry.failure]
    targets: list[Target] = []
    if good:
        X = take_videos(described, [entry.position for entry in good])
        targets = _add_predictions(good, model, X, true, reference, names)
    if reference is not None and good and (parts := _parts_of(pipeline)) is not None:
        features = _check_features(parts, reference, X)
        _add_tiers(good, parts, reference, features, verbose)
        _add_descriptors(good, reference, features)
        _add_neighbours(good, parts, reference, features)
    if timeline:
        for entry in tqdm(good, desc="timelines", unit="video", disable=not verbose):
            _add_timeline(entry, model, videos[entry.position], n_jobs)
    return Report(
        title=title or f"Memorability of {len(videos):,} video{'s' * (len(videos) > 1)}",
        facts=_facts(pipeline),
        targets=targets,
        entries=entries,
        reference_pictures={} if reference is None else _reference_pictures(reference, good),
        coverage=getattr(model, "coverage", np.nan),
    )


def _columns(scores: Any) -> np.ndarray:
    """Return the scores as a matrix with one column per target."""
    rules: dict[str, Any] = {"ensure_2d": False, "ensure_all_finite": "allow-nan"}
    scores = check_array(scores, dtype=np.float64, input_name="scores", **rules)
    return scores[:, None] if scores.ndim == 1 else scores


def _parts_of(pipeline: Any) -> ModelParts | None:
    """Return the parts of a model from `make_m3s`, or None for another model."""
    try:
        parts = take_apart(pipeline)
    except ValueError:
        return None
    return None if parts.regressor is None else parts


def _describe(
    pipeline: Any, videos: DescribedVideos, n_jobs: int | None, verbose: bool | int
) -> tuple[DescribedVideos, list[list[bytes]], dict[int, str]]:
    """Return the videos with their descriptions and thumbnails, and the causes of the bad ones."""
    tiers = first_tiers(pipeline)
    thumbnails = Thumbnails()
    if tiers:
        first = tiers[0]
        thumbnails.set_params(decoder=first.decoder, n_jobs=first.n_jobs, timeout=first.timeout)
    lacking = [copy(tier) for tier in tiers if videos.rows_of(tier) is None]
    for tier in (*lacking, thumbnails):
        tier.set_params(verbose=verbose, n_jobs=tier.n_jobs if n_jobs is None else n_jobs)
    (*rows, packed), errors = describe_all([*lacking, thumbnails], videos)
    described = DescribedVideos(videos, lacking, rows)
    lost = np.zeros(len(videos), dtype=bool)
    for tier in tiers:
        lost |= np.isnan(described.rows_of(tier)).any(axis=1)
    failures = {
        int(i): str(errors.get(i, "has no features: describe it again to see the cause"))
        for i in np.flatnonzero(lost)
    }
    return described, [unpack_thumbnails(row) for row in packed], failures


def _add_predictions(
    entries: list[VideoEntry],
    model: Any,
    X: DescribedVideos,
    true: np.ndarray | None,
    reference: Any,
    names: Any,
) -> list[Target]:
    """Add the scores of the whole model, and return the targets."""
    values, intervals = predict_with_intervals(model, X)
    rows = [entry.position for entry in entries]
    given = np.full(values.shape, np.nan) if true is None else true[rows]
    if given.shape != values.shape:
        raise ValueError(
            f"scores has {given.shape[1]} columns, but the model predicts {values.shape[1]} "
            "scores: pass one column for each, with NaN for unknown scores"
        )
    targets = _targets(model, reference, values, given, names)
    places = [percentiles(target.training, values[:, k]) for k, target in enumerate(targets)]
    for i, entry in enumerate(entries):
        entry.predictions = [
            Prediction(
                value=values[i, k],
                low=intervals[i, 0, k],
                high=intervals[i, 1, k],
                percentile=places[k][i],
                true=given[i, k],
            )
            for k in range(len(targets))
        ]
    return targets


def _targets(
    model: Any, reference: Any, values: np.ndarray, given: np.ndarray, names: Any
) -> list[Target]:
    n_targets = values.shape[1]
    if reference is not None:
        training, scores = reference.predictions, reference.scores
    else:
        empty = np.empty((0, n_targets))
        training, scores = getattr(model, "out_of_fold_", empty), getattr(model, "y_", empty)
    training, scores = (np.reshape(a, (len(a), n_targets)) for a in (training, scores))
    if names is None:
        names = [f"Score {k + 1}" for k in range(n_targets)] if n_targets > 1 else ["Memorability"]
    return [
        Target(
            str(names[k]),
            training[:, k][np.isfinite(training[:, k])],
            np.nanmean(scores[:, k]) if np.isfinite(scores[:, k]).any() else np.nan,
            _correlation(given[:, k], values[:, k]),
        )
        for k in range(n_targets)
    ]


def _correlation(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return Spearman's correlation and its bootstrap interval, or nothing if it is undefined."""
    known = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[known], predicted[known]
    if len(true) < 3 or not np.ptp(true) or not np.ptp(predicted):
        return {}
    counts = draw_counts(len(true), _N_BOOTSTRAP, 0)
    metrics = fold_metrics(true, [(np.arange(len(true)), predicted)], counts)
    return summarise(metrics[:1], ["spearman"])


def _check_features(parts: ModelParts, reference: Any, X: Any) -> dict[str, np.ndarray]:
    """Return the features of the videos by tier, after checking those of the reference set."""
    features = {}
    for name, tier in parts.tiers.items():
        features[name] = np.asarray(tier.transform(X))
        n_columns, known = features[name].shape[1], reference.features.get(name)
        if known is None or known.shape[1] != n_columns:
            raise ValueError(
                f"reference lacks the {n_columns} columns of the tier {name!r}: pass a reference "
                "set that was made with this model"
            )
    return features


def _add_tiers(
    entries: list[VideoEntry],
    parts: ModelParts,
    reference: Any,
    features: dict[str, np.ndarray],
    verbose: bool | int,
) -> None:
    """Add the predictions of each tier alone, for each target."""
    for k, scores in enumerate(_columns(reference.scores).T):
        found = _predict_by_tier(parts, reference.features, scores, features, verbose)
        for name, column in found.items():
            for entry, value in zip(entries, column.tolist(), strict=True):
                entry.predictions[k].by_tier[name] = value


def _predict_by_tier(
    parts: ModelParts,
    reference: dict[str, np.ndarray],
    scores: np.ndarray,
    features: dict[str, np.ndarray],
    verbose: bool | int,
) -> dict[str, np.ndarray]:
    """Predict videos by each tier alone, fitted on the reference set."""
    matrix = np.hstack([np.vstack([reference[name], features[name]]) for name in features])
    known = np.flatnonzero(np.isfinite(scores) & np.isfinite(matrix[: len(scores)]).all(axis=1))
    rows = np.concatenate([known, np.arange(len(scores), len(matrix))])
    ends = np.cumsum([columns.shape[1] for columns in features.values()])
    blocks = {
        name: slice(end - features[name].shape[1], end)
        for name, end in zip(features, ends.tolist(), strict=True)
    }
    model = make_m3s_from_features(
        blocks, similarity=parts.contexts, regressor=clone(parts.regressor)
    )
    model.set_params(
        **{f"tiers__{name}__context__features": parts.scalers[name] for name in blocks}
    )
    if "verbose" in parts.regressor.get_params():
        model.set_params(regressor__verbose=False)
    # Join the reference set and the videos, with one fold that trains on the former and tests on
    # the latter. Any finite scores do for the videos, since no model is fitted to them.
    y = np.append(scores[known], np.full(len(rows) - len(known), scores[known].mean()))
    fold = np.arange(len(known)), np.arange(len(known), len(rows))
    table = inspection.tier_predictions(model, matrix[rows], y, cv=[fold], verbose=verbose)
    return {
        _TIERS.get(name, name): column.to_numpy()[fold[1]]
        for name, column in table.items()
        if name not in ("score", "all")
    }


def _add_descriptors(
    entries: list[VideoEntry], reference: Any, features: dict[str, np.ndarray]
) -> None:
    """Add the percentile of each raw descriptor among the training videos.

    The components of the HOG are left out, because they have no meaning by themselves.
    """
    if "raw" not in features:
        return
    names = list(reference.feature_names["raw"])
    shown = [j for j, name in enumerate(names) if not re.fullmatch(r"hog\d+", name)]
    for j in shown[:_N_DESCRIPTORS]:
        values = features["raw"][:, j]
        places = percentiles(reference.features["raw"][:, j], values)
        label = _DESCRIPTORS.get(names[j], names[j].replace("_", " "))
        for entry, value, place in zip(entries, values.tolist(), places.tolist(), strict=True):
            entry.descriptors.append(Descriptor(label, value, place))


def _add_neighbours(
    entries: list[VideoEntry], parts: ModelParts, reference: Any, features: dict[str, np.ndarray]
) -> None:
    """Add the nearest training videos in the scaled features of each tier."""
    scores = _columns(reference.scores)
    copies: list[set[tuple[int, int]]] = []
    for name, columns in features.items():
        known = np.flatnonzero(np.isfinite(reference.features[name]).all(axis=1))
        training = reference.features[name][known]
        scaler = parts.scalers[name]
        if not hasattr(scaler, "transform"):
            scaler = StandardScaler().fit(training)
        search = NearestNeighbors(n_neighbors=min(_N_NEIGHBOURS, len(known)))
        search.fit(scaler.transform(training))
        distances, found = search.kneighbors(scaler.transform(columns))
        for entry, near in zip(entries, known[found].tolist(), strict=True):
            entry.neighbours[_TIERS.get(name, name)] = [
                Neighbour(row, str(reference.names[row]), scores[row].tolist()) for row in near
            ]
        nearest = enumerate(known[found[:, 0]].tolist())
        copies.append({(i, row) for i, row in nearest if distances[i, 0] < _SAME})
    for i, row in set.intersection(*copies):
        entries[i].is_training_video = True
        entries[i].note = (
            f"This video has the same features as the training video {reference.names[row]}. Its "
            "score does not show how well the model predicts new videos."
        )


def _reference_pictures(reference: Any, entries: list[VideoEntry]) -> dict[int, bytes]:
    """Return small pictures of the training videos that the report shows, by their row."""
    rows = {
        neighbour.row
        for entry in entries
        for near in entry.neighbours.values()
        for neighbour in near
    }
    pictures = {}
    for row in sorted(rows):
        with (
            suppress(OSError, SyntaxError, ValueError),  # a missing or damaged thumbnail
            Image.open(BytesIO(reference.thumbnails[row]), formats=["JPEG", "WEBP"]) as picture,
        ):
            if max(picture.size) <= _MOST_PIXELS:
                picture.thumbnail((_REFERENCE_SIDE, _REFERENCE_SIDE))
                content = compress(np.asarray(picture.convert("RGB")), _REFERENCE_QUALITY)
                pictures[row] = content
    return pictures


def _add_timeline(entry: VideoEntry, model: Any, video: Any, n_jobs: int | None) -> None:
    try:
        found = inspection.memorability_over_time(model, video, n_jobs=n_jobs)
        if len(found.seconds) < 2:  # no longer than the training videos
            return
        stills, moments = found.stills(_N_MOMENTS), found.moments(_N_MOMENTS)
    except VideoError as error:
        entry.note = f"Memorability over time is left out: {error}"
        return
    entry.timeline = Timeline(
        list(found.seconds),
        _columns(found.scores).T.tolist(),
        found.window,
        [
            Moment(second, score, compress(_STILL.apply(still), _STILL_QUALITY))
            for (second, score), still in zip(moments, stills, strict=True)
        ],
    )


def _facts(pipeline: Any) -> list[tuple[str, str]]:
    """Return the facts about the model."""
    parts = _parts_of(pipeline)
    if parts is None:
        return [("Model", type(pipeline).__name__)]
    tiers = [
        f"{_TIERS.get(name, name)} ({type(tier).__name__})" for name, tier in parts.tiers.items()
    ]
    return [("Tiers", ", ".join(tiers)), ("Regressor", type(parts.regressor).__name__)]
