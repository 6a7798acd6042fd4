"""Run the code of the pages in an empty folder."""

import pytest

# Only the pages of the guide, and no files of a build.
collect_ignore_glob = ["*.py", "_build/*", "auto_examples/*", "generated/*"]


def pytest_collection_modifyitems(items):
    """Ignore warnings about few videos and untrained networks on the pages."""
    for item in items:
        if item.path.suffix == ".rst":
            item.add_marker(pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run each page in its own folder, which also gets its caches and converted networks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "weights"))
