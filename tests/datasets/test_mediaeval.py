"""The layouts of four years of the MediaEval task."""

import numpy as np
import pytest

from sklearn_m3s.datasets import load_mediaeval

SCORES_2020 = "video_id,video_url,ann_1,ann_2,part_1_scores,part_2_scores\n"
SCORES_MEMENTO = (
    "video_id,video_url,annotations_short_term,scores_raw_short_term,"
    "scores_normalized_short_term,decay_alpha\n"
)
SCORES_TRECVID = (
    "video_id,video_url,annotations_short_term,annotations_long_term,scores_raw_short_term,"
    "scores_raw_long_term,scores_normalized_short_term,decay_alpha\n"
)


def fill(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def root_2020(tmp_path):
    description = "video_id,video_url,description\n"
    return fill(
        tmp_path,
        {
            "training_set/scores_v2.csv": SCORES_2020 + "8,https://vine/v/9E.4.1.mp4,20,7,0.75,1\n",
            "training_set/scores.csv": SCORES_2020 + "8,https://vine/v/9E.4.1.mp4,20,7,0.1,0.1\n",
            "training_set/text_descriptions.csv": description + '8,u,"a cat, alone"\n8,u,a pet\n',
            "training_set/Videos/8.mp4": "",
            "development_set/dev_scores.csv": SCORES_2020 + "34,https://v/x/AB.mp4,13,7,0.92,0.5\n",
            "development_set/dev_text_descriptions.csv": description + "34,u,a dog\n",
            "development_set/Videos/AB.mp4": "",
            "testing_set/test_text_descriptions.csv": description + "4,u,a bird\n",
        },
    )


@pytest.fixture
def root_2021(tmp_path):
    url = "https://host/actions3/adult+male+singing/flickr-1_6.mp4"
    return fill(
        tmp_path,
        {
            "TRECVid Data/training_set/train_scores.csv": SCORES_TRECVID
            + "11, https://vine/A1.mp4,16,7,0.69,0.57,0.6875,0.0\n",
            "TRECVid Data/training_set/Videos/00011.mp4": "",
            "TRECVid Data/dev_set/dev_scores.csv": SCORES_TRECVID
            + "12,https://vine/A2.mp4,17,9,0.76,0.78,0.7186,-0.0087\n",
            "TRECVid Data/dev_set/Videos/00012.mp4": "",
            "Memento10k Data/training_set/train_scores.csv": SCORES_MEMENTO
            + f"3434,{url},91,0.78,0.79,-0.0015\n",
            "Memento10k Data/training_set/train_text_descriptions.csv": (
                "video_id,video_url,description_0,description_1\n3434,u,a singer,a man\n"
            ),
            "Memento10k Data/dev_set/dev_scores.csv": SCORES_MEMENTO + "5,,92,0.8,0.82,-0.0017\n",
            "Memento10k Data/videos/adult-male-singing_flickr-1_6.mp4": "",
            "Memento10k Data/videos/5.mp4": "",
        },
    )


def test_2020_has_short_and_long_term_scores(root_2020):
    data = load_mediaeval(root_2020, year=2020)
    assert data.videos == [
        str(root_2020 / "training_set" / "Videos" / "8.mp4"),
        str(root_2020 / "development_set" / "Videos" / "AB.mp4"),
    ]
    assert data.names == ["8", "34"]
    assert data.split.tolist() == ["train", "dev"]
    assert data.captions == [["a cat, alone", "a pet"], ["a dog"]]
    np.testing.assert_array_equal(data.scores, [0.75, 0.92])
    np.testing.assert_array_equal(data.long_term_scores, [1, 0.5])
    np.testing.assert_array_equal(data.n_annotations, [20, 13])
    np.testing.assert_array_equal(data.n_long_term_annotations, [7, 7])


def test_trecvid_of_2021_has_raw_and_corrected_scores(root_2021):
    data = load_mediaeval(root_2021 / "TRECVid Data", year=2021)
    assert [path.rsplit("/", 1)[1] for path in data.videos] == ["00011.mp4", "00012.mp4"]
    assert data.split.tolist() == ["train", "dev"]
    np.testing.assert_array_equal(data.scores, [0.6875, 0.7186])
    np.testing.assert_array_equal(data.raw_scores, [0.69, 0.76])
    np.testing.assert_array_equal(data.long_term_scores, [0.57, 0.78])
    np.testing.assert_array_equal(data.decay, [0, -0.0087])
    np.testing.assert_array_equal(data.n_annotations, [16, 17])
    np.testing.assert_array_equal(data.n_long_term_annotations, [7, 9])


def test_memento10k_of_2021_has_no_long_term_scores(root_2021):
    data = load_mediaeval(root_2021 / "Memento10k Data", year=2021)
    assert data.names == ["3434", "5"]
    assert data.videos[0].endswith("adult-male-singing_flickr-1_6.mp4")
    assert data.captions == [["a singer", "a man"], []]
    np.testing.assert_array_equal(data.scores, [0.79, 0.82])
    np.testing.assert_array_equal(data.raw_scores, [0.78, 0.8])
    assert not {"long_term_scores", "n_long_term_annotations"} & set(data)


def test_both_data_sets_of_2021_at_once_are_refused(root_2021):
    with pytest.raises(ValueError, match=r"2 files .*train_scores\.csv\) have the same name"):
        load_mediaeval(root_2021, year=2021)


def test_a_test_part_with_scores_is_joined(root_2020):
    row = "4,https://vine/C.mp4,12,8,0.6,0.4\n"
    fill(root_2020 / "testing_set", {"test_scores.csv": SCORES_2020 + row, "Videos/4.mp4": ""})
    data = load_mediaeval(root_2020, year=2020)
    assert data.split.tolist() == ["train", "dev", "test"]
    assert data.captions[2] == ["a bird"]


@pytest.mark.parametrize("year", [2018, 2019])
def test_2018_and_2019_are_videomem(tmp_path, year):
    table = "video,short-term_memorability,nb_short-term_annotations\nvideo3.webm,0.924,34\n"
    name = "me18me-devset/dev-set/ground-truth/ground-truth_dev-set.csv"
    fill(tmp_path, {name: table, "me18me-devset/dev-set/sources/video3.webm": ""})
    data = load_mediaeval(tmp_path, year=year)
    assert data.names == ["video3"]
    assert data.split.tolist() == ["dev"]
    np.testing.assert_array_equal(data.n_annotations, [34])


def test_the_error_for_a_missing_2018_table_names_the_organisers(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ground-truth_dev-set\.csv .*multimediaeval"):
        load_mediaeval(tmp_path, year=2018)


@pytest.mark.parametrize("name", ["training_set/scores_v2.csv", "development_set/dev_scores.csv"])
def test_a_missing_table_is_named(root_2020, name):
    (root_2020 / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name.split('/')[1]} .*multimediaeval"):
        load_mediaeval(root_2020, year=2020)


@pytest.mark.parametrize("year", [2017, 2022, "2020"])
def test_other_years_are_refused(tmp_path, year):
    with pytest.raises(ValueError, match="The 'year' parameter"):
        load_mediaeval(tmp_path, year=year)
