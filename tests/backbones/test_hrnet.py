"""HRNetV2-W48 computes what the published networks compute."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from sklearn_m3s.backbones import hrnetv2_w48
from sklearn_m3s.backbones._registry import WEIGHTS, PublishedFile


@pytest.fixture(scope="module")
def state(golden):
    return golden.state_dict("hrnetv2_w48")


@pytest.fixture(scope="module")
def for_parsing(state, build_from_file):
    return build_from_file("hrnetv2_w48", state)


@pytest.fixture(scope="module")
def for_classification(state, build_from_file):
    head = {"classifier.weight": torch.ones(1), "incre_modules.0.0.conv1.weight": torch.ones(1)}
    return build_from_file("hrnetv2_w48", state | head)


def features_of(network, batch):
    with torch.inference_mode():
        return network(batch).numpy()


@pytest.mark.parametrize("size", ["256", "128x192"])
def test_without_a_classifier_features_equal_those_of_the_network_for_scene_parsing(
    for_parsing, golden, size
):
    batch, features = golden.case(f"hrnetv2_w48/{size}")
    np.testing.assert_allclose(features_of(for_parsing, batch), features, rtol=1e-4, atol=1e-5)


def test_with_a_classifier_features_equal_those_of_timm(for_classification, golden, reference):
    batch, _ = golden.case("hrnetv2_w48/256")
    features = np.load(reference("golden/hrnet_timm.npz"))["hrnetv2_w48-nearest/256"]
    found = features_of(for_classification, batch)
    np.testing.assert_allclose(found, features, rtol=1e-4, atol=1e-5)


def test_keys_and_shapes_are_the_published_ones(golden):
    leftovers = ("_tmp_running_mean", "_tmp_running_var", "_running_iter")
    published = golden.keys["hrnetv2_w48"].items()
    found = {key: list(tensor.shape) for key, tensor in hrnetv2_w48().state_dict().items()}
    assert found == {key: shape for key, shape in published if not key.endswith(leftovers)}


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [(64, 96), (72, 100), (33, 47)])
def test_features_are_the_mean_of_the_upsampled_branches_at_any_size(size, upsampling):
    network, maps = hrnetv2_w48(upsampling=upsampling), []
    network.stage4.register_forward_hook(lambda module, inputs, output: maps.extend(output))
    batch = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = network(batch)
    top = maps[0].shape[-2:]
    resized = [functional.interpolate(x, size=top, mode=upsampling) for x in maps]
    expected = torch.cat(resized, dim=1).mean((-2, -1))
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def untrained():
    """Return a batch, and the features of the same weights with each way of upsampling."""
    batch = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    ways = ("bilinear", "nearest")
    return batch, {way: features_of(hrnetv2_w48(upsampling=way), batch) for way in ways}


def test_an_untrained_network_upsamples_bilinearly(untrained):
    batch, features = untrained
    assert np.array_equal(features_of(hrnetv2_w48(), batch), features["bilinear"])
    assert not np.allclose(features["nearest"], features["bilinear"], rtol=1e-3)


@pytest.mark.parametrize("trained", ["bilinear", "nearest"])
def test_names_of_the_registry_upsample_as_in_training(untrained, tmp_path, monkeypatch, trained):
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path))
    entry = PublishedFile("tiny.safetensors", "https://host.invalid", upsampling=trained)
    monkeypatch.setitem(WEIGHTS, ("hrnetv2_w48", "tiny"), entry)
    save_file(hrnetv2_w48().state_dict(), tmp_path / "tiny.safetensors")
    batch, features = untrained
    assert np.array_equal(features_of(hrnetv2_w48("tiny"), batch), features[trained])


@pytest.mark.parametrize(
    ("weights", "upsampling"),
    [("imagenet", "nearest"), ("imagenet-mit", "nearest"), ("ade20k", "bilinear")],
)
def test_published_weights_for_classification_were_trained_with_the_nearest_pixel(
    weights, upsampling
):
    assert WEIGHTS["hrnetv2_w48", weights].upsampling == upsampling


def test_given_upsampling_overrides_that_of_the_weights(untrained, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(hrnetv2_w48().state_dict() | {"classifier.bias": torch.ones(1)}, path)
    batch, features = untrained
    for upsampling in ("bilinear", "nearest"):
        network = hrnetv2_w48(path, upsampling=upsampling)
        assert np.array_equal(features_of(network, batch), features[upsampling])


def test_unknown_upsampling_is_a_value_error():
    with pytest.raises(ValueError, match=r"upsampling must be .*'nearest' or None.*cubic"):
        hrnetv2_w48(upsampling="cubic")
