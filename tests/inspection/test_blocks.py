"""All studies read each file once, check their input, and share the work."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stand_ins import PARTS, SETTINGS

from sklearn_m3s import RawPerception, SceneParsing, make_m3s
from sklearn_m3s.inspection import ablation_study, baseline_study, similarity_study


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
def test_files_are_decoded_once_for_all_tiers_and_folds(tmp_path, draw, write_clip, decoded):
    videos = [write_clip(tmp_path / f"{n}.mp4", draw(n)) for n in (5, 7, 9, 11)]
    tiers = {
        "raw": RawPerception(descriptors=["contrast"], frame_size=32),
        "scene": SceneParsing(weights=None, frame_size=32, device="cpu"),
    }
    model = make_m3s(**tiers, event=None, similarity=None, regressor=Ridge())
    ablation_study(model, videos, np.linspace(0.1, 0.9, 4), cv=2, n_bootstrap=0)
    assert sorted(decoded) == sorted(videos)


def test_workers_give_the_same_table(data):
    scaled = {name: make_pipeline(StandardScaler()) for name in ("raw", "scene", "event")}
    model = make_m3s(**{**PARTS, **scaled})
    one, two = (ablation_study(model, *data, n_jobs=n, **SETTINGS) for n in (1, 2))
    assert one.equals(two)
    with parallel_config("threading"):  # more workers than rows take several folds at a time
        assert one.equals(ablation_study(model, *data, n_jobs=20, **SETTINGS))


def test_progress_counts_the_fits(data, capsys):
    ablation_study(make_m3s(**PARTS), *data, tiers=["raw"], verbose=True, **SETTINGS)
    assert "9/9" in capsys.readouterr().err


@pytest.mark.parametrize("study", [ablation_study, baseline_study, similarity_study])
@pytest.mark.parametrize(
    ("y", "cv", "fault"),
    [
        (np.full(90, np.nan), 3, "y contains NaN"),
        (np.full(80, 0.5), 3, "inconsistent numbers"),
        (np.linspace(0, 1, 90), 91, "n_splits=91 greater than"),
    ],
)
def test_errors_name_bad_scores_and_folds(data, study, y, cv, fault):
    with pytest.raises(ValueError, match=fault):
        study(make_m3s(**PARTS), data[0], y, cv=cv)
