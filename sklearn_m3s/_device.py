"""Where torch runs: one rule for the backbones and the regressor."""

import torch


def check_device(device: str) -> str:
    """Return the device to use: for "auto" CUDA, else MPS, else the CPU.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cuda"``, ``"cuda:1"`` and so on, ``"mps"`` or ``"cpu"``.

    Returns
    -------
    str
        The same, with ``"auto"`` replaced.

    Raises
    ------
    ValueError
        If there is no such device here.

    Examples
    --------
    >>> from sklearn_m3s.backbones import check_device
    >>> check_device("cpu")
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
