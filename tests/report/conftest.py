"""A small model, its reference set, and reports without a model."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.pipeline import take_apart
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
from sklearn_m3s.report._render import render
from sklearn_m3s.video._thumbnails import compress

DESCRIPTORS = {"raw": ["contrast", "brightness", "hog"], "scene": ["blurriness", "brightness"]}


class Parsed(HTMLParser):
    """The elements of a page as (tag, attributes), and its text outside style and script."""

    def __init__(self, page):
        super().__init__()
        self.elements, self._texts, self._inside = [], [], None
        self.feed(page)
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside not in ("style", "script"):
            self._texts.append(data)

    def values(self, name):
        """Return all values of an attribute."""
        return [attrs[name] for _, attrs in self.elements if name in attrs]


@pytest.fixture(scope="session")
def parsed():
    """Return a function from a page, or its path, to its elements and text."""
    return lambda page: Parsed(page if isinstance(page, str) else page.read_text("utf-8"))


def draw_clips(n, seed):
    rng = np.random.default_rng(seed)
    noise = rng.integers(-60, 60, (n, 2, 32, 48, 3)) * rng.uniform(0.1, 1, (n, 1, 1, 1, 1))
    return list((rng.uniform(80, 170, (n, 1, 1, 1, 1)) + noise).astype(np.uint8))


def mean_levels(videos):
    return np.array([video.mean() for video in videos]) / 255


@pytest.fixture(scope="session")
def training_videos():
    """Return twenty clips."""
    return draw_clips(20, seed=0)


@pytest.fixture(scope="session")
def model(training_videos):
    """Return a model of two quick tiers, fitted to the mean levels of the training videos."""
    tiers = {
        name: RawPerception(descriptors=names, frame_size=32, hog_components=2)
        for name, names in DESCRIPTORS.items()
    }
    model = make_m3s(**tiers, event=None, similarity=None, regressor=Ridge())
    return model.fit(training_videos, mean_levels(training_videos))


@pytest.fixture(scope="session")
def reference(model, training_videos):
    """Return a reference set of the training videos."""
    parts = take_apart(model)
    return SimpleNamespace(
        names=[f"training/{i:02}.mp4" for i in range(20)],
        scores=mean_levels(training_videos),
        predictions=np.linspace(0.3, 0.7, 20),
        features={name: tier.transform(training_videos) for name, tier in parts.tiers.items()},
        feature_names={n: list(t.get_feature_names_out()) for n, t in parts.tiers.items()},
        thumbnails=[compress(video[0], 60) for video in training_videos],
    )


@pytest.fixture(scope="session")
def videos():
    """Return five clips that the model has not seen."""
    return draw_clips(5, seed=1)


class WithIntervals(RegressorMixin, BaseEstimator):
    """A stand-in for a model with intervals, with one score per offset."""

    coverage = 0.8

    def __init__(self, estimator, offsets=(0.0,)):
        self.estimator = estimator
        self.offsets = offsets

    def fit(self, X, y):
        self.estimator_ = self.estimator.fit(X, y)
        return self

    def predict(self, X):
        return np.squeeze(np.add.outer(self.estimator_.predict(X), self.offsets))

    def predict_interval(self, X):
        predicted = self.predict(X)
        return np.stack([predicted - 0.125, predicted + 0.25], axis=1)


@pytest.fixture
def with_intervals(model):
    """Return a function that puts the fitted model into a stand-in for `PredictionIntervals`."""

    def wrap(*offsets):
        wrapped = WithIntervals(model, offsets or (0.0,))
        wrapped.estimator_ = model
        return wrapped

    return wrap


def draw_entry(i, rng, picture):
    value = float(rng.uniform(0.4, 0.9))
    prediction = Prediction(
        value, value - 0.1, value + 0.1, 100 * value, value + 0.05, {"Scene": value, "Event": 0.5}
    )
    return VideoEntry(
        f"folder/{'beach' if i % 2 else 'city'}_{i}.mp4",
        i,
        pictures=[picture] * 3,
        predictions=[prediction],
        descriptors=[Descriptor("Contrast", 50.0, 60.0)],
        neighbours={"Scene": [Neighbour(i, f"near_{i}.mp4", [0.5])]},
        timeline=Timeline([1, 2, 3], [[0.5, 0.7, 0.6]], 1.0, [Moment(2, 0.7, picture)]),
    )


@pytest.fixture
def make_page():
    """Return a function that renders a number of drawn videos, the last of which is bad."""

    def make(n_videos, *entries, n_targets=1):
        rng = np.random.default_rng(0)
        picture = compress(rng.integers(0, 255, (16, 24, 3), dtype=np.uint8), 50)
        drawn = [draw_entry(i, rng, picture) for i in range(n_videos)]
        if n_videos:
            drawn[-1] = VideoEntry("folder/bad.mp4", n_videos - 1, failure="is empty (0 bytes)")
        target = Target("Memorability", rng.uniform(0.3, 0.9, 50), 0.6, {})
        report = Report(
            "A page", [("Model", "drawn")], [target], [*drawn, *entries], {0: picture}, coverage=0.9
        )
        return render(report, datetime(2026, 1, 2, tzinfo=UTC))

    return make
