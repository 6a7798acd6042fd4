"""Downloads are complete or absent, and bounded in size and time."""

import contextlib
import itertools
import logging
import socket
import sys
import threading
import time

import pytest
import requests

from sklearn_m3s.backbones import _download
from sklearn_m3s.backbones._download import download
from sklearn_m3s.exceptions import WeightsError

BODY = b"weights" * 1000
GOOD = (200, [BODY], len(BODY))
UNDECLARED = (200, [BODY], None)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(_download, "PAUSE", 0)


@pytest.fixture
def fetch(server, tmp_path):
    """Return a function that downloads into an empty folder, which may be missing."""

    def fetch(*answers, check=lambda path: None, **options):
        server.answers = list(answers)
        path = tmp_path / "folder" / "file.pth"
        options = {"allow_http": True} | options
        download(f"{server.url}/file", path, check=check, **options)
        return path

    return fetch


def assert_nothing_left(tmp_path):
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def slowly(body):
    for byte in body:
        time.sleep(0.02)
        yield bytes([byte])


def is_body(path):
    if path.read_bytes() != BODY:
        raise ValueError("damaged")


@pytest.mark.parametrize(
    ("answer", "size"), [(GOOD, None), (GOOD, len(BODY)), (UNDECLARED, len(BODY))]
)
def test_a_file_arrives_whole_and_readable_for_others(fetch, answer, size):
    path = fetch(answer, size=size)
    assert path.read_bytes() == BODY
    assert [file.name for file in path.parent.iterdir()] == ["file.pth"]


@pytest.mark.parametrize(
    "bad",
    [
        (503, [], 0),
        (200, [BODY[:100]], len(BODY)),
        (200, [BODY[:100]], None),
        (200, [BODY[::-1]], len(BODY)),
        (200, [b"<html>"], 6),
    ],
    ids=["busy", "broken", "short", "damaged", "another size"],
)
def test_a_failed_download_is_tried_again(fetch, server, bad):
    path = fetch(bad, GOOD, size=len(BODY), check=is_body)
    assert path.read_bytes() == BODY
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        ((404, [], 0), "404"),
        ((200, [BODY[:100]], len(BODY)), "(?i)incomplete"),
        ((200, [BODY[::-1]], len(BODY)), "damaged"),
        ((200, [b"<html>"], 6), f"6 bytes, expected {len(BODY)}"),
    ],
    ids=["absent", "broken", "damaged", "another size"],
)
def test_repeated_failures_end_a_download_and_leave_no_file(fetch, server, tmp_path, bad, cause):
    with pytest.raises((OSError, ValueError), match=cause):
        fetch(bad, size=len(BODY), check=is_body)
    assert len(server.asked) == 3
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize("pieces", [[BODY], itertools.repeat(BODY)], ids=["short", "endless"])
def test_an_answer_of_unknown_size_is_refused_before_it_is_read(fetch, tmp_path, pieces):
    with pytest.raises(ValueError, match="does not say how large the file is"):
        fetch((200, pieces, None))
    assert_nothing_left(tmp_path)


def test_a_compressed_answer_is_refused(fetch, tmp_path):
    with pytest.raises(ValueError, match="compresses the file"):
        fetch((200, [BODY], len(BODY), {"Content-Encoding": "gzip"}))
    assert_nothing_left(tmp_path)


def test_redirections_are_followed_without_reading_them(fetch, server):
    elsewhere = (302, itertools.repeat(BODY), None, {"Location": "/elsewhere"})
    assert fetch(elsewhere, GOOD).read_bytes() == BODY
    assert server.asked == ["/file", "/elsewhere"]


def test_circular_redirections_are_an_error(fetch, server, tmp_path):
    with pytest.raises(WeightsError, match="redirects more than 5 times"):
        fetch((302, [], 0, {"Location": "/file"}))
    assert len(server.asked) == 5
    assert_nothing_left(tmp_path)


def test_an_answer_larger_than_the_known_size_is_stopped_at_once(fetch, server, tmp_path):
    with pytest.raises(WeightsError, match=f"sends more than {len(BODY)} bytes"):
        fetch((200, itertools.repeat(BODY), None), size=len(BODY))
    assert len(server.asked) == 1
    assert_nothing_left(tmp_path)


