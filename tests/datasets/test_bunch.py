"""All loaders treat keys, missing videos, missing scores and stored arrays in the same way."""

import numpy as np
import pytest

from sklearn_m3s.datasets._bunch import make_bunch
from sklearn_m3s.datasets._reading import Folder
from sklearn_m3s.exceptions import M3SWarning


def row(name, scores=0.5, **others):
    return {"name": name, "split": "train", "stems": [name], "scores": scores, **others}


@pytest.fixture
def bunch(tmp_path):
    """Return a function from rows to a bunch, in a folder with videos a, b and c."""
    for name in "abc":
        (tmp_path / f"{name}.mp4").touch()

    def make(*rows, video_folder=None, missing="raise", keep_unscored=False):
        folder = Folder(tmp_path, "ask its owners")
        return make_bunch(list(rows), folder, video_folder, missing, keep_unscored)

    return make


def test_a_bunch_has_the_keys_of_its_rows(bunch, tmp_path):
    data = bunch(row("b", 0.25, decay=-1.0, captions=["a dog"]), row("a"))
    assert set(data) == {"videos", "names", "scores", "decay", "captions", "split"}
    assert data.videos == [str(tmp_path / "b.mp4"), str(tmp_path / "a.mp4")]
    assert data.names == ["b", "a"]
    assert data.captions == [["a dog"], []]
    assert data.split.tolist() == ["train", "train"]
    np.testing.assert_array_equal(data.scores, [0.25, 0.5])
    np.testing.assert_array_equal(data.decay, [-1, np.nan])


def test_unscored_rows_are_left_out_by_default(bunch):
    rows = [row("a"), row("b", np.nan), {"name": "c", "split": "test", "stems": ["c"]}]
    assert bunch(*rows).names == ["a"]
    kept = bunch(*rows, keep_unscored=True)
    assert kept.names == ["a", "b", "c"]
    np.testing.assert_array_equal(kept.scores, [0.5, np.nan, np.nan])


@pytest.mark.parametrize("rows", [[], [row("a", np.nan)]])
def test_no_score_at_all_is_an_error(bunch, rows):
    with pytest.raises(ValueError, match=r"the tables in .* have no scores: ask its owners"):
        bunch(*rows)


def test_missing_videos_are_counted_and_named(bunch):
    rows = [row("a"), *(row(f"gone{i}") for i in range(5))]
    message = r"5 of 6 videos have no file .*\['gone0', 'gone1', 'gone2'\]: pass .* video_folder"
    with pytest.raises(FileNotFoundError, match=message):
        bunch(*rows)


def test_missing_videos_can_be_left_out_with_a_warning(bunch):
    with pytest.warns(M3SWarning, match="1 of 2 videos have no file .* left out"):
        data = bunch(row("gone", 0.1), row("b", 0.2), missing="skip")
    assert data.names == ["b"]
    np.testing.assert_array_equal(data.scores, [0.2])


def test_it_is_an_error_if_all_videos_are_missing(bunch):
    with pytest.raises(FileNotFoundError, match="2 of 2 videos"):
        bunch(row("gone"), row("lost"), missing="skip")


def test_videos_may_be_in_another_folder(bunch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("videos")
    (elsewhere / "a.mp4").touch()
    assert bunch(row("a"), video_folder=elsewhere).videos == [str(elsewhere / "a.mp4")]
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder: .* as video_folder"):
        bunch(row("a"), video_folder=elsewhere / "nowhere")


def test_a_video_in_two_rows_is_an_error(bunch):
    with pytest.raises(ValueError, match=r"1 video\(s\) in .* more than one row, such as \['a'\]"):
        bunch(row("a"), row("b"), row("a", 0.7))


@pytest.mark.parametrize("key", ["scores", "raw_scores", "long_term_scores"])
@pytest.mark.parametrize("value", [77.8, -0.2, np.inf])
def test_scores_outside_the_unit_interval_are_an_error(bunch, key, value):
    with pytest.raises(ValueError, match=f"1 of the {key} are outside .* of 'b': divide"):
        bunch(row("a", **{key: 0.5}), row("b") | {key: value})


def test_scores_slightly_outside_are_clipped(bunch):
    data = bunch(row("a", 1.02), row("b", -0.01), row("c", 0.5))
    np.testing.assert_array_equal(data.scores, [1, 0, 0.5])


def test_stored_frames_are_arrays_that_stay_on_disk(bunch, tmp_path, draw):
    np.save(tmp_path / "d.npy", draw(3))
    data = bunch(row("d"), row("a"))
    assert isinstance(data.videos[0], np.memmap)
    np.testing.assert_array_equal(data.videos[0], draw(3))
    assert data.videos[1] == str(tmp_path / "a.mp4")


def test_stored_frames_that_cannot_be_read_are_named(bunch, tmp_path):
    (tmp_path / "d.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"d\.npy is not an array of frames"):
        bunch(row("d"))
