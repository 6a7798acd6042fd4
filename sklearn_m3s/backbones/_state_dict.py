"""Weight files to state dicts: read safely, renamed to our keys, every key accounted for."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from sklearn_m3s.backbones._registry import ARCHITECTURES
from sklearn_m3s.exceptions import WeightsError

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_COUNTER = "num_batches_tracked"  # used in training only
_DROPPED = ("_tmp_running_mean", "_tmp_running_var", "_running_iter", _COUNTER)


def rename_key(architecture: str, key: str) -> str:
    """Return our name of a published key. Ours and torchvision's stay as they are."""
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
    state |= {key: torch.tensor(0) for key in shapes if key.endswith(_COUNTER)}
    faults = list(_faults({key: value.shape for key, value in state.items()}, shapes))
    if faults:
        raise WeightsError(
            f"{path} does not fit {architecture}: {'; '.join(faults)}. "
            "Give weights of this architecture"
        )
    return state


def modules_of(architecture: str, path: Path) -> set[str]:
    """Return the names of the outermost modules of a weight file, heads included."""
    return {rename_key(architecture, key).split(".")[0] for key in _read(path)}


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except Exception as error:  # a damaged file can raise anything
        raise WeightsError(
            f"cannot read weights from {path}: {error}. It must be a state dict saved by torch or "
            "safetensors. Delete a damaged download, and the .sha256 beside it, to fetch it again"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise WeightsError(f"{path} holds no state dict: give a file of named tensors")
    return content


def _read_pickle(path: Path) -> object:
    # Files of torch before 1.6 are no archives and cannot be mapped into memory.
    mmap = zipfile.is_zipfile(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)


def _faults(found: Mapping[str, torch.Size], expected: Mapping[str, torch.Size]) -> Iterator[str]:
    """Yield what differs between two mappings of keys to shapes, one text per kind."""
    kinds = {
        "missing": [key for key in expected if key not in found],
        "unexpected": [key for key in found if key not in expected],
        "of another shape": [
            f"{key} {tuple(found[key])} for {tuple(shape)}"
            for key, shape in expected.items()
            if key in found and found[key] != shape
        ],
    }
    for kind, keys in kinds.items():
        if keys:
            few = ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "")
            yield f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} {kind} ({few})"
