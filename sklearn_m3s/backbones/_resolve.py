"""Find the network for `model`: a registry name, a Hugging Face model, a module, or a function."""

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeAlias

from torch import nn

from sklearn_m3s._files import PathLike
from sklearn_m3s.backbones._build import registry_spec
from sklearn_m3s.backbones._module import module_spec
from sklearn_m3s.backbones._registry import ARCHITECTURES
from sklearn_m3s.backbones._spec import NetworkSpec

Model: TypeAlias = PathLike | nn.Module | Callable[[], nn.Module]
_ENCODERS = {"image": "FrameEncoder", "clip": "ClipEncoder"}
# Parameters that a network takes, by where it comes from.
_TAKES = {
    "registry": ("weights", "sha256", "output with layer"),
    "hugging_face": ("revision", "output"),
    "user": ("version", "output"),
}


def resolve_network(
    model: Model,
    kind: Literal["image", "clip"],
    *,
    weights: PathLike | None = "default",
    sha256: str | None = None,
    revision: str | None = None,
    layer: str | None = None,
    output: str = "auto",
    version: str | None = None,
    random_state: int | None = None,
) -> NetworkSpec:
    """Return the spec of a network for images or clips.

    Nothing is loaded yet, but a Hugging Face repository is fetched. The parameters are those of
    `FrameEncoder`. With `layer`, `output` selects from the output of that layer.
    """
    origin = _origin(model)
    network: Any = model  # its type follows from the origin
    given = {
        "weights": None if weights == "default" else str(weights),
        "sha256": sha256,
        "revision": revision,
        "version": version,
        "output": output if layer is None and output != "auto" else None,
    }
    for name, value in given.items():
        if value is not None and name not in _TAKES[origin]:
            raise ValueError(
                f"{name}={value} does not go with model={model!r:.80}, which takes only "
                f"{', '.join(_TAKES[origin])}"
            )
    if origin == "registry":
        _check_kind(str(model), ARCHITECTURES[str(model)].kind, kind)
        return registry_spec(str(model), weights=weights, sha256=sha256, random_state=random_state)
    if origin == "user":
        return module_spec(network, version=version)
    from sklearn_m3s.backbones._hugging_face import hugging_face_spec

    # With `layer`, load the whole model, so that layers have their published names.
    output = output if layer is None else "auto"
    spec = hugging_face_spec(os.fspath(network), revision=revision, output=output)
    _check_kind(spec.name, spec.kind, kind)
    return spec


def _origin(model: Model) -> str:
    """Return where a network comes from, or raise a ValueError."""
    if not isinstance(model, str | os.PathLike):
        return "user"
    if model in ARCHITECTURES:
        return "registry"
    path = Path(model).expanduser()
    is_name = isinstance(model, str) and model.strip("./~").count("/") == 1 and not path.exists()
    if path.is_dir() or is_name:
        return "hugging_face"
    near = get_close_matches(str(model), ARCHITECTURES, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(
        f"model={os.fspath(model)!r} is not known{hint}: pass one of {list(ARCHITECTURES)}, an "
        "existing folder or a repository name such as 'facebook/dinov2-small' of Hugging Face, a "
        "torch.nn.Module, or a function that returns one"
    )


def _check_kind(name: str, own: str | None, given: str) -> None:
    if own is not None and own != given:
        raise ValueError(
            f"model={name!r} takes {own}s, but {_ENCODERS[given]} passes {given}s: use "
            f"{_ENCODERS[own]}"
        )
