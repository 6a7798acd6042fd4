"""Any network on a device: uint8 frames in, float32 features out."""

import json
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from sklearn_m3s._device import resolve_device
from sklearn_m3s._logging import logger
from sklearn_m3s.backbones._features import Features
from sklearn_m3s.backbones._module import in_eval_mode, module_digest
from sklearn_m3s.backbones._openvino import (
    ConversionError,
    OpenVINONetwork,
    can_keep,
    is_converted,
    load_openvino,
    openvino_version,
)
from sklearn_m3s.backbones._spec import NetworkSpec
from sklearn_m3s.backbones._streamline import as_channels_last, streamline, wants_channels_last
from sklearn_m3s.exceptions import M3SError, M3SWarning

# Images and clips per call on the CPU, by the axes of a batch. More take memory and save no time.
_CPU_PORTIONS = {4: 4, 5: 1}
# The number of images and clips that repays a conversion, by the axes of one of them.
_REPAYS = {3: 64, 4: 16}
_ROUNDING = {"bfloat16": 5e-2}  # of the largest feature
_GRAPH = 1  # to be increased when our code converts the same network into another graph
_AXES = {4: "(N, H, W, 3)", 5: "(N, T, H, W, 3)"}
Run = Callable[[torch.Tensor], torch.Tensor]


class NetworkSettings(NamedTuple):
    """How to run a network."""

    layer: str | None = None  # and output: see `Features`
    output: str = "auto"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)  # of RGB in [0, 1], as are the standard deviations
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    device: str = "auto"  # see `resolve_device`
    # "float32", "bfloat16", or "auto": bfloat16 on CUDA, float32 elsewhere, and for a module of the
    # user its own type.
    precision: str = "auto"
    engine: str = "auto"  # on the CPU: "torch", "openvino", or "auto"


class Network:
    """A network on its device, with the normalisation of RGB in [0, 1] that it needs.

    `run` takes a normalised float32 batch on the device, (N, 3, H, W) or (N, 3, T, H, W), and
    returns features (N, F). `name` is for messages.
    """

    def __init__(
        self, name: str, run: Run, mean: tuple[float, ...], std: tuple[float, ...], device: str
    ) -> None:
        self.name = name
        self.device = device
        self._run = run
        self._mean = torch.tensor(mean, dtype=torch.float32, device=device)
        self._std = torch.tensor(std, dtype=torch.float32, device=device)

    def embed(self, frames: np.ndarray) -> np.ndarray:
        """Return features (N, F), float32, of images (N, H, W, 3) or clips (N, T, H, W, 3), uint8.

        An item has the same features in any batch, up to rounding. Invalid frames raise a
        ``ValueError``, and a batch that the network cannot take raises an `M3SError`.
        """
        if frames.dtype != np.uint8 or frames.ndim not in _AXES or frames.shape[-1] != 3:
            raise ValueError(
                f"frames must be uint8 RGB of shape {' or '.join(_AXES.values())}, "
                f"got {frames.dtype} of shape {frames.shape}"
            )
        batch = torch.from_numpy(np.ascontiguousarray(frames)).to(self.device)
        batch = batch.float().div_(255).sub_(self._mean).div_(self._std).movedim(-1, 1)
        size = _CPU_PORTIONS[batch.ndim] if self.device == "cpu" else len(batch)
        try:
            with torch.no_grad():  # not inference_mode: a module may keep tensors to train with
                features = [self._run(part) for part in batch.split(size)]
                return torch.cat(features).cpu().numpy()
        except M3SError:
            raise
        except Exception as error:
            raise M3SError(
                f"{self.name} fails on a batch of shape {tuple(batch.shape)}: {error}. "
                "FrameEncoder passes images (N, 3, H, W) and ClipEncoder clips (N, 3, T, H, W); "
                "check model, frame_size, n_frames, precision and batch_size"
            ) from error


