"""Fetch a file over HTTP, within limits of size and time."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import BinaryIO
from urllib.parse import urljoin

import requests
import urllib3
from tqdm import tqdm

from sklearn_m3s._files import written_aside
from sklearn_m3s._logging import logger
from sklearn_m3s.exceptions import WeightsError

ATTEMPTS = 3
PAUSE = 1.0  # seconds between attempts
TIMEOUT = (5, 30)  # seconds: to connect, and between two pieces
GRACE = 60.0  # seconds that any download may take, from the first connection on
SLOWEST = 50_000  # bytes per second, on average, after that
TICK = 0.1  # seconds between two looks at the pace
REDIRECTIONS = 5
LARGEST = 4 * 10**9  # bytes of a file whose size is not known beforehand


def download(
    url: str,
    path: Path,
    *,
    check: Callable[[Path], None],
    size: int | None = None,
    allow_http: bool = False,
) -> None:
    """Fetch a file. It appears at `path` only when it is complete and checked.

    `check` raises a ValueError for a damaged file. Damaged files, broken connections and server
    errors lead to another attempt. A response that is too large or too slow raises a WeightsError.
    So does plain http without permission, even after a redirection. Without a `size`, the server
    may declare up to `LARGEST` bytes.
    """
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            with written_aside(path) as aside:
                _receive(url, aside, size, allow_http)
                check(aside)
            return
        except (requests.RequestException, ConnectionError, ValueError):
            if not attempts_left:
                raise
            time.sleep(PAUSE)


def is_plain_http(url: str) -> bool:
    """Return whether a URL is fetched without encryption."""
    return url.lower().startswith("http:")


def _receive(url: str, path: Path, size: int | None, allow_http: bool) -> None:
    start = time.monotonic()
    # disable=None hides the bar where stderr is not a terminal.
    progress = tqdm(total=size, unit="B", unit_scale=True, desc="weights", disable=None)
    # Closing the file stops an abandoned transfer from writing.
    with path.open("wb") as file, progress as bar:
        transfer = _Transfer(url, file, size, allow_http)
        transfer.start()
        is_over = False
        while not is_over:
            transfer.join(TICK)
            is_over = not transfer.is_alive()
            bar.total = transfer.expected
            bar.update(transfer.received - bar.n)
            if not is_over:
                _check_pace(transfer.received, time.monotonic() - start)
    if transfer.error is not None:
        raise transfer.error
    if transfer.received != transfer.expected:
        raise ValueError(f"{transfer.received} of {transfer.expected} bytes arrived")


class _Transfer(Thread):
    """Fetch a file in a thread that can be abandoned.

    The timeout of a socket starts again with each byte of a header or body. It never ends the
    transfer from a server that sends a byte now and then.
    """

    def __init__(self, url: str, file: BinaryIO, size: int | None, allow_http: bool) -> None:
        super().__init__(daemon=True)
        self.received = 0
        self.expected = size
        self.error: Exception | None = None
        self._url, self._file, self._allow_http = url, file, allow_http

    def run(self) -> None:
        """Fetch the file, and keep an exception for the thread that waits."""
        try:
            self._fetch()
        except Exception as error:
            self.error = error

    def _fetch(self) -> None:
        with _open(self._url, self._allow_http) as response:
            self.expected = expected = _expected_size(response, self.expected)
            folder = Path(self._file.name).parent
            logger.info("Downloading %s (%s bytes) to %s", self._url, f"{expected:,}", folder)
            while piece := _read_piece(response):
                self.received += len(piece)
                if self.received > expected:
                    raise WeightsError(f"the server sends more than {expected} bytes")
                self._file.write(piece)


class _Session(requests.Session):
    """A session that follows no redirections, because requests would read their whole bodies."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _open(url: str, allow_http: bool) -> requests.Response:
    """Return the response to a request, after a few redirections."""
    # Ask for no compression: otherwise the declared size is not that of the file.
    headers = {"Accept-Encoding": "identity"}
    first = url
    for _ in range(REDIRECTIONS):
        if is_plain_http(url) and not allow_http:
            raise WeightsError(f"{first} leads to plain http ({url})")
        with _Session() as session:
            response = session.get(url, stream=True, timeout=TIMEOUT, headers=headers)
        if response.ok and not response.is_redirect:
            return response
        response.close()
        response.raise_for_status()
        url = urljoin(url, response.headers["Location"])
    raise WeightsError(f"{first} redirects more than {REDIRECTIONS} times")


def _expected_size(response: requests.Response, size: int | None) -> int:
    """Return the size of the file in bytes."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError("the server compresses the file, although it was asked not to")
    declared = response.headers.get("Content-Length", "")
    if not declared.isdecimal():
        if size is None:  # a truncated file would go unnoticed
            raise ValueError("the server does not say how large the file is")
        return size
    if size is None and int(declared) > LARGEST:
        raise WeightsError(f"the server declares {declared} bytes, more than {LARGEST}")
    if size is not None and int(declared) != size:
        raise ValueError(f"the file has {declared} bytes, expected {size}")
    return int(declared)


def _read_piece(response: requests.Response) -> bytes:
    """Return the bytes that have arrived, or no bytes at the end of the response."""
    # read() and iter_content() wait until a piece is full, however slowly it comes.
    try:
        return response.raw.read1(2**20)
    except urllib3.exceptions.HTTPError as error:
        raise ConnectionError(str(error)) from error


def _check_pace(received: int, seconds: float) -> None:
    if seconds > GRACE + received / SLOWEST:
        raise WeightsError(
            f"the server sent {received} bytes in {seconds:.0f} s, which is slower than "
            f"{SLOWEST} bytes per second"
        )
