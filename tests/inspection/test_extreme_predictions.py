"""Extremes are those of a full sort of the errors."""

import numpy as np
import pytest

from sklearn_m3s.inspection import extreme_predictions

NAMES = [f"{i}.mp4" for i in range(6)]


def rows_of(table, kind):
    return table.loc[table["kind"] == kind, "row"].tolist()


def test_extremes_are_those_of_a_full_sort(rng):
    y_true, y_pred = rng.uniform(size=(2, 40))
    names = [f"{i}.mp4" for i in range(40)]
    table = extreme_predictions(names, y_true, y_pred, n_videos=5)
    error = dict(enumerate(y_pred - y_true))
    assert rows_of(table, "best") == sorted(error, key=lambda i: abs(error[i]))[:5]
    assert rows_of(table, "worst") == sorted(error, key=lambda i: -abs(error[i]))[:5]
    assert rows_of(table, "over-predicted") == sorted(error, key=lambda i: -error[i])[:5]
    assert rows_of(table, "under-predicted") == sorted(error, key=lambda i: error[i])[:5]


def test_each_row_belongs_to_its_video(rng):
    y_true, y_pred = rng.uniform(size=(2, 6))
    table = extreme_predictions(NAMES, y_true, y_pred, n_videos=2)
    assert list(table.columns) == ["kind", "row", "video", "score", "predicted", "error"]
    for line in table.itertuples():
        assert line.video == NAMES[line.row]
        assert line.score == y_true[line.row]
        assert line.predicted == y_pred[line.row]
        assert line.error == line.predicted - line.score


def test_only_errors_above_0_are_over_predictions():
    table = extreme_predictions(NAMES[:3], [0.5, 0.5, 0.5], [0.5, 0.5, 0.75])
    assert rows_of(table, "over-predicted") == [2]
    assert rows_of(table, "under-predicted") == []
    assert rows_of(table, "best") == [0, 1, 2]
    assert rows_of(table, "worst") == [2, 0, 1]


def test_equal_errors_stay_in_the_order_of_the_videos():
    table = extreme_predictions(NAMES, [0.5] * 6, [0.75, 0.25] * 3, n_videos=2)
    assert rows_of(table, "best") == rows_of(table, "worst") == [0, 1]
    assert rows_of(table, "over-predicted") == [0, 2]
    assert rows_of(table, "under-predicted") == [1, 3]


def test_arrays_are_named_by_their_place(videos):
    table = extreme_predictions(videos[:2], [0.5, 0.5], [0.5, 0.75], n_videos=1)
    assert table.loc[1, "video"] == "X[1] (array of shape (3, 128, 128, 3))"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NAMES, [0.5] * 5, [0.5] * 6), "inconsistent numbers of samples"),
        ((NAMES, [0.5] * 6, [0.5] * 5 + [np.nan]), "y_pred contains NaN"),
        (([], [], []), "X is empty"),
    ],
)
def test_errors_name_the_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        extreme_predictions(*arguments)


def test_a_bad_number_of_videos_is_named():
    with pytest.raises(ValueError, match="The 'n_videos' parameter"):
        extreme_predictions(NAMES, [0.5] * 6, [0.5] * 6, n_videos=0)
