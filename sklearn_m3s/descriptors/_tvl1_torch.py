"""What TV-L1 needs beside elementwise arithmetic, on any device of torch."""

import torch
from torch.nn import functional


class TorchBackend:
    """Tensors on a device.

    Parameters
    ----------
    device : str
        Of torch, such as ``"cuda"``.
    """

    xp = torch
    n_pairs = 512

    def __init__(self, device):
        self._device = device

    def load(self, array):
        """Return an array as a tensor on the device."""
        return torch.from_numpy(array).to(self._device)

    def fetch(self, tensor):
        """Return a tensor as an array."""
        return tensor.cpu().numpy()

    def zeros(self, shape):
        """Return zeros, float32."""
        return torch.zeros(shape, device=self._device)

    def enlarge(self, field, shape):
        """Return a field of shape (2, B, h, w) on a finer grid, in its pixels."""
        larger = functional.interpolate(field, shape, mode="bilinear", align_corners=False)
        larger[0] *= shape[1] / field.shape[3]
        larger[1] *= shape[0] / field.shape[2]
        return larger

    def warp(self, images, field):
        """Return images of shape (c, B, h, w) at the places to which a field points."""
        height, width = images.shape[2:]
        x = (field[0] + torch.arange(width, device=self._device)).clip(0, width - 1)
        y = (field[1] + torch.arange(height, device=self._device)[:, None]).clip(0, height - 1)
        left, top = x.long().clip(max=width - 2), y.long().clip(max=height - 2)
        corner = (top * width + left).flatten(1).expand(len(images), -1, -1)
        flat = images.flatten(2)
        rows = []
        for place in (corner, corner + width):
            a, b = (flat.gather(2, place + step).view_as(images) for step in (0, 1))
            rows.append(torch.lerp(a, b, x - left))
        return torch.lerp(*rows, y - top)

    def median(self, field):
        """Replace each value of a field by the median of the 3 x 3 around it."""
        padded = functional.pad(field, (1, 1, 1, 1), mode="replicate")
        height, width = field.shape[2:]
        shifts = [padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3)]
        field.copy_(torch.stack(shifts).median(dim=0).values)
