"""Networks run with OpenVINO on the CPU, converted once and kept beside the weights."""

import contextlib
import gc
import hashlib
import os
import shutil
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from sklearn_m3s._files import file_digest
from sklearn_m3s._logging import logger
from sklearn_m3s._optional import import_optional
from sklearn_m3s.backbones._module import in_eval_mode
from sklearn_m3s.backbones._weights import weights_folder

if TYPE_CHECKING:
    import openvino

TOLERANCE = 1e-4  # of the largest feature; larger differences are not due to rounding
_POLL_MS = 200
_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_CONVERTING = threading.Lock()  # torch's tracer and Python's warning filters are global


class ConversionError(RuntimeError):
    """OpenVINO cannot run a network as torch does. The message is one line with the reason."""


def openvino_version() -> str | None:
    """Return the version of OpenVINO, without importing it, or None if it is not installed."""
    try:
        return version("openvino")
    except PackageNotFoundError:
        return None


def is_converted(key: str, shape: tuple[int, ...]) -> bool:
    """Return whether the weight folder holds a converted network, without importing OpenVINO."""
    return openvino_version() is not None and _record(_folder(key, shape)).exists()


def can_keep() -> bool:
    """Return whether converted networks can be written to the weight folder."""
    folder = weights_folder() / "openvino"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.access(folder, os.W_OK)


def load_openvino(
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    *,
    key: str,
    precision: str = "float32",
) -> "OpenVINONetwork":
    """Return a network that OpenVINO runs, converted on first use.

    The converted network is kept in float32 in the folder ``openvino`` of the weight folder,
    whatever the precision. If nothing can be written, it is converted at each call.

    `build` returns the network on the CPU in float32. The network maps a tensor (N, ...) to one
    tensor (N, ...). `build` is only called if the network is not converted yet. The network is
    traced in eval mode, and its own mode is restored. `shape` is the shape of one item, such as
    ``(3, 256, 256)``. `key` identifies the weights and the graph.
    """
    with _CONVERTING:
        core = _core()
        folder = _folder(key, shape)
        model = _read(core, folder)
        if model is None:
            model = _convert(build(), shape)
            _keep(model, folder)
            model = _read(core, folder) or model
            gc.collect()  # the tracer leaves cycles, which hold the weights
    return OpenVINONetwork(model, precision=precision)