def load_network(
    spec: NetworkSpec, settings: NetworkSettings, shape: tuple[int, ...], n_items: int = 1
) -> Network:
    """Return a network on its device, ready to run. Warn if it is untrained.

    `shape` is the shape of one image, (3, H, W), or clip, (3, T, H, W). `n_items` is the number of
    images or clips to embed. It decides whether a conversion pays off. The two most recent networks
    stay in memory. Of a user's module, only its conversion does.
    """
    if not spec.is_trained:
        warnings.warn(
            f"{spec.name} is untrained, so its features are random projections of the frames: "
            "pass weights='...' for a trained network",
            M3SWarning,
            stacklevel=2,
        )
    device, precision = _where(spec, settings)
    settings = settings._replace(device=device, precision=precision)
    run = None
    if device == "cpu" and settings.engine != "torch":
        run = _run_by_openvino(spec, settings, shape, n_items)
    if run is None:
        run = (_run_as_it_is if spec.origin == "user" else _run_by_torch)(spec, settings)
    return Network(spec.name, run, settings.mean, settings.std, device)


class _Recent:
    """Keep the two most recent results, by a key.

    Threads that ask for the same key get the same result.
    """

    def __init__(self) -> None:
        self._results: dict[Any, Any] = {}
        self._lock = Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return the result of a key. Make it if it is not there."""
        with self._lock:
            result = self._results.pop(key) if key in self._results else make()
            self._results[key] = result  # the newest comes last
            while len(self._results) > 2:
                del self._results[next(iter(self._results))]
            return result

    def clear(self) -> None:
        """Forget all results."""
        self._results.clear()


_built, _converted = _Recent(), _Recent()
_locks: WeakKeyDictionary[nn.Module, Lock] = WeakKeyDictionary()  # of modules of the user


def _where(spec: NetworkSpec, settings: NetworkSettings) -> tuple[str, str]:
    """Return the device and the precision."""
    if settings.engine == "openvino" and settings.device != "cpu":
        if settings.device != "auto":
            raise ValueError(
                f"engine='openvino' runs on the CPU, not on {settings.device!r}: use device='cpu' "
                "or 'auto'"
            )
        settings = settings._replace(device="cpu")
    if spec.origin == "user":
        return _where_it_is(spec, settings), settings.precision
    device = resolve_device(settings.device)
    automatic = "bfloat16" if device.startswith("cuda") else "float32"
    return device, automatic if settings.precision == "auto" else settings.precision


def _run_by_torch(spec: NetworkSpec, settings: NetworkSettings) -> Run:
    """Return a function that runs a network of the registry or of Hugging Face with torch."""
    how = settings.layer, settings.output, settings.device, settings.precision
    key = json.dumps([spec.identity(), how], sort_keys=True)
    return _built.get(key, partial(_prepare, spec, settings))


def _prepare(spec: NetworkSpec, settings: NetworkSettings) -> Run:
    network, dtype = spec.build(), getattr(torch, settings.precision)
    device, kind = settings.device, torch.device(settings.device).type
    streamlined = spec.origin == "registry" and settings.layer is None
    if streamlined:
        network = streamline(network, kind, settings.precision)
    channels_last = streamlined and wants_channels_last(kind, settings.precision)
    features = Features(network, settings.layer, settings.output, spec.name).eval()
    features.to(device, dtype)
    lock = Lock()  # the hook of a layer would also see the batches of other threads

    def run(batch: torch.Tensor) -> torch.Tensor:
        batch = as_channels_last(batch) if channels_last else batch.contiguous()
        with lock, _arithmetic(device, settings.precision):
            return features(batch.to(dtype))

    return run


def _arithmetic(device: str, precision: str) -> Any:
    """Keep the inputs of float32 convolutions on CUDA from being rounded to TF32."""
    if not device.startswith("cuda") or precision != "float32":
        return nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )


def _where_it_is(spec: NetworkSpec, settings: NetworkSettings) -> str:
    """Return the device of a user's module, which is never moved."""
    own = next((tensor.device for tensor in _tensors(spec)), torch.device("cpu"))
    if settings.device == "auto":
        return str(own)
    asked = torch.device(resolve_device(settings.device))
    if asked.type != own.type or asked.index not in (None, own.index):
        raise ValueError(
            f"device={settings.device!r}, but {spec.name} is on {own}: move it there with "
            f"model.to({settings.device!r}), or use device='auto'"
        )
    return str(own)


