"""The network h: multi-layer perceptrons from a row of features to a score."""

from collections.abc import Sequence
from itertools import pairwise

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

    Each has its own weights. The first layer takes one batch for all networks, which makes it one
    large matrix product. A batch of shape (n_networks, n, n_features) has rows for each network.

    Weights and biases are uniform in ±1 / sqrt(inputs of the layer), as in torch's linear layers.
    They come from `generator`, so that torch's global generator is neither read nor advanced.
    Dropout has a generator of its own with the same seed.
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        output_activation: str,
        generator: torch.Generator | None = None,
        *,
        n_networks: int = 1,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        sizes = [n_features, *hidden_layer_sizes]
        seed = generator.initial_seed() if generator else 0
        layers: list[nn.Module] = [Dropout(input_dropout, seed)] if input_dropout else []
        for i, (n_inputs, n_outputs) in enumerate(pairwise(sizes)):
            layers += [
                Linear(n_networks, n_inputs, n_outputs, generator),
                ACTIVATIONS[activation](),
            ]
            if dropout:
                layers.append(Dropout(dropout, seed + i + 1))
        layers.append(Linear(n_networks, sizes[-1], 1, generator))
        super().__init__(*layers, OUTPUT_ACTIVATIONS[output_activation](), nn.Flatten(start_dim=1))
        self.output_activation = output_activation
        self.n_networks = n_networks

    def start_at(self, score: float) -> None:
        """Set the output bias so that the first predictions lie around `score`."""
        if self.output_activation == "sigmoid":
            score = torch.logit(torch.tensor(score), eps=1e-3).item()
        nn.init.constant_(self[-3].get_parameter("bias"), score)


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
        """Return (n_networks, n, n_outputs), of rows for all networks or for each."""
        if x.dim() == 3:
            return torch.baddbmm(self.bias[:, None], x, self.weight.mT)
        out = nn.functional.linear(x, self.weight.flatten(0, 1), self.bias.flatten())
        return out.unflatten(1, self.bias.shape).transpose(0, 1)


class Dropout(nn.Module):
    """Dropout that reads a generator of its own, on the device of the data."""

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.rate = rate
        self.seed = seed
        self._generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with a share of `rate` set to 0 and the rest scaled up, in training."""
        if not self.training:
            return x
        if self._generator is None or self._generator.device != x.device:
            self._generator = torch.Generator(x.device).manual_seed(self.seed)
        kept = torch.empty_like(x).bernoulli_(1 - self.rate, generator=self._generator)
        return x * kept.div_(1 - self.rate)

    def __getstate__(self) -> dict:
        return {**super().__getstate__(), "_generator": None}
