"""An ablation finds the tier that was given something to see."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.inspection import ablation_study

TIERS = ["raw", "scene", "event", "similarity"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a function that makes clips with an effect planted for a tier, and ablates tiers."""
    folder = tmp_path_factory.mktemp("planted")
    model = make_m3s(
        raw=RawPerception(frame_size=64, flow="dis"),
        scene=SceneParsing(weights=None, frame_size=32),
        event=EventUnderstanding(weights=None, frame_size=40, n_frames=30),
        regressor=RidgeCV(np.logspace(-2, 5, 15)),
        cache=folder / "features",
        device="cpu",
        random_state=0,
    )

    def ablate(planted):
        data = make_videos(100, folder, random_state=0, frame_size=64, planted=planted)
        return ablation_study(model, data.videos, data.scores, n_bootstrap=0)["spearman"]

    return ablate


@pytest.mark.slow  # describes 100 clips by all tiers, once
@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")
@pytest.mark.parametrize("planted", TIERS)
def test_the_tier_that_carries_the_scores_is_found(study, planted):
    rho = study(planted)
    alone = {name: rho[f"only {name}"] for name in TIERS}
    without = {name: rho[f"without {name}"] for name in TIERS}
    assert alone[planted] > 0.6
    if planted == "similarity":  # made of the deep embeddings: these tell their clusters, too
        assert abs(alone["raw"]) < 0.35
        return
    assert all(abs(alone[name]) < 0.35 for name in TIERS if name != planted)
    assert min(without, key=without.get) == planted
    assert rho["all"] - without[planted] > 0.3
