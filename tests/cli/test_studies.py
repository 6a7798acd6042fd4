"""``m3s evaluate`` and ``m3s ablate`` write what the studies return, and draw it."""

import json

import pandas
import pytest
from PIL import Image

FAST = ["--tier", "raw", "--cv", 3]


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    """Return a cache, so that clips are described once."""
    return ["--cache", tmp_path_factory.mktemp("features")]


def test_an_evaluation_is_a_table_and_a_figure(m3s, clips, tmp_path, shared_cache):
    output = tmp_path / "out.csv"
    done = m3s("evaluate", clips / "scores.csv", *FAST, *shared_cache, "-o", output)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    table = pandas.read_csv(output, index_col="row")
    assert list(table.index) == ["model", "constant", "ridge", "SVR", "plain MLP"]
    assert table.loc["ridge", "spearman"] > 0.8  # the lighter, the more memorable
    with Image.open(tmp_path / "out.png") as figure:
        assert figure.format == "PNG"


def test_a_bad_video_is_left_out_and_named(m3s, clips, tmp_path, shared_cache, bad_file, read_rows):
    table = pandas.read_csv(clips / "scores.csv")
    table["video"] = [str(clips / name) for name in table["video"]]
    table.loc[20] = [str(bad_file), 0.5, 0.5, "film"]
    table.loc[21] = [str(tmp_path / "gone.mp4"), None, 0.5, "film"]  # has no score
    table.to_csv(tmp_path / "scores.csv", index=False, sep=";")
    done = m3s("evaluate", tmp_path / "scores.csv", *FAST, *shared_cache, "--json")
    assert done.exit_code == 1
    assert f"{bad_file}: cannot be decoded" in done.stderr
    assert "Leaving out 1 rows of scores.csv without a video or a score" in done.stderr
    assert "gone.mp4" not in done.stderr
    assert len(read_rows(done.stdout)) == 5


def test_an_ablation_of_one_tier_says_that_it_needs_two(m3s, clips, shared_cache):
    done = m3s("ablate", clips / "scores.csv", *FAST, *shared_cache)
    assert done.exit_code == 2
    assert "an ablation needs two tiers" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ([], "SCORES.csv or --data"),
        (["--score-column", "rating"], "'rating'"),
        (["--video-column", "file"], "--video-column"),
        (["--groups-column", "actor"], "--groups-column"),
        (["--score-column", "film"], "'film' is 'film0' in row 2"),
        (["--score-column", "score", "--score-column", "second score"], "one score"),
        (["--encoder", "efficientnet_lite0", "--tier", "scene"], "takes the place of the tier"),
    ],
)
def test_usage_errors_name_the_option(m3s, clips, shared_cache, arguments, culprit):
    table = [clips / "scores.csv"] if arguments else []
    done = m3s("evaluate", *table, *FAST, *shared_cache, *arguments)
    assert done.exit_code == 2
    assert culprit in done.stderr


def test_a_loader_reads_a_data_set(m3s, clips, tmp_path, shared_cache, read_rows):
    table = pandas.read_csv(clips / "scores.csv")
    for name, rows in {"train": table[:15], "val": table[15:]}.items():
        entries = [
            {"filename": row.video, "mem_score": row.score, "alpha": -0.001}
            for row in rows.itertuples()
        ]
        (tmp_path / f"memento_{name}_data.json").write_text(json.dumps(entries))
    arguments = ["--data", "memento10k", tmp_path, "--video-folder", clips]
    done = m3s("evaluate", *arguments, *FAST, *shared_cache, "--json")
    assert done.exit_code == 0, done.stderr
    expected = m3s("evaluate", clips / "scores.csv", *FAST, *shared_cache, "--json")
    assert read_rows(done.stdout) == read_rows(expected.stdout)
    assert m3s("evaluate", "--data", "imagenet", tmp_path).exit_code == 2


def test_missing_weights_are_an_error_with_the_cure(m3s, clips, monkeypatch):
    monkeypatch.setenv("SKLEARN_M3S_MIRROR", "http://127.0.0.1:9")
    done = m3s("evaluate", clips / "scores.csv", "--tier", "scene")
    assert done.exit_code == 2
    assert "hrnetv2_w48" in done.stderr
    assert "--encoder" in done.stderr


@pytest.mark.parametrize("score", [1.2, -0.1, "high"])
def test_scores_beyond_the_unit_interval_are_refused_with_the_cure(m3s, tmp_path, score):
    path = tmp_path / "scores.csv"
    path.write_text(f"video,score\na.mp4,0.5\nb.mp4,{score}\n")
    done = m3s("evaluate", path)
    assert done.exit_code == 2
    assert "in row 3" in done.stderr
    assert "rescale" in done.stderr


def test_a_video_with_two_rows_is_refused(m3s, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("video,score\na.mp4,0.5\na.mp4,0.6\n")
    assert "2 rows for" in m3s("evaluate", path).stderr
