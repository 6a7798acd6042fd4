"""Features from the output of a network, for outputs with known numbers."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sklearn_m3s.backbones._features import Features
from sklearn_m3s.exceptions import M3SError

BATCH = torch.arange(24.0).view(2, 3, 4)


class Returns(nn.Module):
    """A network that returns a function of its batch."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, batch):
        return self.function(batch)


def features(function, **settings):
    return Features(Returns(function), **settings)(BATCH)


@pytest.mark.parametrize(
    ("function", "output", "expected"),
    [
        (lambda x: x[:, 0], "auto", BATCH[:, 0]),
        (lambda x: x[:, 0, 0], "auto", BATCH[:, :1, 0]),
        (lambda x: x, "auto", BATCH.mean(dim=1)),
        (lambda x: x, "mean", BATCH.mean(dim=1)),
        (lambda x: x, "cls", BATCH[:, 0]),
        (lambda x: x, "flatten", BATCH.view(2, 12)),
        (lambda x: x.view(2, 3, 2, 2), "auto", BATCH.mean(dim=2)),
        (lambda x: x.view(2, 3, 1, 2, 2), "mean", BATCH.mean(dim=2)),
        (lambda x: x[:, 0].double(), "auto", BATCH[:, 0]),
        (lambda x: {"features": x[:, 1]}, "auto", BATCH[:, 1]),
        (
            lambda x: SimpleNamespace(pooler_output=x[:, 1], last_hidden_state=x),
            "auto",
            BATCH[:, 1],
        ),
        (lambda x: SimpleNamespace(pooler_output=x[:, 1], last_hidden_state=x), "cls", BATCH[:, 0]),
        (
            lambda x: SimpleNamespace(pooler_output=x[:, 1], last_hidden_state=x),
            "flatten",
            BATCH.view(2, 12),
        ),
        (lambda x: SimpleNamespace(pooler_output=None, last_hidden_state=x), "auto", BATCH.mean(1)),
    ],
)
def test_any_output_becomes_one_float32_vector_per_item(function, output, expected):
    found = features(function, output=output)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("function", "output", "fault"),
    [
        (lambda x: (x, x), "auto", r"returns a tuple of 2 items.*layer="),
        (lambda x: None, "auto", "returns a NoneType"),
        (lambda x: SimpleNamespace(last_hidden_state=x), "pooler", r"output='pooler' needs"),
        (lambda x: x.mean(), "auto", r"tensor of shape \(\) for a batch of 2"),
        (lambda x: x[:1], "auto", r"tensor of shape \(1, 3, 4\) for a batch of 2"),
        (lambda x: x.view(2, 3, 2, 2), "cls", r"'cls'.*shape \(2, 3, 2, 2\): use output='mean'"),
    ],
)
def test_the_error_for_an_unsupported_output_names_its_type(function, output, fault):
    with pytest.raises(M3SError, match=fault):
        features(function, output=output)


@pytest.fixture
def network():
    """Return a network whose layers double their batch, one of which is never called."""
    double = [Returns(lambda x: 2 * x) for _ in range(3)]
    network = nn.Module()
    network.blocks, network.unused = nn.ModuleList(double), nn.Identity()
    network.forward = lambda x: network.blocks[2](network.blocks[1](network.blocks[0](x)))
    return network


def test_a_layer_gives_its_own_output_and_keeps_no_hook(network):
    torch.testing.assert_close(
        Features(network, layer="blocks.1", output="flatten")(BATCH), 4 * BATCH.view(2, 12)
    )
    assert not network.blocks[1]._forward_hooks


def test_the_error_for_an_unknown_layer_names_similar_ones(network):
    with pytest.raises(ValueError, match=r"layer='block.1' is not a module.*'blocks.1'"):
        Features(network, layer="block.1")


def test_a_layer_that_is_never_reached_is_an_error(network):
    with pytest.raises(M3SError, match=r"layer='unused' of the network never runs"):
        Features(network, layer="unused")(BATCH)


def test_a_wrapped_model_is_searched_without_its_wrapper(network):
    wrapper = nn.Sequential()
    wrapper.model = network
    found = Features(wrapper, layer="blocks.0", output="flatten")(BATCH)
    torch.testing.assert_close(found, 2 * BATCH.view(2, 12))
