"""Inference: the right numbers on the right device, from one shared network."""

import gc
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_m3s._optional import import_optional
from sklearn_m3s.backbones import (
    NetworkSettings,
    _network,
    load_network,
    resolve_device,
    resolve_network,
)
from sklearn_m3s.backbones._openvino import ConversionError
from sklearn_m3s.exceptions import M3SError, M3SWarning

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
FRAMES = {
    "hrnetv2_w48": (5, 32, 64, 3),
    "efficientnet_lite0": (5, 32, 64, 3),
    "ir_csn_152": (5, 4, 32, 40, 3),
}
WIDTHS = {"hrnetv2_w48": 720, "efficientnet_lite0": 1280, "ir_csn_152": 2048}


SHAPE = (3, 8, 8)  # torch does not use it


def load(model, shape=SHAPE, n_items=1, **changes):
    kind = "clip" if model in ("ip_csn_152", "ir_csn_152") else "image"
    spec = resolve_network(model, kind, weights=None if isinstance(model, str) else "default")
    settings = NetworkSettings(device="cpu", engine="torch")._replace(**changes)
    return load_network(spec, settings, shape, n_items)


@pytest.fixture(scope="module", params=FRAMES)
def case(request):
    """Return an architecture, its network and a batch of frames."""
    frames = np.random.default_rng(0).integers(0, 256, FRAMES[request.param], dtype=np.uint8)
    with pytest.warns(M3SWarning, match=f"{request.param} is untrained.*weights="):
        network = load(request.param)
    yield request.param, network, frames
    _network._built.clear()


@pytest.fixture
def built(monkeypatch):
    """Return a list that grows by the seed of each network built. The networks are stand-ins."""
    seeds = []

    def build(source):
        seeds.append(source.seed if source.weights is None else source.weights.read_bytes())
        return nn.Flatten()

    monkeypatch.setattr("sklearn_m3s.backbones._build._Source.build", build)
    _network._built.clear()
    yield seeds
    _network._built.clear()


def test_frames_are_scaled_to_one_and_normalised():
    network = load(nn.Flatten(), mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    colour = np.array([0, 100, 255], np.uint8)
    for shape in ((2, 4, 4, 3), (2, 3, 4, 4, 3)):
        batch = network.embed(np.broadcast_to(colour, shape)).reshape(2, 3, -1)
        expected = (colour / 255 - [0.1, 0.2, 0.3]) / [0.5, 1.0, 2.0]
        np.testing.assert_allclose(
            batch, np.broadcast_to(expected[:, None], batch.shape), rtol=1e-5
        )


def test_features_are_float32_and_as_many_as_announced(case):
    name, network, frames = case
    features = network.embed(frames)
    assert features.dtype == np.float32
    assert features.shape == (5, WIDTHS[name])
    assert np.isfinite(features).all()


def test_features_depend_neither_on_the_batch_nor_on_the_order(case):
    _, network, frames = case
    together = network.embed(frames)
    alone = np.concatenate([network.embed(frames[[index]]) for index in range(5)])
    scale = np.abs(together).max()
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6 * scale)
    np.testing.assert_allclose(
        network.embed(frames[::-1])[::-1], together, rtol=1e-4, atol=1e-6 * scale
    )


@pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")
def test_bfloat16_stays_within_a_few_percent(case):
    name, network, frames = case
    exact, rounded = (net.embed(frames[:1]) for net in (network, load(name, precision="bfloat16")))
    assert rounded.dtype == np.float32
    tolerance = 5e-2 if name == "efficientnet_lite0" else 2e-2  # the layers are few and thin
    assert 0 < np.abs(rounded - exact).max() < tolerance * np.abs(exact).max()


@pytest.mark.parametrize("change", [lambda x: x[0, 0], lambda x: x / 255, lambda x: x[..., :1]])
def test_frames_other_than_uint8_rgb_are_refused(case, change):
    _, network, frames = case
    with pytest.raises(ValueError, match="frames must be uint8 RGB of shape"):
        network.embed(change(frames))


@pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")
def test_at_most_two_networks_are_kept_and_equal_requests_share_one(built):
    for seed in (0, None, 1, np.int64(0), 2, 0, 1):
        spec = resolve_network("ip_csn_152", "clip", weights=None, random_state=seed)
        load_network(spec, NetworkSettings(device="cpu", engine="torch"), SHAPE)
    assert built == [0, 1, 2, 1]


def test_a_weight_file_is_loaded_again_when_it_changes(built, tmp_path):
    path = tmp_path / "weights.pth"
    for content in (b"one", b"one", b"another"):
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        spec = resolve_network("ip_csn_152", "clip", weights=path)
        load_network(spec, NetworkSettings(device="cpu", engine="torch"), SHAPE)
    assert built == [b"one", b"another"]


