"""One vector per image or clip, from the output of a network or of one of its layers."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from sklearn_m3s.exceptions import M3SError

# Fields of outputs, the preferred first: those of transformers, then of dicts of features.
_FIELDS = ("image_embeds", "pooler_output", "last_hidden_state", "features", "logits")
# The fields to look in for an output that is asked for by name.
_FIELDS_OF = {
    "pooler": ("pooler_output",),
    "cls": ("last_hidden_state",),
    "mean": ("last_hidden_state",),
    "flatten": ("last_hidden_state", *_FIELDS),
}


class Features(nn.Module):
    """A network whose output is a float32 matrix with one row per item of the batch.

    `layer` names a module inside the network, as in ``named_modules()``. Its output is then used
    instead of the output of the network.

    `output` reduces tensors with more than two axes. ``"auto"`` and ``"mean"`` average over tokens
    (N, T, F), space (N, F, H, W), or space and time (N, F, T, H, W). ``"cls"`` takes the first
    token, and ``"flatten"`` takes all numbers. ``"pooler"`` takes the field ``pooler_output``.
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str | None = None,
        output: str = "auto",
        name: str = "the network",
    ) -> None:
        super().__init__()
        self.network = network
        self.layer, self.output, self.name = layer, output, name
        if layer is not None:
            _find_layer(network, layer, name)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return features of shape (N, F)."""
        result = self.network(batch) if self.layer is None else self._run_to_layer(batch)
        if self.layer is not None and isinstance(result, tuple | list) and len(result):
            result = result[0]  # blocks return their hidden state first
        tensor = _tensor(result, self.output, self.name)
        n_items, n_rows = batch.shape[0], tensor.shape[0] if tensor.ndim else 0
        folds = self.layer is not None or getattr(self.network, "folds_frames", False)
        if folds and n_rows > n_items and n_rows % n_items == 0:
            # A network that takes the frames of a clip one by one has a row for each of them.
            return self._vectors(tensor).unflatten(0, (n_items, -1)).mean(dim=1).float()
        if n_rows != n_items:
            raise M3SError(
                f"{self.name} returns a tensor of shape {tuple(tensor.shape)} for a batch of "
                f"{n_items}: its first axis must be that of the batch"
            )
        return self._vectors(tensor).float()

    def _run_to_layer(self, batch: torch.Tensor) -> Any:
        """Run the network, and return the output of the last call of the layer."""
        results: list[Any] = []
        module = _find_layer(self.network, str(self.layer), self.name)
        handle = module.register_forward_hook(lambda _, args, result: results.append(result))
        try:
            self.network(batch)
        finally:
            handle.remove()
        if not results:
            raise M3SError(
                f"layer={self.layer!r} of {self.name} never runs: name a layer that its forward "
                "method calls"
            )
        return results[-1]

    def _vectors(self, tensor: torch.Tensor) -> torch.Tensor:
        """Reduce the axes after the first to one."""
        if tensor.ndim == 1:
            return tensor[:, None]
        if tensor.ndim == 2 or self.output == "flatten":
            return tensor.flatten(1)
        if tensor.ndim == 3:
            return tensor[:, 0] if self.output == "cls" else tensor.mean(dim=1)
        if self.output == "cls":
            raise M3SError(
                f"output='cls' takes the first token, but {self.name} returns a tensor of shape "
                f"{tuple(tensor.shape)}: use output='mean' or 'flatten'"
            )
        return tensor.flatten(2).mean(dim=2)


def _find_layer(network: nn.Module, layer: str, name: str) -> nn.Module:
    """Return a module by its name. For a wrapped model, the wrapper's prefix may be left out."""
    modules = dict(network.named_modules())
    inner = f"model.{layer}"
    if layer in modules or inner in modules:
        return modules[layer if layer in modules else inner]
    names = [known.removeprefix("model.") for known in modules if known]
    near = get_close_matches(layer, names, n=3, cutoff=0.3) or names[:3]
    raise ValueError(f"layer={layer!r} is not a module of {name}: did you mean one of {near}?")


def _tensor(result: Any, output: str, name: str) -> torch.Tensor:
    """Return the tensor in the result of a network."""
    if isinstance(result, torch.Tensor):
        return result
    fields = result if isinstance(result, Mapping) else getattr(result, "__dict__", {})
    for field in _FIELDS_OF.get(output, _FIELDS):
        if isinstance(fields.get(field), torch.Tensor):
            return fields[field]
    kind = type(result).__name__
    if isinstance(result, tuple | list):
        kind += f" of {len(result)} items"
    raise M3SError(
        f"{name} returns a {kind}: output={output!r} needs a tensor, or one of the fields "
        f"{list(_FIELDS_OF.get(output, _FIELDS))}. Choose another output=, name a layer= that "
        "returns a tensor, or wrap the network in a module that returns one"
    )
