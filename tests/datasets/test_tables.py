"""Tables become rows of floats; what cannot is named with its file and row."""

import json

import numpy as np
import pytest

from sklearn_m3s.datasets._tables import read_csv, read_json, stem, to_rows

COLUMNS = {"name": "video", "scores": "score", "decay": "alpha"}


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


def test_a_byte_order_mark_and_blanks_after_commas_do_no_harm(write):
    path = write("video, score\na.mp4, 0.5\n", encoding="utf-8-sig")
    assert read_csv(path, ["video", "score"]) == [{"video": "a.mp4", "score": "0.5"}]


def test_a_missing_column_is_named_with_those_that_are_there(write):
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
def test_json_that_is_no_list_of_objects_is_refused(write, text):
    with pytest.raises(ValueError, match="table is no list of objects"):
        read_json(write(text), [])


def test_a_truncated_json_file_is_named(write):
    with pytest.raises(ValueError, match=r"table is no JSON .*: fetch it again"):
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
def test_a_cell_that_is_no_number_is_named(tmp_path, cell):
    with pytest.raises(ValueError, match=r"'score' of 'a' is .*, not a number"):
        to_rows([{"video": "a", "score": cell}], COLUMNS, "dev", tmp_path / "t.csv")


def test_a_row_without_a_name_is_counted(tmp_path):
    with pytest.raises(ValueError, match=r"t\.csv: row 2 has no 'video'"):
        to_rows([{"video": "a"}, {"video": ""}], COLUMNS, "dev", tmp_path / "t.csv")


@pytest.mark.parametrize(("name", "expected"), [("a/video3.webm", "video3"), ("8", "8")])
def test_a_stem_has_no_folder_and_no_ending(name, expected):
    assert stem(name) == expected
