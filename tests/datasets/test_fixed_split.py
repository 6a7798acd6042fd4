"""The split is always the same: the official one, or one by the names of the videos."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import check_cv, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from sklearn_m3s.datasets import fixed_split, load_lamem

VIDEOS = [f"clips/video{i}.mp4" for i in range(10)]


def official(*parts):
    names = [f"video{i}" for i in range(len(parts))]
    return Bunch(videos=names, scores=np.linspace(0, 1, len(parts)), split=np.array(parts))


def test_hashed_folds_are_those_of_sha256():
    # The first eight digits of `printf 0/video0 | sha256sum`, and so on, as shares of 16^8.
    shares = np.array([0.264, 0.203, 0.293, 0.840, 0.386, 0.110, 0.341, 0.577, 0.265, 0.444])
    data = Bunch(videos=VIDEOS)
    np.testing.assert_array_equal(fixed_split(data).test_fold, np.where(shares < 0.2, 0, -1))
    expected = np.where(shares < 0.3, 0, -1)
    np.testing.assert_array_equal(fixed_split(data, test_size=0.3).test_fold, expected)
    np.testing.assert_array_equal(fixed_split(data, n_splits=3).test_fold, shares * 3 // 1)


def test_the_split_ignores_order_folder_suffix_and_other_videos():
    first = fixed_split(Bunch(videos=VIDEOS), n_splits=2).test_fold
    others = [f"/elsewhere/video{i}.webm" for i in reversed(range(8))]
    second = fixed_split(Bunch(videos=others), n_splits=2).test_fold
    np.testing.assert_array_equal(second[::-1], first[:8])


def test_given_names_are_used():
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    named = Bunch(videos=[frames] * 10, names=[f"video{i}" for i in range(10)])
    expected = fixed_split(Bunch(videos=VIDEOS)).test_fold
    np.testing.assert_array_equal(fixed_split(named).test_fold, expected)
    with pytest.raises(TypeError, match=r"of type ndarray has no name: add data\.names"):
        fixed_split(Bunch(videos=[frames] * 10))


def test_another_seed_gives_another_split():
    data = Bunch(videos=VIDEOS)
    first, second = (fixed_split(data, n_splits=2, random_state=i).test_fold for i in (0, 1))
    assert not np.array_equal(first, second)


def test_shares_are_roughly_as_given():
    data = Bunch(videos=[f"video{i}.webm" for i in range(8000)])
    sizes = [(fixed_split(data).test_fold == 0).mean()]
    sizes += (np.bincount(fixed_split(data, n_splits=5).test_fold) / 8000).tolist()
    np.testing.assert_allclose(sizes, 0.2, atol=0.02)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["train", "val", "train"], [-1, 0, -1]),
        (["dev", "train", "train"], [0, -1, -1]),
        (["train", "val", "test"], [-1, -1, 0]),
        (["dev", "test", "dev"], [-1, 0, -1]),
    ],
)
def test_official_parts_are_followed(parts, expected):
    assert fixed_split(official(*parts)).test_fold.tolist() == expected


def test_folds_are_made_by_hash_even_where_parts_are_official():
    data = official("train", "train", "val", "val", "train")
    expected = fixed_split(Bunch(videos=VIDEOS[:5]), n_splits=2).test_fold
    np.testing.assert_array_equal(fixed_split(data, n_splits=2).test_fold, expected)


def test_one_part_is_split_by_hash():
    data = official(*["dev"] * 10)
    expected = fixed_split(Bunch(videos=VIDEOS)).test_fold
    np.testing.assert_array_equal(fixed_split(data).test_fold, expected)


def test_cross_validation_takes_the_split_of_a_loader(tmp_path):
    scores = [0.1, 0.2, 0.3, 0.4, 0.5]
    for part, members in (("train", (1, 3)), ("val", (4,)), ("test", (2, 5))):
        lines = [f"{'a' * i}.jpg {scores[i - 1]}" for i in members]
        (tmp_path / f"{part}_1.txt").write_text("\n".join(lines))
        for i in members:
            (tmp_path / f"{'a' * i}.jpg").touch()
    data = load_lamem(tmp_path)
    lengths = FunctionTransformer(lambda videos: np.array([[len(v)] for v in videos]))
    model = make_pipeline(lengths, LinearRegression())
    cv = fixed_split(data)
    assert check_cv(cv) is cv
    (train, test), *rest = cv.split()
    assert not rest
    assert data.split[train].tolist() == ["train", "train", "val"]
    assert data.split[test].tolist() == ["test", "test"]
    np.testing.assert_allclose(cross_val_score(model, data.videos, data.scores, cv=cv), 1)


@pytest.mark.parametrize("parameters", [{"test_size": 0.01}, {"n_splits": 10}])
def test_an_empty_part_is_an_error(parameters):
    with pytest.raises(ValueError, match="the 10 videos leave a part of the split empty"):
        fixed_split(Bunch(videos=VIDEOS), **parameters)


def test_withheld_scores_are_an_error():
    data = official("train", "val", "test") | {"scores": np.array([0.5, 0.6, np.nan])}
    with pytest.raises(ValueError, match="1 of the scores are NaN: load without keep_unscored"):
        fixed_split(Bunch(**data))


def test_parts_of_unknown_names_are_an_error():
    with pytest.raises(ValueError, match=r"the parts \['one', 'two'\]: rename the test part"):
        fixed_split(official("one", "two"))


@pytest.mark.parametrize(
    ("name", "value"), [("n_splits", 1), ("test_size", 1.0), ("random_state", None)]
)
def test_a_bad_parameter_is_named(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        fixed_split(Bunch(videos=VIDEOS), **{name: value})
