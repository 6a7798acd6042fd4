"""Inference: the right numbers on the right device, from one shared network."""

import json

import numpy as np
import pytest
import torch

from sklearn_m3s.backbones import _embed, backbone_signature, check_device, load_backbone
from sklearn_m3s.exceptions import M3SWarning

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
FRAMES = {"hrnetv2_w48": (5, 32, 64, 3), "ir_csn_152": (5, 4, 32, 40, 3)}
NORMALISATION = {
    "hrnetv2_w48": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "ir_csn_152": ([0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989]),
}


def load_untrained(architecture, **settings):
    with pytest.warns(M3SWarning, match=f"{architecture} is untrained.*weights="):
        return load_backbone(architecture, None, device="cpu", **settings)


@pytest.fixture(scope="module", params=FRAMES)
def case(request):
    """Return an architecture, its backbone and a batch of frames."""
    frames = np.random.default_rng(0).integers(0, 256, FRAMES[request.param], dtype=np.uint8)
    yield request.param, load_untrained(request.param), frames
    _embed._load.cache_clear()


@pytest.fixture
def built(monkeypatch):
    """Return the list of what was built; nothing real is."""
    calls = []

    def build(*arguments):
        calls.append(arguments)
        return torch.nn.Identity()

    monkeypatch.setattr(_embed, "build", build)
    _embed._load.cache_clear()
    yield calls
    _embed._load.cache_clear()


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"version 1")
    return path


def test_frames_are_normalised_as_in_training(built):
    colour = np.array([0, 100, 255], np.uint8)
    for architecture, (mean, std) in NORMALISATION.items():
        frames = np.broadcast_to(colour, FRAMES[architecture])
        batch = load_untrained(architecture).embed(frames)
        pixels = np.moveaxis(batch, 1, -1).reshape(-1, 3)
        assert batch.shape[:2] == (5, 3)
        np.testing.assert_allclose(np.ptp(pixels, axis=0), 0)
        np.testing.assert_allclose(pixels[0], (colour / 255 - mean) / std, rtol=1e-5)


def test_features_are_float32_and_as_many_as_announced(case):
    _, backbone, frames = case
    features = backbone.embed(frames)
    assert features.dtype == np.float32
    assert features.shape == (5, backbone.n_features)
    assert np.isfinite(features).all()


def test_features_depend_neither_on_the_batch_nor_on_the_order(case):
    _, backbone, frames = case
    together = backbone.embed(frames)
    alone = np.concatenate([backbone.embed(frames[[index]]) for index in range(5)])
    scale = np.abs(together).max()
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6 * scale)
    np.testing.assert_allclose(
        backbone.embed(frames[::-1])[::-1], together, rtol=1e-4, atol=1e-6 * scale
    )


def test_bfloat16_stays_within_two_percent(case):
    architecture, backbone, frames = case
    coarse = load_untrained(architecture, precision="bfloat16")
    assert (backbone.precision, coarse.precision) == ("float32", "bfloat16")
    exact, rounded = backbone.embed(frames[:1]), coarse.embed(frames[:1])
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - exact).max() < 2e-2 * np.abs(exact).max()


@pytest.mark.parametrize("change", [lambda x: x[0], lambda x: x / 255, lambda x: x[..., :1]])
def test_other_frames_than_uint8_rgb_are_refused(case, change):
    _, backbone, frames = case
    with pytest.raises(ValueError, match="frames must be uint8 RGB with axes N"):
        backbone.embed(change(frames))


def test_equal_requests_share_one_untrained_network(built):
    first = load_untrained("ip_csn_152", random_state=0)
    assert load_untrained("ip_csn_152", random_state=None) is first
    assert load_untrained("ip_csn_152", random_state=np.int64(0)) is first
    assert load_untrained("ip_csn_152", random_state=1) is not first
    assert built == [("ip_csn_152", None, 0), ("ip_csn_152", None, 1)]


def test_a_weight_file_is_loaded_once_whatever_the_seed_and_again_when_it_changes(built, weights):
    first = load_backbone("ip_csn_152", weights, random_state=1, device="cpu")
    assert load_backbone("ip_csn_152", str(weights), random_state=2, device="cpu") is first
    weights.write_bytes(b"another version")
    assert load_backbone("ip_csn_152", weights, device="cpu") is not first


def test_two_networks_are_kept_at_most(built):
    for seed in (0, 1, 0, 2, 0, 1):
        load_untrained("ip_csn_152", random_state=seed)
    assert [seed for *_, seed in built] == [0, 1, 2, 1]


def test_the_signature_names_what_determines_the_features(built, weights):
    untrained = backbone_signature("ip_csn_152", None, random_state=4, device="cpu")
    trained = backbone_signature("ip_csn_152", weights, device="cpu")
    assert untrained == {
        "architecture": "ip_csn_152",
        "weights": "untrained:4",
        "precision": "float32",
    }
    assert trained["weights"] == _embed.weights_digest(weights)
    assert json.loads(json.dumps(trained)) == trained
    assert built == []


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_is_cuda_then_mps_then_the_cpu(no_gpu, monkeypatch, request):
    assert check_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert check_device("auto") == "mps"
    request.getfixturevalue("two_gpus")
    assert check_device("auto") == "cuda"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_a_device_that_is_there_is_taken_as_it_is(two_gpus, device):
    assert check_device(device) == device


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "gpu"])
def test_a_device_that_is_not_there_is_a_value_error(no_gpu, device):
    with pytest.raises(ValueError, match=rf"device='{device}' is not available here.*\['cpu'\]"):
        check_device(device)


def test_an_unknown_architecture_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"'resnet' is none of \['hrnetv2_w48'"):
        load_backbone("resnet", None)


def test_cuda_computes_in_bfloat16_unless_told_otherwise(two_gpus):
    assert backbone_signature("ip_csn_152", None, device="cuda:1")["precision"] == "bfloat16"


@needs_cuda
@pytest.mark.cuda
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("name", ["hrnetv2_w48/256", "ip_csn_152/16x112", "ir_csn_152/16x112"])
def test_cuda_features_equal_the_published_ones(
    golden, build_from_file, name, precision, tolerance
):
    architecture = name.split("/")[0]
    network = build_from_file(architecture, golden.state_dict(architecture))
    batch, features = golden.case(name)
    found = _embed.Backbone(architecture, network, "cuda", precision)._infer(batch.cuda())
    assert np.abs(found - features).max() < tolerance * np.abs(features).max()
