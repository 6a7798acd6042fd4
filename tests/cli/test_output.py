"""Results go to stdout or to a complete file, and everything else goes to stderr."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas
import pytest

from sklearn_m3s.cli._run import Run
from sklearn_m3s.cli._tables import to_json, write_or_print


@pytest.fixture
def run():
    """Return the settings of a run."""
    return Run(as_json=False, n_jobs=1, cache=None, quiet=True)


def test_json_has_no_number_that_is_not_finite():
    text = to_json([{"a": np.float32(0.5), "b": np.nan, "c": [np.inf, 1, None], "d": "é"}])
    assert json.loads(text) == [{"a": 0.5, "b": None, "c": [None, 1, None], "d": "é"}]


def test_a_file_is_replaced_when_the_new_one_is_complete(run, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    write_or_print(run, pandas.DataFrame({"a": [1 / 3], "b": ['x, "y"\nz']}), path)
    assert path.read_text() == 'a,b\n0.333333,"x, ""y""\nz"\n'

    class Unwritable:
        def __str__(self):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_or_print(run, pandas.DataFrame({"a": [Unwritable()]}), path)
    assert path.read_text().startswith("a,b\n")
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize(("options", "has_bar"), [([], True), (["--quiet"], False)])
def test_progress_is_shown_on_a_terminal_only(clips, options, has_bar):
    termios = pytest.importorskip("termios")
    command = [sys.executable, "-m", "sklearn_m3s", "check", str(clips / "clip00.mp4"), *options]
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the end of a pseudo-terminal
        pass
    os.close(ours)
    assert (b"1/1" in shown) == has_bar
    assert done.stdout.count(b"\n") == 2


def test_no_progress_is_shown_elsewhere(m3s, clips):
    assert m3s("check", clips / "clip00.mp4").stderr == "1 of 1 files are good.\n"


def test_names_that_are_not_valid_text_do_not_lose_other_results(m3s, clips, tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff.mp4"
    with open(name, "wb") as file:
        file.write((clips / "clip00.mp4").read_bytes())
    command = [sys.executable, "-m", "sklearn_m3s", "check", str(tmp_path), "--quiet"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert name in done.stdout


def test_a_reader_that_stops_early_gets_no_traceback(clips):
    command = f"{sys.executable} -m sklearn_m3s check {clips}/clip00.mp4 | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
