"""Winograd's convolution is the convolution."""

import pytest
import torch
from torch import nn

from sklearn_m3s.backbones import _winograd
from sklearn_m3s.backbones._winograd import WinogradConv2d


@pytest.fixture
def conv():
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv2d(5, 7, 3, padding=1)
    nn.init.normal_(conv.weight, generator=generator)
    nn.init.normal_(conv.bias, generator=generator)
    return conv.requires_grad_(False)


def images(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=[2, 4])
def fast(request, conv):
    return WinogradConv2d(conv, request.param)


@pytest.mark.parametrize("shape", [(4, 4), (8, 12), (9, 6), (1, 3), (31, 33)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_equals_the_direct_convolution_at_any_size(conv, fast, shape, layout):
    x = images(2, 5, *shape).contiguous(memory_format=layout)
    before = x.clone()
    found = fast(x)
    torch.testing.assert_close(found, conv(x), rtol=1e-4, atol=1e-4)
    assert torch.equal(x, before)


@pytest.mark.parametrize("tiles", [1, 5, 12, 25, 1000])
def test_portions_of_tiles_join_without_a_seam(conv, fast, tiles, monkeypatch):
    monkeypatch.setattr(_winograd, "_N_TILES", tiles)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    x = images(3, 5, 17, 10)
    torch.testing.assert_close(fast(x), conv(x), rtol=1e-4, atol=1e-4)


def test_the_channels_of_the_output_come_last(fast):
    found = fast(images(2, 5, 8, 8))
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [2, 4])
def test_in_float64_it_is_exact_to_rounding(conv, size):
    conv, x = conv.double(), images(1, 5, 12, 12).double()
    torch.testing.assert_close(WinogradConv2d(conv, size)(x), conv(x), rtol=1e-12, atol=1e-12)