def _tensors(spec: NetworkSpec) -> list[torch.Tensor]:
    """Return the floating-point parameters and buffers."""
    network = spec.build()
    return [t for t in [*network.parameters(), *network.buffers()] if t.is_floating_point()]


def _run_as_it_is(spec: NetworkSpec, settings: NetworkSettings) -> Run:
    """Return a function that runs a user's module and leaves it unchanged."""
    network = spec.build()
    features = Features(network, settings.layer, settings.output, spec.name)
    dtype = next((tensor.dtype for tensor in _tensors(spec)), torch.float32)
    casts = settings.precision == "bfloat16"
    lock = _locks.setdefault(network, Lock())  # one thread at a time changes its mode

    def run(batch: torch.Tensor) -> torch.Tensor:
        autocast = torch.autocast(batch.device.type, torch.bfloat16, enabled=casts)
        with lock, in_eval_mode(network), autocast:
            return features(batch.contiguous().to(dtype))

    return run


def _run_by_openvino(
    spec: NetworkSpec, settings: NetworkSettings, shape: tuple[int, ...], n_items: int
) -> Run | None:
    """Return a function that runs a network with OpenVINO, or None if torch should run it."""
    forced = settings.engine == "openvino"
    if not forced and (openvino_version() is None or not _is_float32(spec)):
        return None
    # `version=` is not enough: different networks of a user may have the same one.
    identity = module_digest(spec.build()) if spec.origin == "user" else spec.identity()
    key = json.dumps([_GRAPH, identity, settings.layer, settings.output], sort_keys=True)
    repays = n_items >= _REPAYS[len(shape)] and can_keep()
    if not (forced or repays or is_converted(key, shape)):
        return None

    def load() -> OpenVINONetwork | Exception:
        def build() -> nn.Module:
            return Features(spec.build(), settings.layer, settings.output, spec.name)

        precision = "bfloat16" if settings.precision == "bfloat16" else "float32"
        try:
            return load_openvino(build, shape, key=key, precision=precision)
        except (ConversionError, ImportError) as error:
            return error.with_traceback(None)  # kept like a result: later calls do not try again

    converted = _converted.get((key, shape, settings.precision), load)
    if isinstance(converted, Exception):
        if forced:
            raise _refusal(spec, converted) from converted
        logger.info("Running %s with torch: %s", spec.name, converted)
        return None

    def run(batch: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(converted(batch))

    return _checked(spec, settings, run) if spec.origin == "user" else run


def _is_float32(spec: NetworkSpec) -> bool:
    """Return whether all parameters of a network are float32. Those that we build are."""
    return spec.origin != "user" or all(t.dtype == torch.float32 for t in _tensors(spec))


def _refusal(spec: NetworkSpec, error: Exception) -> Exception:
    """Return the error for a network that OpenVINO should run but cannot."""
    if isinstance(error, ImportError):
        return error
    return M3SError(f"{spec.name}: {error}. Use engine='auto' or 'torch'")


def _checked(spec: NetworkSpec, settings: NetworkSettings, run: Run) -> Run:
    """Return a function that runs a module with OpenVINO, or with torch if they disagree.

    They are compared on the first batch. A module can depend on the values of a batch, and on state
    that its identity does not cover.
    """
    by_torch = _run_as_it_is(spec, settings)
    tolerance = _ROUNDING.get(settings.precision, 1e-4)
    chosen: list[Run] = []

    def run_checked(batch: torch.Tensor) -> torch.Tensor:
        if chosen:
            return chosen[0](batch)
        expected, found = by_torch(batch), run(batch)
        agrees = torch.allclose(
            found, expected, rtol=0, atol=tolerance * float(expected.abs().max())
        )
        if not agrees and settings.engine == "openvino":
            raise _refusal(spec, ConversionError("OpenVINO gives different features than torch"))
        if not agrees:
            logger.info("Running %s with torch: OpenVINO gives different features", spec.name)
        chosen.append(run if agrees else by_torch)
        return expected

    return run_checked
