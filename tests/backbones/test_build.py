"""Networks are built reproducibly, ready for inference, and without side effects."""

import pytest
import torch

from sklearn_m3s.backbones import hrnetv2_w48, ip_csn_152, ir_csn_152
from sklearn_m3s.backbones._build import build


def batch(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def first_weight(network):
    return next(network.parameters()).detach()


def test_the_same_seed_gives_the_same_network_and_no_seed_is_seed_zero():
    before = torch.get_rng_state()
    weights = [first_weight(build("ir_csn_152", None, seed)) for seed in (None, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before), "the global random state has moved"


@pytest.mark.parametrize(
    ("function", "shape", "n_features"),
    [
        (hrnetv2_w48, (4, 3, 64, 64), 720),
        (ip_csn_152, (4, 3, 4, 32, 32), 2048),
        (ir_csn_152, (4, 3, 4, 32, 32), 2048),
    ],
)
def test_untrained_features_are_moderate_and_tell_inputs_apart(function, shape, n_features):
    network = function()
    with torch.inference_mode():
        features = network(batch(*shape))
    assert not any(module.training for module in network.modules())
    assert features.shape == (4, n_features)
    assert features.dtype == torch.float32
    assert 1e-3 < features.abs().max() < 1e3
    spread = features.std(dim=0) / features.mean(dim=0).clamp_min(1e-9)
    assert spread.median() > 1e-2


def test_a_network_built_from_a_file_holds_what_the_file_holds(build_from_file):
    saved = build("ir_csn_152", None, 3).state_dict()
    loaded = build_from_file("ir_csn_152", saved).state_dict()
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[key], saved[key]) for key in saved)


def test_half_precision_weights_are_loaded_as_float32(build_from_file):
    halves = {key: value.half() for key, value in ir_csn_152().state_dict().items()}
    assert first_weight(build_from_file("ir_csn_152", halves)).dtype == torch.float32
