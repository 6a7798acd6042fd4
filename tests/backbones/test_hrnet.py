"""HRNetV2-W48 computes what the published network computes."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.nn import functional

from sklearn_m3s.backbones import hrnetv2_w48
from sklearn_m3s.backbones._embed import Backbone


@pytest.fixture(scope="module")
def network(golden, build_from_file):
    return build_from_file("hrnetv2_w48", golden.state_dict("hrnetv2_w48"))


@pytest.fixture(scope="module")
def backbone(network):
    return Backbone("hrnetv2_w48", deepcopy(network), "cpu", "float32")


@pytest.mark.parametrize("size", ["256", "128x192"])
def test_features_equal_the_published_ones(network, backbone, golden, size):
    batch, features = golden.case(f"hrnetv2_w48/{size}")
    with torch.inference_mode():
        np.testing.assert_allclose(network(batch).numpy(), features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(backbone._infer(batch), features, rtol=1e-4, atol=1e-5)


def test_keys_and_shapes_are_the_published_ones(golden):
    leftovers = ("_tmp_running_mean", "_tmp_running_var", "_running_iter")
    published = golden.keys["hrnetv2_w48"].items()
    found = {key: list(tensor.shape) for key, tensor in hrnetv2_w48().state_dict().items()}
    assert found == {key: shape for key, shape in published if not key.endswith(leftovers)}


@pytest.mark.parametrize("size", [(64, 96), (72, 100), (33, 47)])
def test_features_are_the_mean_of_the_upsampled_branches_at_any_size(size):
    network, maps = hrnetv2_w48(), []
    network.stage4.register_forward_hook(lambda module, inputs, output: maps.extend(output))
    batch = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = network(batch)
    top = maps[0].shape[-2:]
    resized = [functional.interpolate(x, size=top, mode="bilinear") for x in maps]
    expected = torch.cat(resized, dim=1).mean((-2, -1))
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-6)
