"""``m3s cache`` shows and clears the features that commands keep."""

import json


def test_the_cache_is_shown_and_cleared(m3s, clips, tmp_path, user_cache):
    assert "no cache" in m3s("cache", "info").stderr
    m3s("extract", clips, "--tier", "raw", "-o", tmp_path / "x.csv")
    header, row = m3s("cache", "info").stdout.splitlines()
    assert header.split()[:2] == ["tier", "videos"]
    assert row.split()[:2] == ["RawPerception", "20"]
    assert json.loads(m3s("cache", "info", "--json").stdout)["n_entries"] == 20
    assert json.loads(m3s("cache", "clear", "--older-than", 1, "--json").stdout)["n_entries"] == 0
    assert "Removed 20 entries" in m3s("cache", "clear").stderr
    assert json.loads(m3s("cache", "info", "--json").stdout)["n_entries"] == 0


def test_another_folder_is_refused(m3s, tmp_path):
    done = m3s("cache", "clear", "--cache", tmp_path)
    assert done.exit_code == 2
    assert "is not a feature cache" in done.stderr
