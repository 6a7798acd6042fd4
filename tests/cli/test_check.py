"""``m3s check`` finds every bad video, and only those."""

from pathlib import Path

import numpy as np
from PIL import Image


def test_good_files_are_listed(m3s, clip_path, tmp_path, read_rows):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "picture.png")
    done = m3s("check", "--json", clip_path, tmp_path / "picture.png")
    assert done.exit_code == 0
    clip, picture = read_rows(done.stdout)
    assert clip == {
        "file": clip_path, "kind": "video", "seconds": 1.0, "width": 64, "height": 48,
        "frames": 30, "problem": "",
    }  # fmt: skip
    assert picture["kind"] == "image"
    assert picture["seconds"] is None
    assert (picture["width"], picture["height"], picture["frames"]) == (30, 20, 1)


def test_the_problem_of_each_bad_file_is_named(
    m3s, draw, write_clip, bad_file, tmp_path, read_rows
):
    good = write_clip(tmp_path / "good.mkv", draw(60))
    content = Path(good).read_bytes()
    for name, share in {"half.mkv": 0.5, "almost.mkv": 0.97}.items():
        (tmp_path / name).write_bytes(content[: int(share * len(content))])
    done = m3s("check", "--json", tmp_path, "--n-jobs", 2, tmp_path / "gone.mp4")
    assert done.exit_code == 1
    problems = {row["file"].rpartition("/")[2]: row["problem"] for row in read_rows(done.stdout)}
    assert list(problems) == ["almost.mkv", "bad.mp4", "good.mkv", "half.mkv", "gone.mp4"]
    assert problems["good.mkv"] == ""
    assert "does not exist" in problems["gone.mp4"]
    assert "cannot be decoded" in problems["bad.mp4"]
    assert "is truncated or damaged" in problems["half.mkv"]
    assert "is damaged" in problems["almost.mkv"]  # a warning of the tiers
    assert "1 of 5 files are good" in done.stderr


def test_the_table_is_aligned_and_has_one_row_per_file(m3s, clip_path, bad_file):
    done = m3s("check", "--quiet", clip_path, bad_file)
    header, good, bad = done.stdout.splitlines()
    assert header.split() == ["file", "kind", "seconds", "size", "frames", "problem"]
    assert good.split() == [clip_path, "video", "1", "64x48", "30", "-"]
    assert bad[header.index("problem") :].startswith("cannot be decoded")
    assert done.stderr == ""
