"""Pictures are middle frames, and displays draw into new, given or divided axes."""

import numpy as np
import pytest
from matplotlib import pyplot

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection._plotting import label, make_axes, read_pictures, show_picture


def test_the_picture_of_a_video_is_its_middle_frame(videos):
    pictures = read_pictures(videos, [4, 2])
    assert list(pictures) == [4, 2]
    np.testing.assert_array_equal(pictures[2], videos[2][1])


def test_the_picture_of_a_file_is_its_middle_frame(clip_path):
    picture = read_pictures([clip_path], [0])[0]
    assert picture[:, 64:].mean() == pytest.approx(4 * 15, abs=3)  # frame 15 of 30 has this grey


def test_files_are_decoded_in_a_worker_process(clip_path, monkeypatch):
    monkeypatch.setattr("av.open", None)
    assert read_pictures([clip_path], [0])[0].shape == (128, 128, 3)


def test_one_warning_names_all_videos_that_cannot_be_read(videos):
    bad = [*videos[:2], "gone.mp4", np.zeros((8, 8, 3))]
    with pytest.warns(
        M3SWarning, match=r"(?s)2 of 3 videos .* gone.mp4: does not exist.*X\[3\].*float64"
    ):
        pictures = read_pictures(bad, [1, 2, 3])
    assert [picture is None for picture in pictures.values()] == [False, True, True]


def test_the_label_of_a_video_is_its_file_name_or_its_place(tmp_path, videos):
    assert label(str(tmp_path / "a.mp4"), 3) == label(tmp_path / "a.mp4", 3) == "a.mp4"
    assert label(videos[0], 3) == "video 3"


@pytest.mark.parametrize("name", ["a.mp4", r"$\frac$.mp4"])  # the second is not a formula
def test_a_name_replaces_a_missing_picture(name):
    figure, ax = pyplot.subplots()
    show_picture(ax, None, name)
    figure.canvas.draw()
    assert not ax.images
    assert [text.get_text() for text in ax.texts] == [name]


def test_a_new_figure_has_axes_of_the_given_size():
    axes, bounding_ax = make_axes(None, (2, 3), size=(1, 2))
    assert axes.shape == (2, 3)
    assert bounding_ax is None
    assert axes[0, 0].figure.get_size_inches().tolist() == [3, 4]


def test_single_axes_are_divided():
    _, (left, right) = pyplot.subplots(1, 2)
    axes, bounding_ax = make_axes(right, (2, 3), size=(1, 1))
    assert bounding_ax is right
    assert axes.shape == (2, 3)
    assert axes[0, 0].get_position().x0 > left.get_position().x1


def test_several_axes_are_used_in_any_shape():
    _, given = pyplot.subplots(3, 2)
    axes, bounding_ax = make_axes(given, (1, 6), size=(1, 1))
    assert bounding_ax is None
    assert axes.tolist() == [given.ravel().tolist()]


def test_axes_that_do_not_fit_are_refused():
    figure, given = pyplot.subplots(1, 2)
    with pytest.raises(ValueError, match="ax has 2 axes: pass 2 x 3, or a single one"):
        make_axes(given, (2, 3), size=(1, 1))
    with pytest.raises(ValueError, match="not part of a grid"):
        make_axes(figure.add_axes([0, 0, 1, 1]), (2, 3), size=(1, 1))
    make_axes(given[0], (2, 3), size=(1, 1))
    with pytest.raises(ValueError, match=r"divided by another display: pass ax=display\.axes_"):
        make_axes(given[0], (2, 3), size=(1, 1))
