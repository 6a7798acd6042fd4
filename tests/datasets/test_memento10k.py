"""Memento10k: one JSON file per part, and a folder of videos."""

import json

import numpy as np
import pytest

from sklearn_m3s.datasets import load_memento10k

TRAIN = [
    {
        "filename": "biking_1.mp4",
        "mem_score": 0.71,
        "alpha": -0.002,
        "captions": ["a man bikes", "a bike on a road"],
        "action_labels": ["biking", "cycling"],
        "url": "https://host/biking/1.mp4",
    },
    {"filename": "baking_2.mp4", "mem_score": 0.93, "alpha": 0.0004, "captions": "bread"},
]
VAL = [{"filename": "boating_3.mp4", "mem_score": 0.5, "alpha": -0.001, "captions": ["a boat"]}]
TEST = [{"filename": "bowing_4.mp4", "captions": ["a bow"]}]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "videos").mkdir()
    for part, rows in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        (tmp_path / f"memento_{part}_data.json").write_text(json.dumps(rows))
        for row in rows:
            (tmp_path / "videos" / row["filename"]).touch()
    return tmp_path


def test_the_parts_are_joined_under_the_common_keys(root):
    data = load_memento10k(root)
    videos = root / "videos"
    assert data.videos == [str(videos / row["filename"]) for row in TRAIN + VAL]
    assert data.names == ["biking_1", "baking_2", "boating_3"]
    assert data.split.tolist() == ["train", "train", "val"]
    assert data.captions == [["a man bikes", "a bike on a road"], ["bread"], ["a boat"]]
    assert data.action_labels == [["biking", "cycling"], [], []]
    np.testing.assert_array_equal(data.scores, [0.71, 0.93, 0.5])
    np.testing.assert_array_equal(data.decay, [-0.002, 0.0004, -0.001])
    assert "long_term_scores" not in data


def test_the_test_part_without_scores_is_kept_on_request(root):
    data = load_memento10k(root, keep_unscored=True)
    assert data.split.tolist() == ["train", "train", "val", "test"]
    assert np.isnan(data.scores).tolist() == [False, False, False, True]


def test_the_file_of_the_test_part_may_be_missing(root):
    (root / "memento_test_data.json").unlink()
    assert load_memento10k(root).names == ["biking_1", "baking_2", "boating_3"]


@pytest.mark.parametrize("part", ["train", "val"])
def test_the_other_files_must_exist(root, part):
    (root / f"memento_{part}_data.json").unlink()
    with pytest.raises(FileNotFoundError, match=rf"memento_{part}_data\.json .*memento\.csail"):
        load_memento10k(root)


def test_the_training_part_needs_scores(root):
    (root / "memento_train_data.json").write_text(json.dumps(TEST))
    with pytest.raises(ValueError, match=r"train_data\.json has no 'mem_score', only"):
        load_memento10k(root)


def test_videos_stored_as_arrays_are_found(root, draw):
    (root / "videos" / "biking_1.mp4").unlink()
    (root / "videos_npy").mkdir()
    np.save(root / "videos_npy" / "biking_1.npy", draw(4))
    np.save(root / "videos_npy" / "baking_2.npy", draw(5))
    data = load_memento10k(root)
    assert data.videos[0].shape == (4, 48, 64, 3)
    assert data.videos[1] == str(root / "videos" / "baking_2.mp4")


def test_the_same_video_in_two_parts_is_an_error(root):
    (root / "memento_val_data.json").write_text(json.dumps(TRAIN[:1]))
    with pytest.raises(ValueError, match=r"more than one row, such as \['biking_1'\]"):
        load_memento10k(root)


@pytest.mark.parametrize(
    ("name", "value"), [("missing", "ignore"), ("keep_unscored", 2), ("video_folder", 3)]
)
def test_a_bad_parameter_is_named(root, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        load_memento10k(root, **{name: value})