def test_an_answer_larger_than_it_declares_is_cut(fetch):
    assert fetch((200, [BODY, BODY], len(BODY))).read_bytes() == BODY


def test_a_declared_size_beyond_reason_is_refused(fetch, server, tmp_path):
    with pytest.raises(WeightsError, match=f"declares {10**15} bytes, more than"):
        fetch((200, [BODY], 10**15))
    assert len(server.asked) == 1
    assert_nothing_left(tmp_path)


def test_a_slow_download_is_stopped(fetch, server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "GRACE", 0.1)
    with pytest.raises(WeightsError, match="slower than 50000 bytes per second"):
        fetch((200, slowly(BODY), len(BODY)))
    assert len(server.asked) == 1
    assert_nothing_left(tmp_path)


@pytest.fixture
def drip(tmp_path):
    """Return a function that downloads from a server that sends some bytes, and then drips."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve(begin):
        connection, _ = listener.accept()
        connections.append(connection)
        with contextlib.suppress(OSError):
            connection.recv(10_000)
            connection.sendall(begin)
            while True:
                connection.sendall(b"a")
                time.sleep(0.01)

    def fetch(begin, **options):
        thread = threading.Thread(target=serve, args=(begin,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        try:
            download(
                url,
                tmp_path / "file.pth",
                check=lambda path: None,
                allow_http=True,
                **options,
            )
        finally:
            connections[0].shutdown(socket.SHUT_RDWR)
            thread.join()

    yield fetch
    for open_socket in (*connections, listener):
        open_socket.close()


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nServer: ",
        b"HTTP/1.1 302 Found\r\nLocation: /",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["status", "header", "redirection", "body", "chunk"],
)
def test_a_slow_server_is_given_up_in_every_phase(drip, tmp_path, monkeypatch, begin):
    monkeypatch.setattr(_download, "GRACE", 0.3)
    start = time.monotonic()
    with pytest.raises(WeightsError, match="slower than 50000 bytes per second"):
        drip(begin, size=100_000)
    assert time.monotonic() - start < 5
    time.sleep(0.1)  # for a transfer that would go on
    assert_nothing_left(tmp_path)


def test_one_byte_per_second_is_given_up_after_a_minute():
    for received, seconds in ((59, 59.0), (10**7, 200.0)):
        _download._check_pace(received, seconds)
    with pytest.raises(WeightsError, match="sent 61 bytes in 61 s"):
        _download._check_pace(61, 61.0)


def test_plain_http_needs_permission(fetch, tmp_path):
    with pytest.raises(WeightsError, match="plain http"):
        fetch(GOOD, allow_http=False)
    assert_nothing_left(tmp_path)


def test_a_redirection_to_plain_http_needs_permission_and_is_not_asked(
    server, tmp_path, monkeypatch
):
    server.answers = [(302, [], 0, {"Location": f"{server.url}/plain"})]
    get = requests.Session.get
    monkeypatch.setattr(
        requests.Session, "get", lambda self, url, **options: get(self, server.url, **options)
    )
    with pytest.raises(WeightsError, match=r"https://host\.invalid leads to plain http"):
        download("https://host.invalid", tmp_path / "file.pth", check=lambda path: None)
    assert server.asked == ["/"]
    assert_nothing_left(tmp_path)


def test_a_download_is_logged_with_its_source_size_and_place(fetch, server, caplog):
    with caplog.at_level(logging.INFO, logger="sklearn_m3s"):
        path = fetch(GOOD)
    assert [record.getMessage() for record in caplog.records if record.name == "sklearn_m3s"] == [
        f"Downloading {server.url}/file (7,000 bytes) to {path.parent}"
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(fetch, capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    fetch(GOOD)
    assert ("7.00k" in capsys.readouterr().err) == terminal


def test_progress_is_complete_if_the_file_is_there_at_once(fetch, capsys, monkeypatch):
    start = threading.Thread.start

    def start_and_wait(thread):
        start(thread)
        thread.join()

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(threading.Thread, "start", start_and_wait)
    fetch(GOOD)
    assert "7.00k" in capsys.readouterr().err
