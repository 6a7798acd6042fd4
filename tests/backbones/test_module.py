"""The identity of modules: it differs if their numbers differ."""

import warnings

import pytest
import torch
import torch.fx
from torch import nn

from sklearn_m3s.backbones._module import module_spec


def module(activation=nn.ReLU, weight=1.0):
    network = nn.Sequential(nn.Linear(2, 2), activation(), nn.BatchNorm1d(2))
    nn.init.constant_(network[0].weight, weight)
    nn.init.zeros_(network[0].bias)
    return network


def identity(network, **settings):
    return module_spec(network, **settings).identity()


class Plus(nn.Module):
    def forward(self, x):
        return x + 1


class Minus(nn.Module):
    def forward(self, x):
        return x - 1


def test_equal_modules_have_equal_identities():
    assert identity(module()) == identity(module())


@pytest.mark.parametrize("change", ["activation", "parameter", "buffer", "type"])
def test_different_modules_have_different_identities(change):
    other = module(nn.GELU if change == "activation" else nn.ReLU)
    if change == "parameter":
        other[0].weight.data[0, 0] += 1e-6
    if change == "buffer":
        other[2].running_mean += 1e-6
    if change == "type":
        other.double()
    assert identity(other) != identity(module())


def test_the_identity_depends_on_the_code_of_a_class():
    Other = type("Plus", (nn.Module,), {"forward": Minus.forward, "__module__": __name__})
    assert repr(Other()) == repr(Plus())
    assert identity(nn.Sequential(Other())) != identity(nn.Sequential(Plus()))


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.register_buffer("hidden", torch.zeros(1), persistent=False)

    def forward(self, x):
        return x * self.factor


def enclosed(factor):
    class Enclosed(nn.Module):
        def forward(self, x):
            return x * factor

    Enclosed.__module__ = "__main__"  # as in a script
    return Enclosed()


def traced(function):
    with warnings.catch_warnings(action="ignore"):  # deprecated, but users have such modules
        return torch.jit.trace(nn.Sequential(function()), torch.zeros(2))


def graph(function):
    return torch.fx.symbolic_trace(nn.Sequential(function()))


@pytest.mark.parametrize(
    ("make", "one", "other"),
    [
        (Scaled, 1, 2),
        (Scaled, (1, 2), (1, 3)),
        (enclosed, 1, 2),
        (traced, nn.ReLU, nn.Sigmoid),
        (graph, nn.ReLU, nn.Sigmoid),
    ],
)
def test_the_identity_depends_on_settings_closures_and_programs(make, one, other):
    assert identity(make(one)) == identity(make(one))
    assert identity(make(one)) != identity(make(other))


def test_the_identity_depends_on_buffers_that_are_not_saved():
    module = Scaled(1)
    before = identity(module)
    module.hidden += 1
    assert identity(module) != before


def test_the_identity_does_not_depend_on_the_mode():
    assert identity(module().eval()) == identity(module())


def test_a_version_replaces_parameters_and_code_in_the_identity():
    one, two = module(weight=1.0), module(weight=2.0)
    assert identity(one, version="1") == identity(two, version="1") != identity(two, version="2")


def test_a_function_is_called_once_and_only_when_the_network_is_needed():
    calls = []

    def make():
        calls.append(1)
        return module()

    spec = module_spec(make)
    assert (spec.name, calls) == ("make", [])
    assert module_spec(make, version="1").identity() == {"module": "make", "version": "1"}
    assert calls == []
    assert spec.build() is spec.build()
    assert identity(make)["digest"] == identity(module())["digest"]
    assert calls == [1]


def test_the_error_for_a_function_names_what_it_returned():
    with pytest.raises(TypeError, match=r"returns a Tensor: pass a function that returns a"):
        module_spec(lambda: torch.zeros(1)).build()
