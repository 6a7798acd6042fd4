"""Weight files are fetched once, whole and checked, or an error says what to do."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from sklearn_m3s.backbones._registry import WEIGHTS, WeightsFile
from sklearn_m3s.backbones._weights import resolve_weights, weights_digest, weights_folder
from sklearn_m3s.exceptions import WeightsError

BODY = b"weights" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
GOOD = (200, BODY)


class Server(ThreadingHTTPServer):
    """Gives its answers, statuses and bodies, in turn; the last one for ever."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers = [GOOD]
        self.asked = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.asked.append(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the weight folder, which does not exist yet."""
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.delenv("SKLEARN_M3S_MIRROR", raising=False)
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def register(monkeypatch, server):
    """Return a function that puts weights named "tiny" into the registry."""

    def register(url=f"{server.url}/published.pth", **known):
        monkeypatch.setitem(WEIGHTS, ("ip_csn_152", "tiny"), WeightsFile("tiny.pth", url, **known))

    return register


def resolve_tiny():
    return resolve_weights("ip_csn_152", "tiny")


def content(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_registry_name_is_downloaded_into_the_weight_folder_once(server, register, folder):
    register(sha256=SHA256[:16], size=len(BODY))
    assert resolve_tiny() == resolve_tiny() == folder / "tiny.pth"
    assert (folder / "tiny.pth").read_bytes() == BODY
    assert server.asked == ["/published.pth"]
    others_may_read = (folder / "tiny.pth").stat().st_mode & 0o044
    assert others_may_read == 0o044


def test_a_file_put_into_the_folder_by_hand_is_used_as_it_is(server, register, folder):
    register(sha256=SHA256[:8])
    folder.mkdir()
    (folder / "tiny.pth").write_bytes(BODY)
    assert resolve_tiny() == folder / "tiny.pth"
    assert server.asked == []


def test_a_mirror_replaces_the_published_source(server, register, monkeypatch):
    register(url="http://host.invalid/published.pth")
    monkeypatch.setenv("SKLEARN_M3S_MIRROR", f"{server.url}/mirror/")
    assert resolve_tiny().read_bytes() == BODY
    assert server.asked == ["/mirror/tiny.pth"]


def test_the_folder_is_in_the_user_cache_unless_moved(monkeypatch):
    monkeypatch.delenv("SKLEARN_M3S_WEIGHTS")
    assert weights_folder() == Path(pooch.os_cache("sklearn_m3s")) / "weights"


@pytest.mark.parametrize(
    "bad", [(503, b""), (200, BODY[:100]), (200, BODY[::-1])], ids=["busy", "truncated", "damaged"]
)
def test_a_failed_download_is_tried_again(server, register, bad):
    register(sha256=SHA256)
    server.answers = [bad, GOOD]
    assert resolve_tiny().read_bytes() == BODY
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "known", "cause"),
    [
        ((404, b""), {}, "404"),
        ((200, BODY[:100]), {}, "(?i)incomplete"),
        ((200, BODY[::-1]), {"sha256": SHA256}, f"expected {SHA256}"),
        (GOOD, {"size": 10}, f"it has {len(BODY)} bytes, expected 10"),
    ],
    ids=["absent", "truncated", "other hash", "other size"],
)
def test_a_download_that_keeps_failing_leaves_nothing(
    server, register, folder, answer, known, cause
):
    register(**known)
    server.answers = [answer]
    with pytest.raises(WeightsError, match=cause):
        resolve_tiny()
    assert len(server.asked) == 3
    assert content(folder) == []


def test_offline_the_error_says_what_to_get_from_where_and_where_to_put_it(
    server, register, folder
):
    register()
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsError) as caught:
        resolve_tiny()
    message = str(caught.value)
    for fact in ("ip_csn_152", f"{server.url}/published.pth", str(folder / "tiny.pth")):
        assert fact in message
    assert "weights=None" in message


def test_an_unknown_hash_is_recorded_at_the_first_use(register, folder):
    register()
    resolve_tiny()
    assert content(folder) == ["tiny.pth", "tiny.pth.sha256"]
    assert (folder / "tiny.pth.sha256").read_text().strip() == SHA256


def test_a_file_that_differs_from_its_record_is_refused(register, folder):
    register()
    resolve_tiny().write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"tiny\.pth is damaged or was replaced.*\.sha256.*http"):
        resolve_tiny()


def test_a_folder_that_cannot_be_written_to_needs_no_record(register, folder, monkeypatch):
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


def test_a_path_is_taken_as_it_is(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(BODY)
    assert resolve_weights("hrnetv2_w48", str(path)) == resolve_weights("hrnetv2_w48", path) == path


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(WeightsError, match=r"'ade2k' is neither a file nor.*'ade20k', 'imagenet'"):
        resolve_weights("hrnetv2_w48", "ade2k")
    with pytest.raises(WeightsError, match="neither a file"):
        resolve_weights("hrnetv2_w48", tmp_path)


def test_weights_of_another_type_are_a_type_error():
    with pytest.raises(TypeError, match="weights must be a registry name, a path or None, got 3"):
        resolve_weights("hrnetv2_w48", 3)


def test_the_digest_is_the_sha256_of_the_file_as_it_is_now(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(BODY)
    assert weights_digest(path) == SHA256
    path.write_bytes(b"")
    assert weights_digest(path) == hashlib.sha256(b"").hexdigest()


def test_the_digest_of_an_unchanged_file_is_computed_once(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(BODY)
    weights_digest(path)
    monkeypatch.setattr(pooch, "file_hash", lambda path: "computed again")
    assert weights_digest(path) == SHA256