class OpenVINONetwork:
    """A network that OpenVINO runs on the CPU.

    Only one thread runs it at a time. Each call uses as many CPU threads as torch would.
    """

    def __init__(self, model: "openvino.Model", *, precision: str = "float32") -> None:
        self._model = model
        self._precision = precision
        self._lock = threading.Lock()
        self._compile(torch.get_num_threads())

    @property
    def used_threads(self) -> int:
        """The number of threads of the last call, as reported by OpenVINO."""
        return self._compiled.get_property("INFERENCE_NUM_THREADS")

    def __call__(self, batch: np.ndarray | torch.Tensor) -> np.ndarray:
        """Return the features, float32, of a normalised batch."""
        n_threads = torch.get_num_threads()
        batch = np.ascontiguousarray(batch, dtype=np.float32)
        with self._lock:
            if n_threads != self._compiled_for:
                self._compile(n_threads)
            self._request.start_async([batch], share_inputs=True)
            try:
                while not self._request.wait_for(_POLL_MS):  # lets Ctrl-C in between two polls
                    pass
            except BaseException:
                self._request.cancel()
                with contextlib.suppress(RuntimeError):  # says that it was cancelled
                    self._request.wait()
                raise
            return self._request.get_output_tensor(0).data.copy()

    def _compile(self, n_threads: int) -> None:
        settings = {
            # By default, OpenVINO rounds to bfloat16 if the processor has it.
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "INFERENCE_NUM_THREADS": n_threads,
            "NUM_STREAMS": 1,
            # With pinning, the threads of several processes would share the same few cores.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            self._compiled = _core().compile_model(self._model, "CPU", settings)
        except RuntimeError as error:
            raise ConversionError(f"OpenVINO cannot compile it: {_last_line(error)}") from error
        self._request = self._compiled.create_infer_request()
        self._compiled_for = n_threads


@lru_cache(maxsize=1)
def _core() -> "openvino.Core":
    with _no_telemetry():
        return import_optional("openvino", "fast").Core()


@contextmanager
def _no_telemetry() -> Iterator[None]:
    """Block imports of openvino_telemetry, which reports every import and conversion.

    OpenVINO uses a stub if it cannot import that package. If the user has imported OpenVINO before,
    only `openvino.convert_model` still reports. `_translate` calls the frontend below it instead.
    """
    name = "openvino_telemetry"
    before = {name: sys.modules[name]} if name in sys.modules else {}
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
        sys.modules.update(before)


def _convert(network: nn.Module, shape: tuple[int, ...]) -> "openvino.Model":
    """Return a network as a graph of OpenVINO, for batches of any length."""
    first = torch.randn((1, *shape), generator=torch.Generator().manual_seed(0), device="cpu")
    # A network that branches on values is likely to take another path for these.
    second = first / -2
    try:
        with in_eval_mode(network), torch.no_grad(), warnings.catch_warnings(action="ignore"):
            # One by one, and as a batch below: this also finds networks that mix the items of a
            # batch.
            expected = torch.cat([network(first), network(second)]).numpy()
            traced = torch.jit.trace(network, first, check_trace=False, strict=False)
            model = _translate(traced, shape)
        found = OpenVINONetwork(model)(torch.cat([first, second]))
    except Exception as error:  # the network's own code runs, and two compilers
        raise ConversionError(f"OpenVINO cannot convert it: {_last_line(error)}") from error
    limit = TOLERANCE * np.abs(expected).max()
    if found.shape != expected.shape or not np.abs(found - expected).max() <= limit:
        raise ConversionError(
            "its features differ after conversion: it may branch on values, mix the items of a "
            "batch, or read the batch size from len(x) instead of x.shape[0]"
        )
    return model


def _last_line(error: Exception) -> str:
    """Return the last line of a message. OpenVINO's messages begin with lines of its source."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


def _translate(traced: torch.jit.ScriptModule, shape: tuple[int, ...]) -> "openvino.Model":
    with _no_telemetry():
        from openvino._offline_transformations import apply_moc_transformations
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
    frontend = FrontEndManager().load_by_framework("pytorch")
    # With shared memory, further training of a user's module would change the graph.
    decoder = TorchScriptPythonDecoder(traced, shared_memory=False)
    model = frontend.convert(frontend.load(decoder))
    model.reshape([-1, *shape])
    apply_moc_transformations(model, cf=False)  # folds batch norms now, not at each load
    return model


def _folder(key: str, shape: tuple[int, ...]) -> Path:
    text = repr((key, tuple(shape), openvino_version()))
    return weights_folder() / "openvino" / hashlib.sha256(text.encode()).hexdigest()[:32]


def _record(folder: Path) -> Path:
    return folder / "sha256"


def _digests(folder: Path) -> str:
    return "".join(f"{file_digest(folder / f'model.{end}')}\n" for end in ("xml", "bin"))


def _read(core: "openvino.Core", folder: Path) -> "openvino.Model | None":
    """Return a stored network, or None if it is missing or damaged."""
    with contextlib.suppress(OSError, UnicodeError, RuntimeError):
        if _record(folder).read_text() == _digests(folder):
            return core.read_model(folder / "model.xml")
    return None


def _keep(model: "openvino.Model", folder: Path) -> None:
    """Store a network so that other processes see all of its files or none."""
    aside = folder.with_name(f".{uuid.uuid4().hex}.part")
    try:
        aside.mkdir(parents=True)
        import_optional("openvino", "fast").save_model(
            model, aside / "model.xml", compress_to_fp16=False
        )
        _record(aside).write_text(_digests(aside))
        shutil.rmtree(folder, ignore_errors=True)  # if it exists, it is damaged
        aside.rename(folder)
        logger.info("Stored the network converted by OpenVINO in %s", folder)
    except (OSError, RuntimeError) as error:  # OpenVINO's own errors are RuntimeErrors
        logger.warning("Cannot store the network converted by OpenVINO: %s", error)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
