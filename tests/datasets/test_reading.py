"""Files are found by name at any depth, and tables become rows of floats."""

import json

import numpy as np
import pytest

from sklearn_m3s.datasets._reading import (
    IMAGES,
    VIDEOS,
    Folder,
    read_csv,
    read_json,
    stem,
    to_rows,
)

COLUMNS = {"name": "video", "scores": "score", "decay": "alpha"}


@pytest.fixture
def put(tmp_path):
    """Return a function that makes empty files below a folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return Folder(tmp_path, "ask its owners")

    return make


def test_a_file_is_found_at_any_depth(put, tmp_path):
    assert put("a/b/table.csv").find("table.csv") == tmp_path / "a" / "b" / "table.csv"


def test_the_first_existing_name_wins(put, tmp_path):
    folder = put("a/old.csv", "new.csv")
    assert folder.find("newest.csv", "new.csv", "old.csv") == tmp_path / "new.csv"


def test_an_error_says_how_to_get_a_missing_file(put):
    with pytest.raises(FileNotFoundError, match=r"a\.csv or b\.csv is neither in .*ask its owners"):
        put("c.csv").find("a.csv", "b.csv")


def test_an_optional_file_may_be_missing(put):
    assert put().find_optional("table.csv") is None


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder: ask its owners"):
        Folder(tmp_path / "nowhere", "ask its owners")


def test_two_tables_with_the_same_name_are_an_error(put):
    with pytest.raises(ValueError, match=r"2 files \(.*one/t\.csv, .*two/t\.csv\) have the same"):
        put("one/t.csv", "two/t.csv").find("t.csv")


def test_hidden_files_and_additions_of_macos_are_left_out(put, tmp_path):
    folder = put("t.csv", ".trash/t.csv", "__MACOSX/t.csv", ".t.csv")
    assert folder.find("t.csv") == tmp_path / "t.csv"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["npy/a.npy", "sources/a.webm", "small/a.mp4"], "small/a.mp4"),
        (["npy/a.npy", "sources/a.webm"], "sources/a.webm"),
        (["npy/a.npy", "features/a.txt"], "npy/a.npy"),
        (["A/a.MP4"], "A/a.MP4"),
        (["a.b.mp4"], None),
        (["a.txt", "a.jpg"], None),
    ],
)
def test_the_preferred_suffix_of_a_video_wins(put, tmp_path, names, chosen):
    found = put(*names).find_media(["a"], VIDEOS)
    assert found == (chosen and tmp_path / chosen)


def test_images_have_other_suffixes(put, tmp_path):
    assert put("a.mp4", "images/a.jpg").find_media(["a"], IMAGES) == tmp_path / "images" / "a.jpg"


def test_the_first_of_several_names_wins(put, tmp_path):
    assert put("11.mp4", "00011.mp4").find_media(["11", "00011"], VIDEOS) == tmp_path / "11.mp4"


def test_the_error_for_two_videos_of_one_name_asks_for_a_folder(put):
    with pytest.raises(ValueError, match=r"2 files .* choose between them with video_folder"):
        put("large/a.mp4", "small/a.mp4").find_media(["a"], VIDEOS)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "table"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_cells_are_given_by_column(write):
    path = write('video,score\na.mp4,0.5\n"b, c.mp4",1\n')
    assert read_csv(path, ["video"]) == [
        {"video": "a.mp4", "score": "0.5"},
        {"video": "b, c.mp4", "score": "1"},
    ]


def test_a_byte_order_mark_and_blanks_after_commas_are_ignored(write):
    path = write("video, score\na.mp4, 0.5\n", encoding="utf-8-sig")
    assert read_csv(path, ["video", "score"]) == [{"video": "a.mp4", "score": "0.5"}]


def test_an_error_names_the_missing_and_the_existing_columns(write):
    with pytest.raises(ValueError, match=r"table has no 'score', only \['video', 'other'\]"):
        read_csv(write("video,other\n"), ["video", "score"])


def test_a_table_without_commas_shows_its_header(write):
    with pytest.raises(ValueError, match=r"only \['video;score'\]"):
        read_csv(write("video;score\na.mp4;0.5\n"), ["video"])


def test_an_empty_file_has_no_columns(write):
    with pytest.raises(ValueError, match=r"has no 'video', only \[\]"):
        read_csv(write(""), ["video"])


def test_json_needs_a_key_in_some_object(write):
    rows = [{"filename": "a"}, {"filename": "b", "mem_score": 0.5}]
    assert read_json(write(json.dumps(rows)), ["filename", "mem_score"]) == rows
    with pytest.raises(ValueError, match=r"no 'alpha', only \['filename', 'mem_score'\]"):
        read_json(write(json.dumps(rows)), ["alpha"])


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2]", "3"])
def test_json_must_be_a_list_of_objects(write, text):
    with pytest.raises(ValueError, match="table is not a list of objects"):
        read_json(write(text), [])


def test_a_truncated_json_file_is_named(write):
    with pytest.raises(ValueError, match=r"table is not valid JSON .*: fetch it again"):
        read_json(write('[{"filename": "a'), [])


def test_rows_get_the_keys_of_a_bunch(tmp_path):
    records = [{"video": " a/video3.webm ", "score": "0.5", "other": "x"}]
    assert to_rows(records, COLUMNS, "dev", tmp_path) == [
        {"name": "video3", "split": "dev", "scores": 0.5}
    ]


@pytest.mark.parametrize("cell", ["", "  ", None, "nan", "NaN", np.nan])
def test_an_empty_cell_is_nan(tmp_path, cell):
    (row,) = to_rows([{"video": "a", "score": cell}], COLUMNS, "dev", tmp_path)
    assert np.isnan(row["scores"])


@pytest.mark.parametrize("cell", ["high", "0,5", ["0.5"]])
def test_an_error_names_a_cell_that_is_not_a_number(tmp_path, cell):
    with pytest.raises(ValueError, match=r"'score' of 'a' is .*: use a number"):
        to_rows([{"video": "a", "score": cell}], COLUMNS, "dev", tmp_path / "t.csv")


def test_an_error_gives_the_position_of_a_row_without_a_name(tmp_path):
    with pytest.raises(ValueError, match=r"t\.csv: row 2 has no 'video'"):
        to_rows([{"video": "a"}, {"video": ""}], COLUMNS, "dev", tmp_path / "t.csv")


@pytest.mark.parametrize(("name", "expected"), [("a/video3.webm", "video3"), ("8", "8")])
def test_a_stem_has_no_folder_and_no_suffix(name, expected):
    assert stem(name) == expected
