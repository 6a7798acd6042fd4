"""Content of a report, as plain data. Unknown numbers are NaN."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """One predicted score of a video.

    Parameters
    ----------
    value, low, high : float
        The predicted score, and the ends of its interval.
    percentile : float in [0, 100]
        Percentage of the training videos with smaller predictions.
    true : float
        The true score, if given.
    by_tier : dict of str to float
        Prediction of each tier alone, by its label.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    percentile: float = np.nan
    true: float = np.nan
    by_tier: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Descriptor:
    """A descriptor of a video, and its percentile among the training videos, in [0, 100]."""

    label: str
    value: float
    percentile: float


@dataclass(frozen=True)
class Neighbour:
    """A training video with similar features in a tier, by its row in the reference set."""

    row: int
    name: str
    scores: list[float]


@dataclass(frozen=True)
class Moment:
    """A moment of a video: its time in seconds, its score and its still, as a WebP file."""

    second: float
    score: float
    picture: bytes


@dataclass(frozen=True)
class Timeline:
    """Scores over time: one list of scores for each target."""

    seconds: list[float]
    scores: list[list[float]]
    window: float
    moments: list[Moment]


@dataclass
class VideoEntry:
    """Everything about one video. If it failed, `failure` is the cause and the rest is empty."""

    name: str
    position: int
    pictures: list[bytes] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    descriptors: list[Descriptor] = field(default_factory=list)
    neighbours: dict[str, list[Neighbour]] = field(default_factory=dict)
    timeline: Timeline | None = None
    is_training_video: bool = False
    note: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Target:
    """A kind of score, such as short-term memorability.

    Parameters
    ----------
    name : str
        Name of the score.
    training : ndarray of shape (n_training,), float64
        Out-of-fold predictions of the training videos. May be empty.
    training_mean : float
        Mean score of the training videos.
    spearman : dict of str to float
        The correlation with the given scores, ``spearman``, and its interval, ``spearman_low`` and
        ``spearman_high``. Empty if no scores were given.
    """

    name: str
    training: np.ndarray
    training_mean: float = np.nan
    spearman: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A report: targets, videos, and WebP pictures of training videos by their row."""

    title: str
    facts: list[tuple[str, str]]
    targets: list[Target]
    entries: list[VideoEntry]
    reference_pictures: dict[int, bytes]
    coverage: float = np.nan
