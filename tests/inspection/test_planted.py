"""An ablation finds the tier that explains the scores."""

import numpy as np
import pytest
from planted import make_planted
from sklearn.linear_model import RidgeCV

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing, make_m3s
from sklearn_m3s.inspection import ablation_study

TIERS = ["raw", "scene", "event", "similarity"]


# A tier that does not see the scores ranks those of 100 clips at up to 0.4 by chance (the standard
# deviation over draws of the clips is 0.15), so the mean of three draws is tested.
SEEDS = range(3)


@pytest.fixture(scope="module")
def study(tmp_path_factory, write_clip):
    """Return a function that ablates models of scores that one tier can see."""
    draws = []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp("planted")
        videos, scores = make_planted(100, folder, write_clip, n_frames=30, size=64, seed=seed)
        model = make_m3s(
            raw=RawPerception(frame_size=64, flow="dis"),
            scene=SceneParsing(weights=None, frame_size=32, device="cpu"),
            event=EventUnderstanding(weights=None, frame_size=40, n_frames=30, device="cpu"),
            regressor=RidgeCV(np.logspace(-2, 5, 15)),
            cache=folder / "features",
            random_state=0,
        )
        draws.append((model, videos, scores))

    def mean_rho(seen):
        rhos = [
            ablation_study(model, videos, scores[seen], n_bootstrap=0)["spearman"]
            for model, videos, scores in draws
        ]
        return sum(rhos) / len(rhos)

    return mean_rho


@pytest.mark.slow  # describes 300 clips by all tiers, once
@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")
@pytest.mark.parametrize("seen", TIERS)
def test_the_tier_that_carries_the_scores_is_found(study, seen):
    rho = study(seen)
    alone = {name: rho[f"only {name}"] for name in TIERS}
    without = {name: rho[f"without {name}"] for name in TIERS}
    assert alone[seen] > 0.6
    if seen == "similarity":  # deep embeddings explain the scores, too
        assert abs(alone["raw"]) < 0.3
        return
    assert all(abs(alone[name]) < 0.3 for name in TIERS if name != seen)
    assert min(without, key=without.get) == seen
    assert rho["all"] - without[seen] > 0.3
