"""LaMem: images, and five splits of lines with a file name and a score."""

import numpy as np
import pytest

from sklearn_m3s.datasets import load_lamem
from sklearn_m3s.exceptions import M3SWarning


@pytest.fixture
def root(tmp_path):
    lamem = tmp_path / "lamem"
    for folder in ("images", "splits"):
        (lamem / folder).mkdir(parents=True)
    for i in range(4):
        (lamem / "images" / f"0000000{i}.jpg").touch()
    for split, order in ((1, (0, 1, 2, 3)), (2, (3, 2, 1, 0))):
        lines = [f"0000000{i}.jpg 0.{i + 5}00000\n" for i in order]
        (lamem / "splits" / f"train_{split}.txt").write_text("".join(lines[:2]))
        (lamem / "splits" / f"val_{split}.txt").write_text(lines[2])
        (lamem / "splits" / f"test_{split}.txt").write_text(lines[3])
    return tmp_path


def test_a_split_is_read_in_its_order(root):
    data = load_lamem(root)
    assert data.videos == [str(root / "lamem" / "images" / f"0000000{i}.jpg") for i in range(4)]
    assert data.names == ["00000000", "00000001", "00000002", "00000003"]
    assert data.split.tolist() == ["train", "train", "val", "test"]
    np.testing.assert_array_equal(data.scores, [0.5, 0.6, 0.7, 0.8])
    assert set(data) == {"videos", "names", "scores", "split"}


def test_another_split_has_other_parts(root):
    data = load_lamem(root, split=2)
    np.testing.assert_array_equal(data.scores[data.split == "test"], [0.5])


def test_a_missing_split_is_named(root):
    with pytest.raises(FileNotFoundError, match=r"train_3\.txt .*memorability\.csail\.mit\.edu"):
        load_lamem(root, split=3)


def test_a_line_without_a_score_is_left_out(root):
    (root / "lamem" / "splits" / "val_1.txt").write_text("00000002.jpg\n\n")
    assert load_lamem(root).split.tolist() == ["train", "train", "test"]
    assert np.isnan(load_lamem(root, keep_unscored=True).scores[2])


def test_missing_images_can_be_left_out(root):
    (root / "lamem" / "images" / "00000001.jpg").unlink()
    with pytest.warns(M3SWarning, match="1 of 4 videos") as record:
        data = load_lamem(root, missing="skip")
    assert record[0].filename == __file__
    np.testing.assert_array_equal(data.scores, [0.5, 0.7, 0.8])


@pytest.mark.parametrize("split", [0, 6, "1"])
def test_other_splits_are_refused(root, split):
    with pytest.raises(ValueError, match="The 'split' parameter"):
        load_lamem(root, split=split)
