"""Fixtures of the command: a runner, and a folder of clips with scores."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from sklearn_m3s.cli._main import m3s as group


@pytest.fixture(autouse=True)
def user_cache(tmp_path, monkeypatch):
    """Move the user's cache folder into the test's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    return tmp_path / "user-cache" / "sklearn_m3s" / "features"


@pytest.fixture
def m3s():
    """Return a function that runs the command in this process."""

    def run(*arguments, **options):
        result = CliRunner().invoke(group, [str(argument) for argument in arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def clips(tmp_path_factory, write_clip):
    """Return a folder of 20 short clips and their scores: the lighter, the more memorable."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    rows = [("video", "score", "second score", "film")]
    for i in range(20):
        noise = rng.integers(0, 40, (4, 48, 64, 3))
        write_clip(folder / f"clip{i:02}.mp4", (10 * i + noise).astype(np.uint8))
        rows.append((f"clip{i:02}.mp4", 0.4 + 0.02 * i, 0.9 - 0.01 * i, f"film{i // 2}"))
    with open(folder / "scores.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture
def bad_file(tmp_path):
    """Return a file that is not a video."""
    path = tmp_path / "bad.mp4"
    path.write_text("no video")
    return path


@pytest.fixture
def read_rows():
    """Return a function that parses CSV, with one header row, or JSON."""

    def read(text):
        return json.loads(text) if text.startswith("[") else list(csv.DictReader(text.splitlines()))

    return read
