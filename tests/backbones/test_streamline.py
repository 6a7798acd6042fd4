"""Streamlined networks have the features of plain ones."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from sklearn_m3s.backbones._build import registry_spec
from sklearn_m3s.backbones._convolutions import FramewiseConv3d, PointwiseConv3d
from sklearn_m3s.backbones._streamline import fold_batch_norms, streamline

SHAPES = {
    "hrnetv2_w48": (2, 3, 64, 96),
    "ip_csn_152": (2, 3, 8, 48, 64),
    "ir_csn_152": (2, 3, 8, 48, 64),
}
NORMS = nn.BatchNorm2d | nn.BatchNorm3d


@pytest.fixture(scope="module", params=SHAPES)
def case(request):
    """Return a network with fitted batch norms, a batch and its features."""
    model = registry_spec(request.param, weights=None).build()
    generator = torch.Generator().manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, NORMS):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.normal_(layer.bias, 0, 0.1, generator=generator)
    batch = torch.randn(SHAPES[request.param], generator=generator)
    with torch.inference_mode():
        return model, batch, model(batch)


def assert_same_features(model, batch, expected):
    with torch.inference_mode():
        found = model(batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_folding_removes_batch_norms_and_keeps_the_features(case):
    model, batch, expected = case
    folded = fold_batch_norms(deepcopy(model))
    assert not any(isinstance(layer, NORMS) for layer in folded.modules())
    assert_same_features(folded, batch, expected)


def test_a_batch_norm_after_anything_but_its_convolution_stays():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4))
    batch = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network.eval()(batch)
    assert_same_features(fold_batch_norms(network), batch, expected)


@pytest.mark.parametrize(("kind", "precision"), [("cpu", "float32"), ("cuda", "bfloat16")])
def test_the_form_for_each_device_has_the_features_of_the_plain_network(case, kind, precision):
    model, batch, expected = case
    assert_same_features(streamline(deepcopy(model), kind, precision), batch, expected)


@pytest.mark.parametrize(
    ("layer", "on_cpu", "on_cuda"),
    [
        (nn.Conv2d(96, 96, 3, padding=1), nn.Conv2d, nn.Conv2d),
        (nn.Conv2d(48, 48, 3, padding=1), nn.Conv2d, nn.Conv2d),
        (nn.Conv2d(96, 96, 3, 2, 1), nn.Conv2d, nn.Conv2d),
        (nn.Conv2d(96, 96, 1), nn.Conv2d, nn.Conv2d),
        (nn.Conv3d(4, 8, 1), PointwiseConv3d, PointwiseConv3d),
        (nn.Conv3d(4, 8, 1, groups=2), nn.Conv3d, nn.Conv3d),
        (nn.Conv3d(4, 8, 1, padding=1), nn.Conv3d, nn.Conv3d),
        (nn.Conv3d(4, 4, 3, padding=1, groups=4), nn.Conv3d, FramewiseConv3d),
        (nn.Conv3d(4, 4, 3, padding=1, groups=2), nn.Conv3d, nn.Conv3d),
        (nn.Conv3d(4, 4, 5, padding=2, groups=4), nn.Conv3d, nn.Conv3d),
        (nn.Conv3d(3, 4, (3, 7, 7), padding=(1, 3, 3)), nn.Conv3d, nn.Conv3d),
    ],
    ids=str,
)
def test_layers_take_the_form_that_is_fast_on_the_device(layer, on_cpu, on_cuda):
    forms = {("cpu", "float32"): on_cpu, ("cuda", "bfloat16"): on_cuda}
    # The plain form is kept for float32 on CUDA and on less known devices.
    forms |= {("cuda", "float32"): type(layer), ("mps", "float32"): type(layer)}
    for (kind, precision), form in forms.items():
        model = streamline(nn.Sequential(deepcopy(layer)), kind, precision)
        assert type(model[0]) is form
