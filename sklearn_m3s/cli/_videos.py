"""The argument VIDEOS: turn files, folders, patterns and lists into one list of files."""

import glob
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

SUFFIXES = {
    ".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
    ".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip

_HELP = """VIDEOS are files, folders (all videos and images in them), patterns such as "ads/*.mp4",
@list.txt (a file with one path per line, relative to that file), or - (paths from stdin)."""


def takes_videos(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument VIDEOS, and its help."""
    function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{_HELP}"
    return click.argument("videos", nargs=-1, required=True, metavar="VIDEOS...")(function)


def expand(arguments: Iterable[str]) -> list[str]:
    """Return the files that the arguments name, in their order and without repeats.

    Files in a folder are ordered by name. A path that does not exist is kept and later fails as a
    bad video.

    Raises
    ------
    click.UsageError
        If no file exists.
    """
    files: dict[str, str] = {}
    for file in _expand(arguments):
        files.setdefault(os.path.abspath(file), file)
    found = list(files.values())
    if not any(map(os.path.exists, found)):
        absent = f", such as {found[0]!r}" if found else ""
        raise click.UsageError(
            f"VIDEOS: no video or image found{absent}: give files, folders, patterns, "
            f"@list.txt or - (read from {Path.cwd()})"
        )
    return found


def _expand(arguments: Iterable[str]) -> Iterator[str]:
    for argument in arguments:
        if argument == "-":
            yield from _lines(sys.stdin, "")
        elif argument.startswith("@"):
            yield from _listed(argument[1:])
        else:
            yield from _matching(argument)


def _listed(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield from _lines(file, os.path.dirname(path))
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"VIDEOS: the list {path} cannot be read ({error}): give a text file with one path "
            "per line"
        ) from error


def _lines(lines: Iterable[str], folder: str) -> Iterator[str]:
    for line in lines:
        if line.strip():
            yield from _matching(os.path.join(folder, line.strip()))


def _matching(path: str) -> Iterator[str]:
    """Yield a file, the files of a folder, or those that match a pattern."""
    if os.path.isdir(path):
        yield from _in_folder(path)
    elif os.path.lexists(path) or not glob.has_magic(path):
        yield path
    else:
        for match in sorted(glob.glob(path, recursive=True)):
            yield from _in_folder(match) if os.path.isdir(match) else [match]


def _in_folder(root: str) -> Iterator[str]:
    """Yield videos and images below a folder, without hidden ones and leftovers of macOS."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield os.path.join(folder, name)
