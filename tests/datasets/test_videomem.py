"""VideoMem: a table of scores, titles, and sources in WebM."""

import numpy as np
import pytest

from sklearn_m3s.datasets import load_videomem

HEADER = (
    "video,short-term_memorability,nb_short-term_annotations,"
    "long-term_memorability,nb_long-term_annotations\n"
)
TABLE = "ground-truth_dev-set.csv"


@pytest.fixture
def root(tmp_path):
    """The layout of the release."""
    (tmp_path / "dev-set" / "ground-truth").mkdir(parents=True)
    table = "video3.webm,0.924,34,0.846,13\nvideo4.webm,0.923,33,,0\n"
    (tmp_path / "dev-set" / "ground-truth" / TABLE).write_text(HEADER + table)
    titles = "video3.webm\tblonde-woman\nvideo4.webm\troulette-table-\n"
    (tmp_path / "dev-set" / "dev-set_video-captions.txt").write_text(titles)
    (tmp_path / "dev-set" / "sources").mkdir()
    for name in ("video3", "video4"):
        (tmp_path / "dev-set" / "sources" / f"{name}.webm").touch()
    return tmp_path


def test_scores_and_titles_are_given_under_the_common_keys(root):
    data = load_videomem(root)
    sources = root / "dev-set" / "sources"
    assert data.videos == [str(sources / "video3.webm"), str(sources / "video4.webm")]
    assert data.names == ["video3", "video4"]
    assert data.split.tolist() == ["dev", "dev"]
    assert data.captions == [["blonde-woman"], ["roulette-table-"]]
    np.testing.assert_array_equal(data.scores, [0.924, 0.923])
    np.testing.assert_array_equal(data.long_term_scores, [0.846, np.nan])
    np.testing.assert_array_equal(data.n_annotations, [34, 33])
    np.testing.assert_array_equal(data.n_long_term_annotations, [13, 0])


def test_a_flat_layout_with_resized_videos_is_read(tmp_path):
    (tmp_path / TABLE).write_text("video,short-term_memorability\nvideo3.webm,0.9\n")
    (tmp_path / "resized_mp4").mkdir()
    (tmp_path / "resized_mp4" / "video3.mp4").touch()
    data = load_videomem(tmp_path)
    assert data.videos == [str(tmp_path / "resized_mp4" / "video3.mp4")]
    assert set(data) == {"videos", "names", "scores", "split"}


@pytest.mark.parametrize("name", ["ground-truth_test-set.csv", "test-set_ground-truth.csv"])
def test_a_test_part_with_scores_is_joined(root, name):
    (root / "test-set" / "sources").mkdir(parents=True)
    (root / "test-set" / name).write_text(HEADER + "video7494.webm,0.8,30,0.7,12\n")
    (root / "test-set" / "sources" / "video7494.webm").touch()
    data = load_videomem(root)
    assert data.split.tolist() == ["dev", "dev", "test"]
    np.testing.assert_array_equal(data.scores, [0.924, 0.923, 0.8])
    assert data.captions[2] == []


def test_the_error_for_a_missing_table_says_where_to_request_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{TABLE} .*InterDigital at https://www\.interd"):
        load_videomem(tmp_path)


def test_a_missing_column_is_named(root):
    path = root / "dev-set" / "ground-truth" / TABLE
    path.write_text("video,memorability\nvideo3.webm,0.9\n")
    with pytest.raises(ValueError, match=r"no 'short-term_memorability', only \['video', 'memor"):
        load_videomem(root)
