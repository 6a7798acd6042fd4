"""Files are found by name at any depth, and never guessed."""

import pytest

from sklearn_m3s.datasets._folder import IMAGES, VIDEOS, Folder


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


def test_the_first_name_that_is_there_is_taken(put, tmp_path):
    folder = put("a/old.csv", "new.csv")
    assert folder.find("newest.csv", "new.csv", "old.csv") == tmp_path / "new.csv"


def test_what_is_not_there_is_an_error_that_says_how_to_get_it(put):
    with pytest.raises(FileNotFoundError, match=r"a\.csv or b\.csv is neither in .*ask its owners"):
        put("c.csv").find("a.csv", "b.csv")


def test_what_is_optional_is_none_where_it_is_not_there(put):
    assert put().find("table.csv", optional=True) is None


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is no folder: ask its owners"):
        Folder(tmp_path / "nowhere", "ask its owners")


def test_two_tables_of_one_name_are_not_chosen_between(put):
    with pytest.raises(ValueError, match=r"2 files \(.*one/t\.csv, .*two/t\.csv\) have one name"):
        put("one/t.csv", "two/t.csv").find("t.csv")


def test_hidden_files_and_those_of_macos_archives_are_left_out(put, tmp_path):
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
def test_the_preferred_ending_of_a_video_wins(put, tmp_path, names, chosen):
    found = put(*names).find_media(["a"], VIDEOS)
    assert found == (chosen and tmp_path / chosen)


def test_images_have_endings_of_their_own(put, tmp_path):
    assert put("a.mp4", "images/a.jpg").find_media(["a"], IMAGES) == tmp_path / "images" / "a.jpg"


def test_the_first_of_several_names_wins(put, tmp_path):
    assert put("11.mp4", "00011.mp4").find_media(["11", "00011"], VIDEOS) == tmp_path / "11.mp4"


def test_two_videos_of_one_name_ask_for_a_folder(put):
    with pytest.raises(ValueError, match=r"2 files .* choose by video_folder"):
        put("large/a.mp4", "small/a.mp4").find_media(["a"], VIDEOS)
