"""The device that torch runs on, and its threads in forked processes."""

import os
from functools import cache

import torch


@cache
def limit_forked_threads() -> None:
    """Limit torch to one thread in processes that are forked from now on.

    A fork does not copy the threads of the parent, but OpenMP in the child waits for them.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def resolve_device(device: str) -> str:
    """Return the name of an available device.

    Parameters
    ----------
    device : str
        ``"cuda"``, ``"cuda:0"``, ``"cuda:1"`` and so on, ``"mps"``, ``"cpu"`` or ``"auto"``.
        ``"auto"`` selects CUDA if available, then MPS, then the CPU.

    Returns
    -------
    str
        `device` itself, or the device that ``"auto"`` selects.

    Raises
    ------
    ValueError
        If the device is not available.

    Examples
    --------
    >>> from sklearn_m3s.backbones import resolve_device
    >>> resolve_device("cpu")
    'cpu'
    """
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    available = [
        *["cuda"] * bool(n_cuda),
        *["mps"] * torch.backends.mps.is_available(),
        "cpu",
        *(f"cuda:{index}" for index in range(n_cuda)),
    ]
    if device == "auto":
        return available[0]
    if device not in available:
        raise ValueError(
            f"device={device!r} is not available here: use 'auto' or one of {available}"
        )
    return device
