"""Run the code of the pages in an empty folder."""

import pytest

# Only the pages, and not what a build leaves.
collect_ignore_glob = ["*.py", "_build/*", "auto_examples/*", "generated/*"]


def pytest_collection_modifyitems(items):
    """Let few videos and untrained networks give their warnings."""
    for item in items:
        if item.path.suffix == ".rst":
            item.add_marker(pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Keep videos, caches and converted networks of a page in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "weights"))
