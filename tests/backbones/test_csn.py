"""ip-CSN-152 and ir-CSN-152 compute what the published networks compute."""

import numpy as np
import pytest
import torch

from sklearn_m3s.backbones._build import registry_spec

BLOCK = {
    "conv1.0": "conv1.conv",
    "conv1.1": "conv1.bn",
    "conv3.0": "conv3.conv",
    "conv3.1": "conv3.bn",
    "downsample.0": "downsample.conv",
    "downsample.1": "downsample.bn",
}
OPENMMLAB = {
    "ip_csn_152": BLOCK
    | {
        "conv2.0.0": "conv2.0.conv",
        "conv2.0.1": "conv2.0.bn",
        "conv2.0.2": "conv2.1.conv",
        "conv2.1": "conv2.1.bn",
    },
    "ir_csn_152": BLOCK | {"conv2.0": "conv2.0.conv", "conv2.1": "conv2.0.bn"},
}


def as_openmmlab(architecture, key):
    """Return OpenMMLab's name of a torchvision key."""
    first, *rest = key.split(".")
    if first == "fc":
        return f"cls_head.fc_cls.{rest[0]}"
    if first == "stem":
        return f"backbone.conv1.{['conv', 'bn'][int(rest[0])]}.{rest[1]}"
    block, *module, tensor = rest
    return f"backbone.{first}.{block}.{OPENMMLAB[architecture]['.'.join(module)]}.{tensor}"


@pytest.fixture(params=["ip_csn_152", "ir_csn_152"])
def architecture(request):
    return request.param


@pytest.mark.parametrize(
    ("layout", "size"), [("torchvision", "16x112"), ("openmmlab", "32x128x160")]
)
def test_features_equal_the_published_ones_from_both_layouts(
    architecture, layout, size, golden, build_from_file
):
    content = golden.state_dict(architecture)
    if layout == "openmmlab":
        state = {as_openmmlab(architecture, key): value for key, value in content.items()}
        content = {"meta": {"epoch": 58}, "state_dict": state}
    network = build_from_file(architecture, content)
    batch, features = golden.case(f"{architecture}/{size}")
    with torch.inference_mode():
        np.testing.assert_allclose(network(batch).numpy(), features, rtol=1e-4, atol=1e-5)


def test_keys_and_shapes_are_the_published_ones_without_the_classifier(architecture, golden):
    published = golden.keys[architecture].items()
    network = registry_spec(architecture, weights=None).build()
    found = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    assert found == {key: shape for key, shape in published if not key.startswith("fc.")}
