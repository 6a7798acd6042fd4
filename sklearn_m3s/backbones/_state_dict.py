"""Read weight files safely into state dicts with our keys."""

import io
import pickletools
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import torch
from safetensors.torch import load_file
from torch.serialization import MAGIC_NUMBER

from sklearn_m3s.backbones._registry import ARCHITECTURES
from sklearn_m3s.exceptions import WeightsError

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_COUNTER = "num_batches_tracked"  # used in training only
_DROPPED = ("_tmp_running_mean", "_tmp_running_var", "_running_iter", _COUNTER)

# Bounds that keep a small file from taking minutes or gigabytes. The networks of the registry stay
# far below.
_MOST_INSTRUCTIONS = 500_000  # of a pickle
_LARGEST_PART = 5_000_000  # bytes of a header, a list of members or a text
_OLD_PICKLES = 5  # at the start of a file of torch before 1.6
# What the pickle of a state dict refers to. torch lets more through, such as bytearray, which takes
# as many bytes as a file asks for.
_NEEDED = re.compile(
    r"collections OrderedDict|torch\.nn\.parameter Parameter"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)"
    r"|torch (Size|device|b?float\d+|u?int\d+|bool)|torch(\.cuda)? \w+Storage"
)


def rename_key(architecture: str, key: str) -> str:
    """Return our name of a published key. Our own and torchvision's keys stay as they are."""
    key = key.removeprefix("module.").removeprefix("backbone.")
    module, _, tensor = key.rpartition(".")
    for theirs, ours in ARCHITECTURES[architecture].renamed.items():
        if module == theirs or (theirs.startswith(".") and module.endswith(theirs)):
            return f"{module.removesuffix(theirs)}{ours}.{tensor}"
    return key


def read_state_dict(
    architecture: str, path: Path, shapes: Mapping[str, torch.Size]
) -> dict[str, torch.Tensor]:
    """Return the tensors of a weight file under exactly the keys of `shapes`."""
    heads = ARCHITECTURES[architecture].heads
    renamed = {rename_key(architecture, key): value for key, value in _read(path).items()}
    state = {
        key: value
        for key, value in renamed.items()
        if not key.endswith(_DROPPED) and key.split(".")[0] not in heads
    }
    expected = {key: shape for key, shape in shapes.items() if not key.endswith(_COUNTER)}
    if faults := _differences({key: value.shape for key, value in state.items()}, expected):
        raise WeightsError(
            f"{path} does not fit {architecture}: {faults}. Pass weights of this architecture"
        )
    # Checked after the shapes: a file can claim any shape for a single number.
    if faults := _bad_values(state):
        raise WeightsError(
            f"{path} is damaged: {faults}. Fetch or save it again: weights are finite "
            "floating-point numbers"
        )
    counters = {key: torch.tensor(0) for key in shapes.keys() - expected.keys()}
    return {key: value.float() for key, value in state.items()} | counters


def modules_of(architecture: str, path: Path) -> set[str]:
    """Return the names of the outermost modules of a weight file, heads included."""
    return {rename_key(architecture, key).split(".")[0] for key in _read(path)}


def is_readable(path: Path) -> bool:
    """Return whether a file is a state dict of finite numbers."""
    try:
        return not not_finite(_read(path))
    except WeightsError:
        return False


def not_finite(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the keys of floating tensors that hold NaN or infinity, in float32."""
    floating = {key: value for key, value in state.items() if value.is_floating_point()}
    return [key for key, value in floating.items() if not value.float().isfinite().all()]


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        content = _load(path)
    except Exception as error:  # a damaged file can raise anything
        raise WeightsError(
            f"cannot read weights from {path}: {error}. It must be a state dict saved by torch or "
            "safetensors. Delete a damaged download, and the .sha256 beside it, to fetch it again"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise WeightsError(f"{path} is not a state dict: pass a file of named tensors")
    return content


def _load(path: Path) -> object:
    """Return the content of a file, after checking its size before anything is unpacked."""
    with _Bounded(io.FileIO(path)) as file:
        head = file.read(9)
        file.seek(0)
        is_archive = head.startswith(b"PK\3\4")
        if head[8:] == b"{" and not is_archive:
            # safetensors: 8 bytes with the length of a header in JSON. Reading it checks that
            # length.
            file.read(int.from_bytes(head[:8], "little"))
            return load_file(path)
        if is_archive:
            _check_archive(file, path.stat().st_size)
        else:
            for _ in range(_OLD_PICKLES):
                _check_pickle(file)
    try:
        # Files of torch before 1.6 are not archives and cannot be mapped into memory.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except Exception:
        # torch's own message advises turning weights_only off, which would run code in the file.
        raise ValueError("torch finds it damaged, or finds more than tensors in it") from None


class _Bounded(io.BufferedReader):
    """A file that refuses to read large parts, whatever lengths the file itself states."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return some bytes, or raise a ValueError if they are too many."""
        if size is not None and size > _LARGEST_PART:
            raise ValueError(f"one of its parts has {size} bytes, more than {_LARGEST_PART}")
        return super().read(size)


def _check_archive(file: IO[bytes], size: int) -> None:
    """Raise a ValueError if an archive holds more than its own size, or a bad pickle."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, but torch never compresses its files")
        unpacked = sum(member.file_size for member in members)
        if unpacked > size:
            raise ValueError(f"it has {size} bytes and claims to hold {unpacked}")
        for member in members:
            if member.filename.endswith(".pkl"):
                with archive.open(member) as pickle:
                    _check_pickle(pickle)


def _check_pickle(file: IO[bytes]) -> None:
    """Raise a ValueError for a pickle that is long or has references that no state dict needs.

    Its instructions are read but never run.
    """
    for n, (instruction, argument, _) in enumerate(pickletools.genops(file)):
        if n >= _MOST_INSTRUCTIONS:
            raise ValueError(f"its pickle has more than {_MOST_INSTRUCTIONS} instructions")
        # Many long numbers can share a hash, and a dict of them takes minutes.
        if isinstance(argument, int) and argument.bit_length() > 64 and argument != MAGIC_NUMBER:
            raise ValueError("it holds a number of more than 64 bits")
        if instruction.name == "GLOBAL" and not _NEEDED.fullmatch(name := str(argument)):
            raise ValueError(
                f"it refers to {name.replace(' ', '.')}, which could run code and which no state "
                "dict needs"
            )


def _differences(found: Mapping[str, torch.Size], expected: Mapping[str, torch.Size]) -> str:
    """Describe how two mappings of keys to shapes differ. Empty if they do not."""
    shapes = [
        f"{key} {tuple(found[key])} for {tuple(shape)}"
        for key, shape in expected.items()
        if key in found and found[key] != shape
    ]
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    return _counted({"missing": missing, "unexpected": unexpected, "of another shape": shapes})


def _bad_values(state: Mapping[str, torch.Tensor]) -> str:
    """Describe the tensors that are not valid weights. Empty if all are valid."""
    other = [
        f"{key} {value.dtype}" for key, value in state.items() if not value.is_floating_point()
    ]
    return _counted({"not floating": other, "with NaN or infinity": not_finite(state)})


def _counted(kinds: Mapping[str, Sequence[str]]) -> str:
    """List the first few keys of each kind."""
    return "; ".join(
        f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} {kind} "
        f"({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in kinds.items()
        if keys
    )
