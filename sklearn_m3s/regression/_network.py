"""The network h: a multi-layer perceptron from a row of features to a score."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

ACTIVATIONS = {
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}
OUTPUT_ACTIVATIONS = {"sigmoid": nn.Sigmoid, "identity": nn.Identity}


class MLP(nn.Sequential):
    """Fully connected layers from (n, n_features) to (n,) scores.

    Weights and biases are uniform in ±1 / sqrt(inputs of the layer), as in torch's linear layers.
    They come from `generator`, so that torch's global generator is neither read nor advanced.
    """

    def __init__(
        self,
        n_features: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        output_activation: str,
        generator: torch.Generator | None = None,
    ) -> None:
        sizes = [n_features, *hidden_layer_sizes]
        layers: list[nn.Module] = []
        for n_inputs, n_outputs in pairwise(sizes):
            layers += [_linear(n_inputs, n_outputs, generator), ACTIVATIONS[activation]()]
        output = _linear(sizes[-1], 1, generator)
        super().__init__(
            *layers, output, OUTPUT_ACTIVATIONS[output_activation](), nn.Flatten(start_dim=0)
        )
        self.output_activation = output_activation

    def start_at(self, score: float) -> None:
        """Set the output bias so that the first predictions lie around `score`."""
        if self.output_activation == "sigmoid":
            score = torch.logit(torch.tensor(score), eps=1e-3).item()
        nn.init.constant_(self[-3].get_parameter("bias"), score)


def _linear(n_inputs: int, n_outputs: int, generator: torch.Generator | None) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs)
    bound = n_inputs**-0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
