"""Networks are built reproducibly, ready for inference, and without side effects."""

import json
import pickle

import numpy as np
import pytest
import torch

from sklearn_m3s._files import file_digest
from sklearn_m3s.backbones import _download, efficientnet_lite0, hrnetv2_w48, ip_csn_152, ir_csn_152
from sklearn_m3s.backbones._build import registry_spec
from sklearn_m3s.exceptions import WeightsError

PUBLIC = [
    (hrnetv2_w48, (4, 3, 64, 64), 720),
    (ip_csn_152, (4, 3, 4, 32, 32), 2048),
    (ir_csn_152, (4, 3, 4, 32, 32), 2048),
    (efficientnet_lite0, (4, 3, 64, 64), 1280),
]


def batch(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def untrained(name, seed):
    return registry_spec(name, weights=None, random_state=seed).build()


def first_weight(network):
    return next(network.parameters()).detach()


def save(state, path):
    torch.save(state, path)
    return path


def test_the_same_seed_gives_the_same_network_and_no_seed_is_seed_zero():
    before = torch.get_rng_state()
    weights = [first_weight(untrained("ir_csn_152", seed)) for seed in (None, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before), "the global random state has moved"


@pytest.mark.parametrize(("function", "shape", "n_features"), PUBLIC)
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


@pytest.mark.parametrize("function", [function for function, *_ in PUBLIC])
def test_the_digest_of_weights_is_checked(function, tmp_path):
    path = save({}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match=f"its sha256 is {file_digest(path)}, expected 000"):
        function(path, sha256="0" * 64)


def test_a_network_built_from_a_file_holds_what_the_file_holds(build_from_file):
    saved = untrained("ir_csn_152", 3).state_dict()
    loaded = build_from_file("ir_csn_152", saved).state_dict()
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[key], saved[key]) for key in saved)


def test_half_precision_weights_are_loaded_as_float32(build_from_file):
    halves = {key: value.half() for key, value in ir_csn_152().state_dict().items()}
    assert first_weight(build_from_file("ir_csn_152", halves)).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "kind", "n_frames", "n_features", "side"),
    [
        ("hrnetv2_w48", "image", None, 720, 256),
        ("efficientnet_lite0", "image", None, 1280, 224),
        ("ip_csn_152", "clip", 32, 2048, 256),
        ("ir_csn_152", "clip", 32, 2048, 256),
    ],
)
def test_a_spec_describes_the_input_and_output_of_a_network(name, kind, n_frames, n_features, side):
    spec = registry_spec(name, weights=None)
    assert (spec.name, spec.kind, spec.n_frames) == (name, kind, n_frames)
    assert spec.n_features == n_features
    assert spec.geometry == (side, side, None)
    assert len(spec.mean) == len(spec.std) == 3


def test_pixels_of_efficientnet_are_normalised_as_in_training():
    spec, pixels = registry_spec("efficientnet_lite0", weights=None), np.arange(256)
    normalised = (pixels / 255 - spec.mean[0]) / spec.std[0]
    np.testing.assert_allclose(normalised, (pixels - 127) / 128, atol=1e-12)


def test_an_untrained_network_is_identified_by_its_seed():
    spec = registry_spec("ir_csn_152", weights=None, random_state=np.int64(3))
    assert spec.identity() == {"architecture": "ir_csn_152", "weights": "untrained:3"}
    assert not spec.is_trained
    assert torch.equal(first_weight(spec.build()), first_weight(untrained("ir_csn_152", 3)))


def test_no_seed_is_identified_as_seed_zero():
    assert registry_spec("ir_csn_152", weights=None).identity()["weights"] == "untrained:0"


def test_a_trained_network_is_identified_by_the_digest_of_its_file_and_can_be_pickled(tmp_path):
    path = save(untrained("efficientnet_lite0", 5).state_dict(), tmp_path / "weights.pth")
    spec = registry_spec("efficientnet_lite0", weights=path, sha256=file_digest(path))
    assert spec.identity() == {"architecture": "efficientnet_lite0", "weights": file_digest(path)}
    assert json.loads(json.dumps(spec.identity())) == spec.identity()
    network = pickle.loads(pickle.dumps(spec)).build()
    assert torch.equal(first_weight(network), first_weight(untrained("efficientnet_lite0", 5)))


@pytest.mark.parametrize("head", ["classifier", "final_layer", "incre_modules", "downsamp_modules"])
def test_an_hrnet_file_with_a_classifier_is_upsampled_by_the_nearest_pixel(tmp_path, head):
    path = save({f"module.{head}.0.weight": torch.ones(1)}, tmp_path / "weights.pth")
    spec = registry_spec("hrnetv2_w48", weights=path)
    assert spec.identity()["upsampling"] == "nearest"


@pytest.mark.parametrize("other", ["conv1", "last_layer"])
def test_an_hrnet_file_for_scene_parsing_is_upsampled_bilinearly(tmp_path, other):
    path = save({f"{other}.weight": torch.ones(1)}, tmp_path / "weights.pth")
    assert registry_spec("hrnetv2_w48", weights=path).identity()["upsampling"] == "bilinear"
    assert registry_spec("hrnetv2_w48", weights=None).identity()["upsampling"] == "bilinear"


def test_a_changed_file_is_inspected_again(tmp_path):
    path = save({"conv1.weight": torch.ones(1)}, tmp_path / "weights.pth")
    assert registry_spec("hrnetv2_w48", weights=path).identity()["upsampling"] == "bilinear"
    save({"classifier.weight": torch.ones(1)}, path)
    assert registry_spec("hrnetv2_w48", weights=path).identity()["upsampling"] == "nearest"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hrnetv2_w48", "hrnetv2_w48-imagenet.safetensors"),
        ("ip_csn_152", "ip_csn_152-ig65m_kinetics400.pth"),
        ("ir_csn_152", "ir_csn_152-ig65m_kinetics400.pth"),
    ],
)
def test_the_default_weights_are_fetched_when_they_are_needed(name, file, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "PAUSE", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("SKLEARN_M3S_MIRROR", "http://127.0.0.1:9")  # where nobody answers
    spec = registry_spec(name)  # without any weights
    assert spec.n_features > 0
    for needs_them in (spec.identity, spec.build):
        with pytest.raises(WeightsError, match=f"weights of {name}.*{file}"):
            needs_them()


def test_the_error_for_an_unknown_network_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'resnet' is not a known network.*'hrnetv2_w48'.*'eff"):
        registry_spec("resnet")


def test_a_missing_file_is_an_error_before_the_network_is_built(tmp_path):
    with pytest.raises(WeightsError, match="neither a file nor weights known for ip_csn_152"):
        registry_spec("ip_csn_152", weights=tmp_path / "absent.pth").identity()
