"""The network h: multi-layer perceptrons from a row of features to scores."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}
OUTPUT_ACTIVATIONS = {"sigmoid": nn.Sigmoid, "identity": nn.Identity}


class MLP(nn.Sequential):
    """Networks of one shape side by side, from (n, n_features) to (n_networks, n) scores.

    With `n_outputs`, the scores have the shape (n_networks, n, n_outputs).

    Each network has its own weights. The first layer takes one batch for all networks, which makes
    it one large matrix product. A batch of shape (n_networks, n, n_features) has separate rows for
    each network.

    Weights and biases are uniform in ±1 / sqrt(inputs of the layer), as in torch's linear layers.
    They come from `generator`, so that torch's global generator is neither read nor advanced. Each
    dropout layer has its own generator, seeded from the seed of `generator`.
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        output_activation: str,
        generator: torch.Generator | None = None,
        *,
        n_outputs: int | None = None,
        n_networks: int = 1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        sizes = [n_features, *hidden_layer_sizes]
        seed = generator.initial_seed() if generator else 0
        layers: list[nn.Module] = [Dropout(input_dropout, seed)] if input_dropout else []
        for i, (n_in, n_out) in enumerate(pairwise(sizes)):
            layers += [
                Linear(n_networks, n_in, n_out, generator),
                ACTIVATIONS[activation](),
            ]
            if dropout:
                layers.append(Dropout(dropout, seed + i + 1))
        layers.append(Linear(n_networks, sizes[-1], n_outputs or 1, generator))
        shape = nn.Flatten(start_dim=1) if n_outputs is None else nn.Identity()
        super().__init__(*layers, OUTPUT_ACTIVATIONS[output_activation](), shape)
        self.output_activation = output_activation
        self.n_networks = n_networks

    def start_at(self, score: float | Sequence[float]) -> None:
        """Set the output biases so that the first predictions lie around `score`."""
        bias = torch.tensor(score)
        if self.output_activation == "sigmoid":
            bias = bias.logit(eps=1e-3)
        with torch.no_grad():
            # The last linear layer, before the activation and the reshaping.
            self[-3].get_parameter("bias").copy_(bias)


class Linear(nn.Module):
    """A linear layer for each network."""

    def __init__(
        self, n_networks: int, n_inputs: int, n_outputs: int, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_networks, n_outputs, n_inputs))
        self.bias = nn.Parameter(torch.empty(n_networks, n_outputs))
        bound = n_inputs**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n_networks, n, n_outputs) for rows (n, n_inputs) or (n_networks, n, n_inputs)."""
        if x.dim() == 3:  # rows for each network: a batch of products
            return torch.baddbmm(self.bias[:, None], x, self.weight.mT)
        # The same rows for all networks: stack all weights, multiply once, and split the columns by
        # network.
        out = nn.functional.linear(x, self.weight.flatten(0, 1), self.bias.flatten())
        return out.unflatten(1, self.bias.shape).transpose(0, 1)


class Dropout(nn.Module):
    """Dropout with its own random generator, on the device of the data.

    The generator starts from the state `saved` if it is from the same device, else from `seed`.
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.rate = rate
        self.seed = seed
        self.saved: tuple[str, np.ndarray] | None = None
        self._generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`. In training, a share `rate` is set to 0 and the rest is scaled up."""
        if not self.training:
            return x
        # A generator belongs to one device, so it is made at the first batch there.
        if self._generator is None or self._generator.device != x.device:
            self._generator = torch.Generator(x.device).manual_seed(self.seed)
            if self.saved is not None and self.saved[0] == str(x.device):
                self._generator.set_state(torch.tensor(self.saved[1]))
        kept = torch.empty_like(x).bernoulli_(1 - self.rate, generator=self._generator)
        return x * kept.div_(1 - self.rate)

    def save(self) -> tuple[str, np.ndarray] | None:
        """Return the device and the state of the generator, for `saved`."""
        if self._generator is None:
            return self.saved
        return str(self._generator.device), self._generator.get_state().numpy()
