"""Valid and invalid sequences of videos."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_m3s.video import check_videos, video_name

FRAMES = np.zeros((2, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    "videos",
    [
        ["a.mp4", Path("b.mp4"), FRAMES],
        ("a.mp4", "b.mp4"),
        np.array(["a.mp4", "b.mp4"]),
        np.array(["a.mp4", Path("b.mp4")], dtype=object),
        pd.Series(["a.mp4", "b.mp4"], index=[7, 3]),
    ],
    ids=["mixed list", "tuple", "array of str", "array of objects", "Series"],
)
def test_a_sequence_becomes_a_list_of_the_same_items(videos):
    checked = check_videos(videos)
    assert isinstance(checked, list)
    assert all(a is b or a == b for a, b in zip(checked, videos, strict=True))


@pytest.mark.parametrize("videos", ["a.mp4", Path("a.mp4"), b"a.mp4"])
def test_a_bare_path_is_an_error_that_shows_the_list_to_pass(videos):
    with pytest.raises(TypeError, match=r"single path.*pass a list"):
        check_videos(videos)


@pytest.mark.parametrize("videos", [[], (), np.array([]), pd.Series([], dtype=object)])
def test_no_video_is_an_error(videos):
    with pytest.raises(ValueError, match="X is empty"):
        check_videos(videos)


@pytest.mark.parametrize("videos", [FRAMES, np.zeros((3, 2)), pd.DataFrame({"a": ["x"]})])
def test_a_single_array_or_a_table_is_an_error_that_names_its_shape(videos):
    with pytest.raises(ValueError, match=r"dimensions \(shape \("):
        check_videos(videos)


@pytest.mark.parametrize(
    ("videos", "cure"),
    [
        (pd.DataFrame({"clip": ["x", "y"]}), r"table\['clip'\] and not table\[\['clip'\]\]"),
        (
            pd.DataFrame({"clip": ["x"], "score": [1]}),
            r"with the paths, as table\['video'\]",
        ),
        (np.array([["x"], ["y"]]), r"shape \(2, 1\)\).* pass X\[:, 0\]"),
    ],
)
def test_a_table_is_an_error_that_says_to_pass_its_column(videos, cure):
    with pytest.raises(ValueError, match=cure):
        check_videos(videos)


@pytest.mark.parametrize("videos", [3, None, iter(["a.mp4"]), {"a.mp4": 1}, {"a.mp4"}])
def test_anything_but_a_sequence_is_an_error_that_names_its_type(videos):
    with pytest.raises(TypeError, match=type(videos).__name__):
        check_videos(videos)


def test_a_video_is_named_by_its_path_or_its_position_and_shape():
    assert video_name(Path("a/b.mp4"), 3) == str(Path("a/b.mp4"))
    assert video_name(FRAMES, 3) == "X[3] (array of shape (2, 4, 4, 3))"
    assert video_name(None, 0) == "X[0] (None)"
