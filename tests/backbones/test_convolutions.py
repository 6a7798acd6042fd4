"""Other ways to compute 3D convolutions give the same results."""

import pytest
import torch
from torch import nn

from sklearn_m3s.backbones._convolutions import FramewiseConv3d, PointwiseConv3d


def convolution(*args, **options):
    conv = nn.Conv3d(*args, **options)
    generator = torch.Generator().manual_seed(0)
    for weight in conv.parameters():
        nn.init.normal_(weight, generator=generator)
    return conv.requires_grad_(False)


def clips(*shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return x.contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_a_matrix_product_equals_a_pointwise_convolution(stride, bias):
    conv = convolution(5, 7, 1, stride, bias=bias)
    x = clips(2, 5, 3, 6, 7)
    found = PointwiseConv3d(conv)(x)
    torch.testing.assert_close(found, conv(x), rtol=1e-5, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 5])
def test_three_2d_convolutions_equal_a_depthwise_3d_convolution(stride, n_frames):
    conv = convolution(6, 6, 3, stride, padding=1, groups=6)
    x = clips(2, 6, n_frames, 9, 8)
    before = x.clone()
    found = FramewiseConv3d(conv)(x)
    torch.testing.assert_close(found, conv(x), rtol=1e-5, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(x, before)
