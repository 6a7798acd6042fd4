"""Networks of the user: a module, or a function that returns one."""

import contextlib
import hashlib
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType
from typing import Any

import torch
import torch.fx
from torch import nn

from sklearn_m3s.backbones._spec import NetworkSpec

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def module_spec(
    model: nn.Module | Callable[[], nn.Module], *, version: str | None = None
) -> NetworkSpec:
    """Return the spec of a module, or of a function that is called when the network is needed.

    In the identity of the network, `version` stands for the parameters and the code of the module.
    If it is None, a digest of them is computed.
    """
    name = type(model).__name__
    if not isinstance(model, nn.Module):
        name = getattr(model, "__name__", name)
    build = partial(_build, model)

    def identity() -> dict[str, Any]:
        if version is not None:
            return {"module": name, "version": version}
        return {"module": name, "digest": module_digest(build())}

    return NetworkSpec(name=name, kind=None, build=build, identity=identity)


def _build(model: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    module = model if isinstance(model, nn.Module) else _call(model)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"model={model!r} returns a {type(module).__name__}: pass a function that returns a "
            "torch.nn.Module"
        )
    return module


@lru_cache(maxsize=8)
def _call(function: Callable[[], nn.Module]) -> nn.Module:
    return function()


def module_digest(module: nn.Module) -> str:
    """Return a SHA-256 of the tensors, the structure, the code and the settings of a module."""
    digest = hashlib.sha256(repr(module).encode())
    for parts in (_settings(module), _programs(module), _tensors(module)):
        for part in parts:
            digest.update(part)
    return digest.hexdigest()


def _settings(module: nn.Module) -> Iterator[bytes]:
    """Yield the plain attributes and the functions of all parts of a module."""
    for name, part in module.named_modules():
        yield f"{name}:{type(part).__name__}".encode()
        for attribute, value in sorted(vars(part).items()):
            if _is_plain(value) and attribute != "training":
                yield f"{attribute}={value!r}".encode()
            elif isinstance(value, FunctionType):
                yield _compiled(value.__code__, value.__closure__)


def _programs(module: nn.Module) -> Iterator[bytes]:
    """Yield the code of the classes that are not torch's own, and of what torch has compiled."""
    for kind in sorted({type(part) for part in module.modules()}, key=lambda kind: kind.__name__):
        for base in kind.__mro__:
            if not base.__module__.startswith(("torch.", "builtins")):
                yield _code(base)
    if isinstance(module, torch.jit.ScriptModule):
        # A class gets a number from its second trace on. Source ranges hold paths of the machine.
        graph = module.inlined_graph.str(print_source_ranges=False)
        yield re.sub(r"\.___torch_mangle_\d+", "", graph).encode()
    if isinstance(module, torch.fx.GraphModule):
        yield module.code.encode()


def _tensors(module: nn.Module) -> Iterator[Any]:
    """Yield the parameters and buffers, and the packed weights of quantised layers."""
    for key, tensor in [*module.named_parameters(), *module.named_buffers()]:
        yield f"{key}{tensor.dtype}{tuple(tensor.shape)}".encode()
        yield tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    for key, value in module.state_dict().items():
        if not isinstance(value, torch.Tensor):
            yield f"{key}={value!r}".encode()


def _code(kind: type) -> bytes:
    """Return the code of a class: its source, or its compiled functions.

    The source of a class in a script or a notebook is not found in worker processes.
    """
    if kind.__module__ != "__main__":
        with contextlib.suppress(OSError, TypeError):
            source = inspect.getsource(kind).encode()
            return source + _compiled(getattr(getattr(kind, "forward", None), "__code__", None))
    functions = [value for value in vars(kind).values() if isinstance(value, FunctionType)]
    return b"".join(_compiled(value.__code__, value.__closure__) for value in functions)


def _compiled(code: CodeType | None, closure: tuple[CellType, ...] | None = None) -> bytes:
    """Return the instructions and constants of a function, and its closure if that is plain."""
    if code is None:
        return b""
    parts = [code.co_code, repr(code.co_names).encode()]
    for constant in code.co_consts:  # except for code, their repr holds no addresses
        nested = isinstance(constant, CodeType)
        parts.append(_compiled(constant) if nested else repr(constant).encode())
    for cell in closure or ():
        if _is_plain(cell.cell_contents):
            parts.append(repr(cell.cell_contents).encode())
    return b"".join(parts)


def _is_plain(value: Any) -> bool:
    """Return whether the repr of a value is complete."""
    parts = value if isinstance(value, tuple | list) else [value]
    return all(isinstance(part, _PLAIN) for part in parts)


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, and restore the mode of each of its parts at the end."""
    trained = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in trained:
            part.training = True
