"""Weight files to state dicts: read safely, renamed to our keys, every key accounted for."""

from collections.abc import Mapping
from pathlib import Path

import torch

from sklearn_m3s.backbones._registry import ARCHITECTURES
from sklearn_m3s.exceptions import WeightsError

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_COUNTER = "num_batches_tracked"  # used in training only
_DROPPED = ("_tmp_running_mean", "_tmp_running_var", "_running_iter", _COUNTER)

# OpenMMLab's names of modules, and those of torchvision, which are ours.
_STEM = {"conv1.conv": "stem.0", "conv1.bn": "stem.1"}
_BLOCK = {
    "conv1.conv": "conv1.0",
    "conv1.bn": "conv1.1",
    "conv3.conv": "conv3.0",
    "conv3.bn": "conv3.1",
    "downsample.conv": "downsample.0",
    "downsample.bn": "downsample.1",
}
_RENAMED = {
    "hrnetv2_w48": {},
    "ip_csn_152": _BLOCK
    | {
        "conv2.0.conv": "conv2.0.0",
        "conv2.0.bn": "conv2.0.1",
        "conv2.1.conv": "conv2.0.2",
        "conv2.1.bn": "conv2.1",
    },
    "ir_csn_152": _BLOCK | {"conv2.0.conv": "conv2.0", "conv2.0.bn": "conv2.1"},
}


def rename_key(architecture: str, key: str) -> str:
    """Return our name of a published key; ours and torchvision's stay as they are."""
    key = key.removeprefix("module.").removeprefix("backbone.")
    module, _, tensor = key.rpartition(".")
    if module in _STEM:
        return f"{_STEM[module]}.{tensor}"
    for theirs, ours in _RENAMED[architecture].items():
        if module.endswith(f".{theirs}"):
            return f"{module.removesuffix(theirs)}{ours}.{tensor}"
    return key


def read_state_dict(
    architecture: str, path: Path, shapes: Mapping[str, torch.Size]
) -> dict[str, torch.Tensor]:
    """Return the tensors of a weight file under exactly the keys of `shapes`.

    Raises
    ------
    ImportError
        If it is a safetensors file and safetensors is not installed.
    WeightsError
        If the file cannot be read, or a key is missing, unexpected or of another shape.
    """
    heads = ARCHITECTURES[architecture].heads
    renamed = {rename_key(architecture, key): value for key, value in _read(path).items()}
    state = {
        key: value
        for key, value in renamed.items()
        if not key.endswith(_DROPPED) and key.split(".")[0] not in heads
    }
    counters = {key: torch.tensor(0) for key in shapes if key.endswith(_COUNTER)}
    state |= counters
    faults = list(_faults({key: value.shape for key, value in state.items()}, shapes))
    if faults:
        raise WeightsError(
            f"{path} does not fit {architecture}: {'; '.join(faults)}. "
            "Give weights of this architecture"
        )
    return state


def _read(path):
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except ImportError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise WeightsError(
            f"cannot read weights from {path}: {error}. It must be a state dict saved by torch or "
            "safetensors; delete a damaged download, and the .sha256 beside it, to fetch it again"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise WeightsError(f"{path} holds no state dict: give a file of named tensors")
    return content


def _read_pickle(path):
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path):
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        message = f"reading {path} needs safetensors: pip install safetensors"
        raise ImportError(message) from error
    return load_file(path)


def _faults(found, expected):
    """Yield what differs between two mappings of keys to shapes, a text for each kind."""
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
