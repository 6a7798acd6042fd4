"""VIDEOS may be files, folders, patterns and lists."""

import io
import os

import click
import pytest

from sklearn_m3s.cli._videos import expand


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in a folder of empty files."""
    monkeypatch.chdir(tmp_path)
    names = "b.mp4 a.MOV notes.txt .hidden.mp4 sub/c.jpg sub/d.webm __MACOSX/e.mp4 .git/f.mp4"
    for name in names.split():
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        open(name, "w").close()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["b.mp4", "a.MOV"], ["b.mp4", "a.MOV"]),
        (["."], ["./a.MOV", "./b.mp4", "./sub/c.jpg", "./sub/d.webm"]),
        (["sub"], ["sub/c.jpg", "sub/d.webm"]),
        (["*.mp4", "s*"], ["b.mp4", "sub/c.jpg", "sub/d.webm"]),
        (["**/*.webm"], ["sub/d.webm"]),
        (["notes.txt"], ["notes.txt"]),  # a file that is named is taken
        (["sub/d.webm", "./sub", "sub/../b.mp4", "b.mp4"], ["sub/d.webm", "./sub/c.jpg",
                                                            "sub/../b.mp4"]),
        (["gone.mp4", "b.mp4"], ["gone.mp4", "b.mp4"]),
    ],
)  # fmt: skip
def test_files_are_found_in_order_and_once(folder, arguments, expected):
    assert expand(arguments) == expected


def test_lists_hold_paths_relative_to_them(folder):
    (folder / "sub" / "list.txt").write_text("d.webm\n\n../b.mp4\r\n", encoding="utf-8-sig")
    assert expand(["@sub/list.txt"]) == ["sub/d.webm", "sub/../b.mp4"]


def test_a_minus_reads_paths_from_stdin(folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("sub\nb.mp4\n"))
    assert expand(["-"]) == ["sub/c.jpg", "sub/d.webm", "b.mp4"]


def test_an_existing_name_with_pattern_characters_is_not_expanded(folder):
    open("x[1].mp4", "w").close()
    assert expand(["x[1].mp4"]) == ["x[1].mp4"]


@pytest.mark.parametrize("argument", ["gone", "*.avi", "__MACOSX/.", "@gone.txt", "-"])
def test_an_error_says_that_no_video_was_found(folder, argument, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    (folder / "__MACOSX" / "e.mp4").unlink()
    with pytest.raises(click.UsageError, match="VIDEOS"):
        expand([argument])


def test_a_command_without_videos_is_a_usage_error(folder, m3s):
    done = m3s("check", "gone")
    assert done.exit_code == 2
    assert "'gone'" in done.stderr
    assert done.stdout == ""