class Modes(nn.Module):
    """A network that notes its mode. In training mode, dropout would change its numbers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5))
        self.seen = []

    def forward(self, batch):
        self.seen.append([module.training for module in self.modules()])
        return self.layers(batch)


def test_a_module_runs_in_eval_mode_and_its_own_mode_is_restored():
    module = Modes()
    module.layers[0].eval()
    before = [part.training for part in module.modules()]
    frames = np.full((2, 4, 4, 3), 255, np.uint8)
    np.testing.assert_array_equal(load(module).embed(frames), 1)
    assert not any(map(any, module.seen))
    assert [part.training for part in module.modules()] == before
    assert not module._forward_hooks


class Slow(nn.Module):
    """A network whose numbers show a wrong mode, or the batch of another thread."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(3), nn.Dropout(0.5)

    def forward(self, batch):
        time.sleep(0.002)
        return self.drop(self.norm(batch)).mean((2, 3))


@pytest.mark.parametrize("layer", [None, "norm"])
def test_threads_that_share_a_module_do_not_disturb_each_other(layer):
    module = Slow()
    mean = module.norm.running_mean.clone()
    frames = [np.full((1, 4, 4, 3), 20 * i, np.uint8) for i in range(12)]
    expected = [load(module, layer=layer).embed(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda frame: load(module, layer=layer).embed(frame), frames))
    np.testing.assert_array_equal(found, expected)
    torch.testing.assert_close(module.norm.running_mean, mean)
    assert module.training


def test_a_module_can_be_trained_after_use_in_a_tier():
    class Keeps(nn.Module):
        scale = None

        def forward(self, batch):
            if self.scale is None:
                self.scale = torch.ones(1)
            return batch.flatten(1) * self.scale

    module = Keeps()
    load(module).embed(np.zeros((1, 4, 4, 3), np.uint8))
    batch = torch.ones(1, 3, 4, 4, requires_grad=True)
    module(batch).sum().backward()
    assert batch.grad is not None


def test_a_module_is_freed_when_the_user_drops_it():
    module = Slow()
    load(module).embed(np.zeros((1, 4, 4, 3), np.uint8))
    watch = weakref.ref(module)
    del module
    gc.collect()
    assert watch() is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_quantised_module_runs():
    module = torch.ao.quantization.quantize_dynamic(
        nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), {nn.Linear}
    )
    assert load(module).embed(np.zeros((1, 4, 4, 3), np.uint8)).shape == (1, 2)


def test_a_module_gets_input_of_its_own_dtype():
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).double()
    features = load(module).embed(np.zeros((1, 2, 2, 3), np.uint8))
    np.testing.assert_allclose(features[0], module[1].bias.detach(), rtol=1e-6)


def test_a_module_on_another_device_is_named_with_the_cure(two_gpus):
    with pytest.raises(ValueError, match=r"device='cuda:1', but Linear is on cpu.*model.to"):
        load(nn.Linear(2, 2), device="cuda:1")


def test_a_network_that_fails_names_itself_and_the_shape_of_the_batch():
    network = load(nn.Conv2d(4, 1, 1))
    with pytest.raises(M3SError, match=r"Conv2d fails on a batch of shape \(1, 3, 8, 8\).*ClipEnc"):
        network.embed(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_is_cuda_then_mps_then_the_cpu(no_gpu, monkeypatch, request):
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == "mps"
    request.getfixturevalue("two_gpus")
    assert resolve_device("auto") == "cuda"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:1"])
def test_an_available_device_is_used(two_gpus, device):
    assert resolve_device(device) == device


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "gpu"])
def test_an_unavailable_device_is_a_value_error(no_gpu, device):
    with pytest.raises(ValueError, match=rf"device='{device}' is not available here.*\['cpu'\]"):
        resolve_device(device)


@needs_cuda
@pytest.mark.cuda
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("name", ["hrnetv2_w48", "ip_csn_152"])
@pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")
def test_cuda_features_equal_those_of_the_cpu(name, precision, tolerance):
    shape = (2, 8, 64, 64, 3) if name == "ip_csn_152" else (2, 64, 64, 3)
    frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    expected = load(name).embed(frames)
    found = load(name, device="cuda", precision=precision).embed(frames)
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()


@pytest.fixture
def weight_folder(monkeypatch, tmp_path):
    """Return an empty weight folder, without converted networks."""
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "weights"))
    _network._converted.clear()
    yield tmp_path / "weights"
    _network._converted.clear()


def converted(folder):
    return len(list(folder.rglob("*.bin")))


def small(activation=nn.ReLU):
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), activation(), nn.Dropout(0.5)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.parametrize("model", [small(), "efficientnet_lite0"], ids=["module", "registry"])
def test_openvino_gives_the_features_of_torch(weight_folder, model):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    frames = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    shape = (3, 32, 32)
    expected = load(model, shape).embed(frames)
    found = load(model, shape, engine="openvino").embed(frames)
    assert 0 < np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    assert converted(weight_folder) == 1


