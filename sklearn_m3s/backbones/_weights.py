"""Weight files: found or fetched once, and checked whenever they are used."""

import contextlib
import os
from functools import lru_cache, partial
from pathlib import Path

import pooch

from sklearn_m3s.backbones._registry import WEIGHTS, WeightsFile
from sklearn_m3s.exceptions import WeightsError

FOLDER_VARIABLE = "SKLEARN_M3S_WEIGHTS"
MIRROR_VARIABLE = "SKLEARN_M3S_MIRROR"
RETRIES = 2
TIMEOUT = (5, 30)  # seconds: to connect, and between two pieces


def weights_folder() -> Path:
    """Return the folder of downloaded weights, which need not exist."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return Path(folder).expanduser() if folder else Path(pooch.os_cache("sklearn_m3s")) / "weights"


def weights_digest(path: str | os.PathLike[str]) -> str:
    """Return the sha256 of a file, read once for as long as the file stays as it is."""
    path = Path(path).resolve()
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path, size, mtime_ns):
    return pooch.file_hash(str(path))


def resolve_weights(architecture: str, weights: str | os.PathLike[str]) -> Path:
    """Return the path of a weight file, given by path or by registry name.

    A file of the registry is downloaded if the weight folder does not hold it, and is compared
    with what is known of it: the registry's facts, or its own sha256 at its first use.

    Parameters
    ----------
    architecture : str
        A name such as ``"hrnetv2_w48"``.
    weights : str or path-like
        A registry name or a path.

    Returns
    -------
    Path
        Of an existing file.

    Raises
    ------
    TypeError
        If `weights` is neither a name nor a path.
    WeightsError
        If there is no such file or name, or the file cannot be fetched, or is damaged.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> from sklearn_m3s.backbones import resolve_weights
    >>> with NamedTemporaryFile(suffix=".pth") as file:
    ...     str(resolve_weights("hrnetv2_w48", file.name)) == file.name
    True
    """
    if not isinstance(weights, str | os.PathLike):
        raise TypeError(f"weights must be a registry name, a path or None, got {weights!r}")
    entry = WEIGHTS.get((architecture, weights)) if isinstance(weights, str) else None
    if entry is not None:
        return _fetch(architecture, entry)
    path = Path(weights).expanduser()
    if not path.is_file():
        names = [name for known, name in WEIGHTS if known == architecture]
        raise WeightsError(
            f"weights={str(weights)!r} is neither a file nor weights known for {architecture}: "
            f"give a path, one of {names}, or None for an untrained network"
        )
    return path


def _fetch(architecture, entry):
    path = weights_folder() / entry.file
    if not path.exists():
        _download(architecture, entry, path)
    record = path.with_name(path.name + ".sha256")
    known = entry.sha256 or (record.read_text().strip() if record.exists() else "")
    fault = _fault(path, entry.size, known)
    if fault:
        raise WeightsError(
            f"{path} is damaged or was replaced: {fault}. Delete it, and {record.name} if that is "
            f"beside it, to have it fetched again from {_source(entry)}"
        )
    if not known:
        # A folder that cannot be written to is one that somebody else looks after.
        with contextlib.suppress(OSError):
            record.write_text(weights_digest(path) + "\n")
    return path


def _fault(path, size, sha256):
    """Return what is wrong with a file, given what is known of it, or None."""
    actual = os.path.getsize(path)
    if size is not None and actual != size:
        return f"it has {actual} bytes, expected {size}"
    digest = weights_digest(path) if sha256 else ""
    if not digest.startswith(sha256):
        return f"its sha256 is {digest}, expected {sha256}"
    return None


def _source(entry: WeightsFile) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return f"{mirror.rstrip('/')}/{entry.file}" if mirror else entry.url


def _download(architecture, entry, path):
    """Fetch a file; it appears under its name only when complete and checked."""
    url = _source(entry)
    store = pooch.Pooch(
        path.parent, "", registry={path.name: None}, urls={path.name: url}, retry_if_failed=RETRIES
    )
    try:
        store.fetch(path.name, downloader=partial(_download_checked, entry))
        path.chmod(0o644)  # the folder may be shared, and temporary files are private
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"cannot download the weights of {architecture}: {error}. Download {url} by other "
            f"means and save it as {path} ({FOLDER_VARIABLE} moves that folder, {MIRROR_VARIABLE} "
            "names another source), or give weights=None for an untrained network"
        ) from error


def _download_checked(entry, url, output_file, store):
    pooch.HTTPDownloader(chunk_size=2**20, timeout=TIMEOUT)(url, output_file, store)
    fault = _fault(output_file, entry.size, entry.sha256)
    if fault:
        # Pooch answers a ValueError with another attempt.
        raise ValueError(f"what {url} sends is damaged: {fault}")
