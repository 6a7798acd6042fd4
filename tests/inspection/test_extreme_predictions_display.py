"""The display shows the frames of the extremes, with score and prediction."""

import numpy as np
import pytest
from matplotlib import pyplot
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection import ExtremePredictionsDisplay, extreme_predictions

KINDS = ["best", "worst", "over-predicted", "under-predicted"]


@pytest.fixture
def scores(rng):
    return rng.uniform(size=(2, 10))


def show(*arguments, **settings):
    return ExtremePredictionsDisplay.from_predictions(*arguments, **settings)


def test_the_grid_shows_the_middle_frames_of_the_extremes(videos, scores):
    display = show(videos, *scores, n_videos=2)
    table = extreme_predictions(videos, *scores, n_videos=2)
    assert display.axes_.shape == (4, 2)
    assert [row[0].get_ylabel() for row in display.axes_] == KINDS
    for panel, line in zip(display.axes_.flat, table.itertuples(), strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), videos[line.row][1])
        assert panel.get_title() == f"score {line.score:.2f}\npredicted {line.predicted:.2f}"


def test_a_name_replaces_the_picture_of_a_video_that_cannot_be_read(videos, scores):
    worst = int(np.abs(scores[1] - scores[0]).argmax())
    videos[worst] = "folder/$gone.mp4"
    with pytest.warns(M3SWarning, match=r"1 of \d videos .*\n.*\$gone.mp4: does not exist"):
        display = show(videos, *scores, n_videos=2)
    display.figure_.canvas.draw()
    blank = display.axes_[1, 0]
    assert not blank.images
    assert [text.get_text() for text in blank.texts] == ["$gone.mp4"]
    assert blank.get_title().startswith("score")
    assert display.axes_[1, 1].images


def test_panels_and_kinds_without_a_video_are_left_out(videos):
    display = show(videos[:3], [0.5, 0.5, 0.5], [0.5, 0.5, 0.75])
    assert display.axes_.shape == (3, 3)  # nothing is under-predicted
    assert [panel.axison for panel in display.axes_[2]] == [True, False, False]


def test_from_estimator_shows_the_predictions_of_a_fitted_model(videos, scores):
    describe = FunctionTransformer(lambda X: np.array([x.mean((0, 1, 2)) for x in X]))
    model = make_pipeline(describe, Ridge())
    with pytest.raises(NotFittedError):
        ExtremePredictionsDisplay.from_estimator(model, videos, scores[0])
    model.fit(videos, scores[0])
    display = ExtremePredictionsDisplay.from_estimator(model, videos, scores[0], n_videos=1)
    table = extreme_predictions(videos, scores[0], model.predict(videos), n_videos=1)
    assert display.extremes.equals(table)


def test_plot_draws_into_given_axes_and_can_be_repeated(videos, scores):
    _, given = pyplot.subplots(4, 3)
    display = show(videos, *scores, ax=given)
    assert display.axes_.tolist() == given.tolist()
    assert display.bounding_ax_ is None
    _, single = pyplot.subplots()
    assert display.plot(single) is display
    assert display.bounding_ax_ is single
    assert display.figure_ is single.figure
    np.testing.assert_array_equal(
        display.axes_[3, 2].images[0].get_array(), given[3, 2].images[0].get_array()
    )


def test_a_missing_matplotlib_is_an_error_before_any_prediction(without_matplotlib):
    with pytest.raises(ImportError, match=without_matplotlib):
        ExtremePredictionsDisplay.from_estimator(None, None, None)
    with pytest.raises(ImportError, match=without_matplotlib):
        show(None, None, None)