def test_a_conversion_belongs_to_weights_layer_output_and_shape(weight_folder):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    other = small()
    other[0].weight.data += 1
    kinds = [(small(), {}), (other, {}), (small(nn.GELU), {}), (small(), {"layer": "2"})]
    kinds += [(small(), {"layer": "2", "output": "flatten"}), (small(), {"shape": (3, 16, 16)})]
    for n, (model, settings) in enumerate(kinds, 1):
        for _ in range(2):
            load(model, engine="openvino", **settings)
        assert converted(weight_folder) == n


@pytest.mark.parametrize(("n_items", "n_converted"), [(63, 0), (64, 1)])
def test_few_images_do_not_repay_a_conversion(weight_folder, n_items, n_converted):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    load(small(), engine="auto", n_items=n_items)
    assert converted(weight_folder) == n_converted


@pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")
def test_an_existing_conversion_is_used_for_a_single_image_without_weights(
    weight_folder, monkeypatch
):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    frames, shape = np.zeros((1, 32, 32, 3), np.uint8), (3, 32, 32)
    expected = load("efficientnet_lite0", shape, engine="openvino").embed(frames)
    _network._converted.clear()
    monkeypatch.setattr("sklearn_m3s.backbones._build._Source.build", lambda _: 1 / 0)
    found = load("efficientnet_lite0", shape, engine="auto").embed(frames)
    np.testing.assert_array_equal(found, expected)


class Times(nn.Module):
    """A network with a setting that is neither a parameter nor in its repr."""

    def __init__(self, factor):
        super().__init__()
        self.factor = [factor, object()]  # the digest does not cover such a list

    def forward(self, batch):
        return batch.flatten(1) * self.factor[0]


def test_torch_replaces_a_stale_conversion_and_the_log_says_so(weight_folder, caplog):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    caplog.set_level("INFO", logger="sklearn_m3s")
    frames = np.full((5, 8, 8, 3), 255, np.uint8)
    load(Times(2.0), engine="openvino").embed(frames)
    np.testing.assert_array_equal(load(Times(3.0), engine="auto").embed(frames), 3)
    assert "Running Times with torch: OpenVINO gives different features" in caplog.text
    with pytest.raises(M3SError, match="Times: OpenVINO gives different features than torch"):
        load(Times(3.0), engine="openvino").embed(frames)


class Scales(nn.Module):
    """A network that treats pixels from 0 to 1 differently from the noise of the check."""

    def forward(self, batch):
        return batch.flatten(1) if batch.max() <= 1 else batch.flatten(1) / 255


def test_a_branch_that_only_real_pixels_take_is_found_on_the_first_batch(weight_folder):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    frames = np.full((5, 8, 8, 3), 255, np.uint8)
    network = load(Scales(), engine="auto", n_items=64)
    np.testing.assert_array_equal(network.embed(frames), 1)


class Branches(nn.Module):
    """A network that no trace can follow: it depends on its values."""

    def forward(self, batch):
        return batch.flatten(1) * (2 if batch.sum() > 0 else 3)


def test_torch_runs_what_openvino_cannot_and_logs_one_line(weight_folder, caplog):
    pytest.importorskip("openvino", reason='needs the extra "fast"')
    caplog.set_level("INFO", logger="sklearn_m3s")
    network = load(Branches(), engine="auto", n_items=64)
    assert [r.message for r in caplog.records if "Running Branches with torch" in r.message] == [
        r.message for r in caplog.records
    ]
    assert network.embed(np.full((1, 8, 8, 3), 255, np.uint8))[0, 0] == 2
    with pytest.raises(M3SError, match=r"Branches: .*Use engine='auto' or 'torch'"):
        load(Branches(), engine="openvino")


def test_a_network_that_cannot_be_converted_is_tried_once(weight_folder, monkeypatch):
    tries = []

    def refuse(*args, **kwargs):
        tries.append(1)
        raise ConversionError("no such operation")

    monkeypatch.setattr(_network, "openvino_version", lambda: "1")
    monkeypatch.setattr(_network, "load_openvino", refuse)
    for _ in range(3):
        load(small(), engine="auto", n_items=64)
    assert len(tries) == 1


def test_without_openvino_torch_runs_and_asking_for_it_says_how_to_install(monkeypatch):
    monkeypatch.setattr(_network, "openvino_version", lambda: None)
    assert load(small(), engine="auto", n_items=64).embed(np.zeros((1, 8, 8, 3), np.uint8)).any()
    monkeypatch.setattr(
        "sklearn_m3s.backbones._openvino._core", lambda: import_optional("openvin0", "fast")
    )
    with pytest.raises(ImportError, match=r'pip install "sklearn-m3s\[fast\]"'):
        load(small(), engine="openvino")


def test_openvino_runs_on_the_cpu_only():
    with pytest.raises(ValueError, match=r"engine='openvino' runs on the CPU, not on 'cuda'"):
        load(small(), engine="openvino", device="cuda")
