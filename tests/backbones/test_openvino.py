"""OpenVINO computes the features of torch, keeps converted networks and sends nothing."""

import logging
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_m3s.backbones._openvino import (
    ConversionError,
    is_converted,
    load_openvino,
    openvino_version,
)

pytestmark = pytest.mark.skipif(openvino_version() is None, reason="openvino is not installed")
SHAPE = (3, 8, 8)


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    """Return the weight folder of a test."""
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def hand_set():
    """Return a network of one feature: red + 2 green + 4 blue + 0.5, at least 0, on average."""
    conv = nn.Conv2d(3, 1, 1)
    with torch.no_grad():
        conv.weight[0, :, 0, 0] = torch.tensor([1.0, 2.0, 4.0])
        conv.bias.fill_(0.5)
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def plain(*colours):
    """Return images of one colour each."""
    return torch.tensor(colours)[:, :, None, None].expand(-1, *SHAPE)


class Transformer(nn.Module):
    """A convolution to tokens, one block of attention, the mean of the tokens."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Conv2d(3, 16, 4, 4)
        self.start = nn.Parameter(torch.zeros(1, 1, 16))
        self.block = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

    def forward(self, x):
        tokens = self.tokens(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.start.expand(x.shape[0], -1, -1), tokens], 1)
        return self.block(tokens).mean(1)


class Of(nn.Module):
    """A function as a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def forbidden():
    raise AssertionError("the network was loaded, although a converted one is stored")


def random_batch(n, shape=SHAPE):
    return torch.randn((n, *shape), generator=torch.Generator().manual_seed(n))


def features_of_torch(network, batch):
    with torch.inference_mode():
        return network.eval()(batch).numpy()


def run(script, tmp_path, **settings):
    """Start a script that imports this file as `t`, with an empty home folder."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "SKLEARN_M3S_WEIGHTS")}
    paths = [str(Path(__file__).parent), *sys.path]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        env={**kept, "HOME": str(home), "PYTHONPATH": os.pathsep.join(paths), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Return what a process printed. It must have succeeded without a warning."""
    output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    return output


def test_features_are_exact_for_batches_of_any_length():
    network = load_openvino(hand_set, SHAPE, key="hand-set")
    colours = [(1.0, 2.0, 3.0), (-1.0, -1.0, 0.0), (0.0, 0.0, 0.25)]
    expected = [[17.5], [0.0], [1.5]]
    for n in (1, 3, 2):
        found = network(plain(*colours[:n]))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected[:n])
    np.testing.assert_array_equal(network(plain(*colours).numpy()), expected)


def test_a_transformer_has_the_features_of_torch():
    torch.manual_seed(0)
    network = Transformer()
    batch = random_batch(5)
    found = load_openvino(lambda: network, SHAPE, key="transformer")(batch)
    expected = features_of_torch(network, batch)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def deep():
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Conv3d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(6)]
    return nn.Sequential(nn.Conv3d(3, 8, 1), *layers, nn.Flatten())


def test_float32_is_not_rounded_and_bfloat16_is_near():
    shape = (3, 4, 8, 8)
    batch = random_batch(2, shape)
    expected = features_of_torch(deep(), batch)
    for precision, tolerance in {"float32": 1e-5, "bfloat16": 3e-2}.items():
        found = load_openvino(deep, shape, key="deep", precision=precision)(batch)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * expected.max())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x.mean((2, 3)) * (1 if x.mean() > 0 else 2), "may branch on values"),
        (lambda x: (x - x.mean(0)).mean((2, 3)) + x.mean((2, 3)), "mix the items of a batch"),
        (lambda x: x.reshape(len(x), -1), r"len\(x\)"),
        (lambda x: {"features": x}, "expected Tensor .* got dict"),
        (lambda x: x + torch.rand(()), "aten::rand"),
        (lambda x: x @ torch.ones(7, 2), "shapes cannot be multiplied"),
    ],
)
def test_a_network_that_conversion_would_change_is_refused(function, reason):
    with pytest.raises(ConversionError, match=reason) as raised:
        load_openvino(lambda: Of(function), SHAPE, key="refused")
    assert "\n" not in str(raised.value)
    assert not is_converted("refused", SHAPE)


def test_the_network_and_the_process_stay_as_they_were(capfd):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten())
    network[1].eval()
    network[0].bias.requires_grad_(False)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    filters = list(warnings.filters)
    state = torch.get_rng_state()

    load_openvino(lambda: network, SHAPE, key="module")

    assert [layer.training for layer in network.modules()] == [True, True, False, True, True]
    assert [weight.requires_grad for weight in network.parameters()] == [True, False, True, True]
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, weights[name])
    assert not any(layer._forward_hooks for layer in network.modules())
    assert warnings.filters == filters
    assert torch.equal(torch.get_rng_state(), state)
    assert capfd.readouterr() == ("", "")


