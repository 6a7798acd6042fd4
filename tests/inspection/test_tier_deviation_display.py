"""The lengths of bars are the deviations of predictions from the scores."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer

from sklearn_m3s import make_m3s
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection import TierDeviationDisplay, tier_predictions

SCORES = [0.6, 0.9, 0.5, 0.8, 0.7]
PREDICTIONS = {"all": [0.7, 0.8, 0.5, 0.7, 0.7], "raw": [0.6, 0.6, 0.9, 0.8, 0.5]}


def show(y_true=SCORES, predictions=PREDICTIONS, **settings):
    return TierDeviationDisplay.from_predictions(y_true, predictions, **settings)


def widths(display, name):
    return [bar.get_width() for bar in display.bars_[name]]


def labels(display):
    return [tick.get_text() for tick in display.ax_.get_yticklabels()]


def test_bars_are_as_long_as_the_predictions_deviate():
    display = show(rows=[2, 0])
    assert list(display.bars_) == ["all", "raw"]
    assert widths(display, "all") == pytest.approx([0, 0.1])
    assert widths(display, "raw") == pytest.approx([0.4, 0])


def test_bars_of_a_video_are_grouped_in_the_order_of_the_tiers():
    display = show(rows=[0, 1, 2])
    middles = [[bar.get_y() + bar.get_height() / 2 for bar in display.bars_[name]]
               for name in ("all", "raw")]  # fmt: skip
    np.testing.assert_allclose(middles, [[-0.2, 0.8, 1.8], [0.2, 1.2, 2.2]])
    assert display.ax_.get_ylim() == (2.5, -0.5)  # the first video on top


def test_each_tier_has_a_colour_and_its_name_in_the_legend():
    display = show()
    all_, raw = ({bar.get_facecolor() for bar in bars} for bars in display.bars_.values())
    assert len(all_) == len(raw) == 1
    assert all_ != raw
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["all", "raw"]


def test_a_number_of_rows_goes_from_the_most_to_the_least_memorable():
    assert [text.split()[-1] for text in labels(show(rows=3))] == ["0.90", "0.70", "0.50"]
    assert labels(show(rows=1)) == ["video 1\nscore 0.90"]
    assert len(labels(show(rows=99))) == 5


def test_rows_without_all_predictions_are_shown_only_on_request():
    predictions = PREDICTIONS | {"raw": [0.6, np.nan, 0.9, 0.8, 0.5]}
    assert labels(show(predictions=predictions, rows=1)) == ["video 3\nscore 0.80"]
    display = show(predictions=predictions, rows=[1])
    display.figure_.canvas.draw()
    assert np.isnan(widths(display, "raw")).all()


def test_a_column_of_scores_replaces_y_true_and_is_not_drawn():
    table = pd.DataFrame({"score": SCORES} | PREDICTIONS)
    for display in (show(None, table), show(SCORES, table), show(None, table.to_dict("list"))):
        assert display.deviations.keys() == PREDICTIONS.keys()
        np.testing.assert_array_equal(display.deviations["raw"], show().deviations["raw"])
    shifted = show(np.array(SCORES) - 0.1, table)
    np.testing.assert_allclose(shifted.deviations["raw"], show().deviations["raw"] + 0.1)


def test_the_middle_frame_is_shown_beside_the_bars(videos):
    display = show(videos=videos[:5], rows=[3, 0])
    display.figure_.canvas.draw()
    for row, beside in zip([3, 0], display.ax_.child_axes, strict=True):
        np.testing.assert_array_equal(beside.images[0].get_array(), videos[row][1])
    above, below = (beside.get_position() for beside in display.ax_.child_axes)
    assert above.y0 >= below.y1
    assert above.x0 >= display.ax_.get_position().x1


def test_a_video_that_cannot_be_read_has_a_name_and_no_picture(videos):
    with pytest.warns(M3SWarning, match=r"1 of 2 videos .*\n.*\$gone.mp4: does not exist"):
        display = show(videos=["/tmp/$gone.mp4", *videos[:4]], rows=[0, 1])
    display.figure_.canvas.draw()
    assert labels(display)[0] == "$gone.mp4\nscore 0.60"
    assert len(display.ax_.child_axes) == 1


def test_plot_draws_into_given_axes_and_can_be_repeated():
    _, ax = pyplot.subplots()
    display = show(ax=ax, bar_kwargs={"alpha": 0.5})
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.bars_["raw"][0].get_alpha() == 0.5
    before = widths(display, "raw")
    assert display.plot() is display
    assert display.ax_ is not ax
    assert widths(display, "raw") == before


def test_from_estimator_shows_tier_predictions(rng, videos):
    y = rng.uniform(size=10)
    parts = {
        "raw": FunctionTransformer(lambda X: np.array([x[0].mean((0, 1)) for x in X])),
        "scene": FunctionTransformer(lambda X: np.array([x[1].std((0, 1)) for x in X])),
    }
    model = make_m3s(**parts, event=None, similarity=None, regressor=Ridge())
    display = TierDeviationDisplay.from_estimator(model, videos, y, cv=2, rows=range(10))
    table = tier_predictions(model, videos, y, cv=2)
    for name in ("all", "raw", "scene"):
        np.testing.assert_allclose(widths(display, name), table[name] - y)
    assert len(display.ax_.child_axes) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, PREDICTIONS), r"columns \['all', 'raw'\].*scores as y_true"),
        ((SCORES, {"score": SCORES}), r"columns \['score'\]: pass at least one tier"),
        ((SCORES[1:], PREDICTIONS), "inconsistent numbers of samples"),
        (([np.nan, *SCORES[1:]], PREDICTIONS), "y_true contains NaN"),
        ((SCORES, {"raw": [np.nan] * 5}), "NaN for every video"),
    ],
)
def test_errors_name_bad_scores_and_predictions(arguments, message):
    with pytest.raises(ValueError, match=message):
        show(*arguments)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([0, 5], r"rows=\[0, 5\]: pass indices from 0 to 4"),
        ([-1], "pass indices from 0 to 4"),
        ([], r"rows=\[\]"),
        (0, "rows == 0, must be >= 1"),
    ],
)
def test_rows_that_do_not_exist_are_an_error(rows, message):
    with pytest.raises(ValueError, match=message):
        show(rows=rows)


def test_another_number_of_videos_is_an_error(videos):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        show(videos=videos)


def test_a_missing_matplotlib_is_an_error_before_any_fit(without_matplotlib):
    with pytest.raises(ImportError, match=without_matplotlib):
        TierDeviationDisplay.from_estimator(None, None, None)
    with pytest.raises(ImportError, match=without_matplotlib):
        show()
