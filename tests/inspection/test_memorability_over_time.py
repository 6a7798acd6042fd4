"""The scores of the windows of a video, and their display."""

import os

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sklearn_m3s import (
    FrameEncoder,
    PredictionIntervals,
    RawPerception,
    make_m3s,
    make_m3s_from_features,
)
from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.inspection import MemorabilityOverTime, memorability_over_time


def make_model():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return make_m3s(
        RawPerception(frame_size=32, hog_components=2),
        scene=FrameEncoder(network, frame_size=32, n_frames=2, version="1"),
        event=None,
        similarity=None,
        regressor=Ridge(),
    )


@pytest.fixture(scope="module")
def clips():
    """Return twelve clips of two seconds at 15 frames per second."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (12, 30, 40, 40, 3), dtype=np.uint8)
    return list(noise // np.arange(1, 13, dtype=np.uint8)[:, None, None, None, None])


@pytest.fixture(scope="module")
def files(clips, tmp_path_factory, write_clip):
    """Return the clips as files."""
    folder = tmp_path_factory.mktemp("clips")
    return [write_clip(folder / f"{i}.mp4", clip, rate=15) for i, clip in enumerate(clips)]


@pytest.fixture(scope="module")
def model(files):
    """Return a model that was fitted to files."""
    return make_model().fit(files, np.linspace(0.4, 0.9, 12))


def test_scores_are_those_of_the_slices(model, clips):
    video = np.concatenate(clips[3:6])
    over_time = memorability_over_time(model, video, stride=0.4)
    assert over_time.window == pytest.approx(2)
    np.testing.assert_allclose(over_time.seconds, 1 + 0.4 * np.arange(11))
    slices = [video[6 * i : 6 * i + 30] for i in range(11)]
    np.testing.assert_allclose(over_time.scores, model.predict(slices), rtol=1e-5)
    parallel = memorability_over_time(model, video, stride=0.4, n_jobs=2)
    np.testing.assert_array_equal(parallel.scores, over_time.scores)


def test_several_scores_are_predicted(clips, files):
    scores = np.linspace(0.4, 0.9, 12)
    both = make_model().fit(files, np.c_[scores, 1 - scores])
    over_time = memorability_over_time(both, np.concatenate(clips[3:6]))
    assert over_time.scores.shape == (5, 2)
    np.testing.assert_allclose(over_time.scores.sum(axis=1), 1, rtol=1e-6)
    assert over_time.moments(1, column=0)[0][1] == over_time.scores[:, 0].max()
    assert over_time.moments(1, column=1)[0][1] == over_time.scores[:, 1].max()


def test_a_short_file_has_its_score(model, files):
    over_time = memorability_over_time(model, files[4])
    assert over_time.seconds.tolist() == [pytest.approx(1)]
    np.testing.assert_allclose(over_time.scores, model.predict(files[4:5]), rtol=1e-6)
    picture = np.zeros((32, 32, 3), np.uint8)
    assert memorability_over_time(model, picture).scores.shape == (1,)


def test_many_windows_are_predicted_in_parts(model, clips):
    video = np.concatenate(clips)
    over_time = memorability_over_time(model, video, stride=1 / 3)
    assert len(over_time.scores) == 67
    chosen = [0, 15, 16, 17, 40, 66]
    slices = [video[5 * i : 5 * i + 30] for i in chosen]
    np.testing.assert_allclose(over_time.scores[chosen], model.predict(slices), rtol=1e-5)


def test_another_window_length_is_a_warning(model, clips):
    video = np.concatenate(clips[:3])
    with pytest.warns(M3SWarning, match="grow with the length"):
        over_time = memorability_over_time(model, video, 3)
    assert over_time.window == 3
    assert over_time.seconds.tolist() == [1.5, 2.5, 3.5, 4.5]
    assert memorability_over_time(model, video, 2.4).window == 2.4


def test_a_model_of_arrays_needs_a_window(clips):
    model = make_model().fit(clips, np.linspace(0.4, 0.9, 12))
    video = np.concatenate(clips[:2])
    with pytest.raises(ValueError, match="pass window="):
        memorability_over_time(model, video)
    assert len(memorability_over_time(model, video, 2).scores) == 3


def test_windows_that_cannot_be_read_are_nan(model, clips, tmp_path, write_clip):
    path = tmp_path / "long.mp4"
    video = np.concatenate(clips[:4])
    write_clip(path, video, rate=15, options={"g": "1", "bf": "0"})
    whole = memorability_over_time(model, path)
    content = path.read_bytes()
    start, end = len(content) * 2 // 5, len(content) // 2
    path.write_bytes(content[:start] + bytes(end - start) + content[end:])
    with pytest.warns(M3SWarning, match=r"windows of .*long.mp4 could not be read|damaged"):
        damaged = memorability_over_time(model, path)
    is_lost = np.isnan(damaged.scores)
    assert 0 < is_lost.sum() < len(is_lost)
    np.testing.assert_allclose(damaged.scores[~is_lost][:1], whole.scores[:1], rtol=1e-4)
    assert all(not np.isnan(score) for _, score in damaged.moments(10))


def test_a_video_without_a_good_window_is_an_error(model, tmp_path):
    with pytest.raises(VideoError, match="does not exist"):
        memorability_over_time(model, tmp_path / "missing.mp4")


def test_tiers_that_read_no_video_are_refused(clips):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), rng.uniform(size=20)
    model = make_m3s_from_features({"a": slice(4)}, regressor=Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="tier 'a' is a ColumnTransformer"):
        memorability_over_time(model, clips[0], 1)
    model = make_m3s(FunctionTransformer(), scene=None, event=None, regressor=Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="tier 'raw' is a FunctionTransformer"):
        memorability_over_time(model, clips[0], 1)


def test_models_inside_other_estimators_are_found(model, clips, files):
    y = np.linspace(0.4, 0.9, 12)
    video = np.concatenate(clips[3:5])
    expected = memorability_over_time(model, video).scores
    intervals = PredictionIntervals(make_model(), 0.8, cv=3).fit(files, y)
    np.testing.assert_allclose(memorability_over_time(intervals, video).scores, expected)
    search = GridSearchCV(make_model(), {"regressor__alpha": [1.0]}, cv=2).fit(files, y)
    np.testing.assert_allclose(memorability_over_time(search, video).scores, expected)


@pytest.mark.parametrize(
    "settings", [{"window": 0}, {"stride": 0}, {"stride": -1}, {"window": "2"}], ids=str
)
def test_arguments_are_checked(model, clips, settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter"):
        memorability_over_time(model, clips[0], **settings)


@pytest.fixture
def display():
    """Return scores of ten seconds, each 20 grey levels lighter than the last."""
    levels = np.repeat(np.arange(10, dtype=np.uint8) * 20, 15)
    return MemorabilityOverTime(
        seconds=np.arange(9) + 1.0,
        scores=np.array([0.5, 0.6, 0.9, 0.89, np.nan, 0.7, 0.8, 0.1, 0.2]),
        window=2.0,
        stride=1.0,
        video=np.broadcast_to(levels[:, None, None, None], (150, 40, 80, 3)).copy(),
    )


def test_moments_are_the_best_that_do_not_overlap(display):
    assert display.moments() == [(3.0, 0.9), (7.0, 0.8), (1.0, 0.5)]
    assert display.moments(1) == [(3.0, 0.9)]
    assert len(display.moments(100)) == 4


def test_stills_are_the_frames_of_the_moments(display):
    stills = display.stills()
    assert [still[0, 0, 0] for still in stills] == [60, 140, 20]
    assert {still.shape for still in stills} == {(40, 80, 3)}
    assert {still.dtype for still in stills} == {np.dtype(np.uint8)}


def test_stills_of_a_file_are_upright(display, tmp_path, write_clip):
    display.video = write_clip(tmp_path / "clip.mp4", display.video, rate=15, rotation=90)
    stills = display.stills(2)
    assert [still.shape for still in stills] == [(80, 40, 3)] * 2
    assert [still.mean() for still in stills] == pytest.approx([60, 140], abs=3)
    os.remove(display.video)
    with pytest.raises(VideoError, match="does not exist"):
        display.stills()


def test_the_table_has_a_row_per_window(display):
    table = display.to_frame()
    assert list(table.columns) == ["seconds", "score"]
    np.testing.assert_array_equal(table["score"], display.scores)
    display.scores = np.column_stack([display.scores, 1 - display.scores])
    assert list(display.to_frame().columns) == ["seconds", "score0", "score1"]
    assert isinstance(display.to_frame(), pd.DataFrame)
    assert display.moments(1, column=1) == [(8.0, 0.9)]


def test_the_plot_shows_scores_and_moments(display):
    assert display.plot() is display
    line, *marks = display.ax_.lines
    np.testing.assert_array_equal(line.get_ydata(), display.scores)
    assert [mark.get_xdata()[0] for mark in marks] == [3, 7, 1]
    assert "seconds" in display.ax_.get_xlabel()
    plt.close(display.figure_)
    figure, ax = plt.subplots()
    assert display.plot(ax).ax_ is ax
    plt.close(figure)