def test_weights_that_change_later_do_not_change_what_was_converted(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SKLEARN_M3S_WEIGHTS", str(tmp_path / "file"))
    module = hand_set()
    network = load_openvino(lambda: module, SHAPE, key="hand-set")
    with torch.no_grad():
        module[0].weight.fill_(0)
    np.testing.assert_array_equal(network(plain((1.0, 1.0, 1.0))), [[7.5]])


def test_another_process_finds_the_conversion_without_network_or_openvino(tmp_path):
    batch = random_batch(3)
    assert not is_converted("hand-set", SHAPE)
    expected = load_openvino(hand_set, SHAPE, key="hand-set")(batch)
    script = """if True:
        import sys
        import test_openvino as t
        assert t.is_converted("hand-set", t.SHAPE)
        assert not t.is_converted("hand-set", (3, 8, 9)) and not t.is_converted("other", t.SHAPE)
        assert "openvino" not in sys.modules
        features = t.load_openvino(t.forbidden, t.SHAPE, key="hand-set")(t.random_batch(3))
        print(features.tobytes().hex())
    """
    assert finish(run(script, tmp_path)).strip() == expected.tobytes().hex()


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", ["model.xml", "model.bin", "sha256"])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_store_counts_as_missing_and_is_replaced(weights, name, damage):
    load_openvino(hand_set, SHAPE, key="hand-set")
    (folder,) = (weights / "openvino").iterdir()
    damage(folder / name)
    calls = []
    network = load_openvino(lambda: calls.append(1) or hand_set(), SHAPE, key="hand-set")
    assert calls == [1]
    np.testing.assert_array_equal(network(plain((1.0, 2.0, 3.0))), [[17.5]])
    assert list((weights / "openvino").iterdir()) == [folder]
    load_openvino(forbidden, SHAPE, key="hand-set")


def test_an_unwritable_folder_leaves_the_network_in_memory(weights, caplog):
    weights.touch()  # a file, since root may write to any folder
    with caplog.at_level(logging.WARNING, "sklearn_m3s"):
        network = load_openvino(hand_set, SHAPE, key="hand-set")
    np.testing.assert_array_equal(network(plain((1.0, 2.0, 3.0))), [[17.5]])
    assert not is_converted("hand-set", SHAPE)
    assert str(weights) in caplog.text


def test_a_failed_write_leaves_nothing_behind(weights, caplog):
    load_openvino(hand_set, SHAPE, key="hand-set")
    (folder,) = (weights / "openvino").iterdir()
    shutil.rmtree(folder)
    folder.touch()  # a file, which no folder can replace
    with caplog.at_level(logging.WARNING, "sklearn_m3s"):
        network = load_openvino(hand_set, SHAPE, key="hand-set")
    np.testing.assert_array_equal(network(plain((1.0, 2.0, 3.0))), [[17.5]])
    assert "Cannot store" in caplog.text
    assert list((weights / "openvino").iterdir()) == [folder]


def test_two_processes_that_convert_at_once_store_one_network(weights, tmp_path):
    script = """if True:
        import test_openvino as t
        network = t.load_openvino(t.hand_set, t.SHAPE, key="hand-set")
        print(network(t.plain((1.0, 2.0, 3.0))).tolist())
    """
    processes = [run(script, tmp_path) for _ in range(2)]
    assert [finish(process).strip() for process in processes] == ["[[17.5]]"] * 2
    (folder,) = (weights / "openvino").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["model.bin", "model.xml", "sha256"]
    load_openvino(forbidden, SHAPE, key="hand-set")


def test_threads_share_a_network():
    network = load_openvino(deep, (3, 4, 8, 8), key="deep")
    batches = [random_batch(n, (3, 4, 8, 8)) for n in range(1, 9)]
    expected = [network(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for found, features in zip(pool.map(network, batches), expected, strict=True):
            np.testing.assert_array_equal(found, features)


def test_threads_are_as_many_as_torch_has_at_the_call():
    before = torch.get_num_threads()
    image = plain((1.0, 2.0, 3.0))
    try:
        torch.set_num_threads(2)
        network = load_openvino(hand_set, SHAPE, key="hand-set")
        assert (network(image).item(), network.used_threads) == (17.5, 2)
        torch.set_num_threads(1)
        assert (network(image).item(), network.used_threads) == (17.5, 1)
    finally:
        torch.set_num_threads(before)


# Audit hooks see all sockets of a process, and also of forked ones, from which openvino_telemetry
# sends. The error that they raise keeps everything on this machine.
WATCH = """if True:
    import sys, time
    import test_openvino as t

    EVENTS = ("socket.", "urllib.", "http.", "subprocess.", "os.fork", "os.posix_spawn")

    def forbid(event, arguments):
        if event.startswith(EVENTS):
            with open("{log}", "a") as file:
                file.write(event + "\\n")
            raise PermissionError(event)

    def events():
        telemetry = sys.modules.get("openvino_telemetry")
        while telemetry is not None and telemetry.Telemetry().sender.queue_size:
            time.sleep(0.01)
        with open("{log}", "a+") as file:
            file.seek(0)
            found = file.read()
            file.truncate(0)
        return found.split()

    def convert_and_run():
        network = t.load_openvino(t.hand_set, t.SHAPE, key="hand-set")
        assert network(t.plain((1.0, 2.0, 3.0))).tolist() == [[17.5]]

    sys.addaudithook(forbid)
"""


def test_nothing_is_sent_and_the_home_folder_stays_empty(tmp_path):
    script = """
    convert_and_run()
    assert events() == []
    assert "openvino_telemetry" not in sys.modules
    import openvino_telemetry  # as the user may, later
    assert openvino_telemetry.Telemetry is not None
    """
    finish(run(WATCH.format(log=tmp_path / "log") + script, tmp_path))
    assert list((tmp_path / "home").iterdir()) == []


def test_nothing_is_sent_if_the_user_imported_openvino_before(tmp_path):
    script = """
    import openvino, openvino_telemetry, warnings
    assert events() != []  # the user's own import is reported
    convert_and_run()
    assert events() == []
    assert sys.modules["openvino_telemetry"] is openvino_telemetry
    warnings.simplefilter("ignore")
    openvino.convert_model(t.hand_set(), example_input=t.plain((1.0, 2.0, 3.0)))
    assert events() != []  # so is the user's own conversion
    """
    finish(run(WATCH.format(log=tmp_path / "log") + script, tmp_path))
