"""A report of a model: its numbers, and the parts that are left out."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import percentileofscore, spearmanr
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.inspection import memorability_over_time
from sklearn_m3s.pipeline import take_apart
from sklearn_m3s.report import make_report
from sklearn_m3s.report._collect import collect
from sklearn_m3s.tiers import DescribedVideos, describe, first_tiers

PARTS = ("What each tier says", "Descriptors", "Nearest training videos", "interval", "Percentile")


def test_scores_are_those_of_the_model_in_the_order_of_the_videos(model, videos):
    report = collect(model, videos)
    predicted = [entry.predictions[0].value for entry in report.entries]
    np.testing.assert_allclose(predicted, model.predict(videos))


def test_without_a_reference_set_and_intervals_their_parts_are_left_out(
    model, videos, tmp_path, parsed
):
    make_report(model, videos, tmp_path / "report.html")
    text = parsed(tmp_path / "report.html").text
    assert "Memorability of 5 videos" in text
    assert [part for part in PARTS if part in text] == []


def test_a_reference_set_and_intervals_add_all_parts(
    with_intervals, videos, reference, tmp_path, parsed
):
    path = tmp_path / "new folder" / "report.html"
    make_report(with_intervals(), videos, path, reference=reference, scores=np.arange(5) / 5)
    text = parsed(path).text
    assert [part for part in PARTS if part not in text] == []
    assert "80 % interval" in text
    assert "Spearman’s correlation" in text


def test_predictions_have_intervals_and_percentiles(with_intervals, videos, reference):
    report = collect(with_intervals(), videos, reference=reference)
    for entry in report.entries:
        [found] = entry.predictions
        assert found.low == pytest.approx(found.value - 0.125)
        assert found.high == pytest.approx(found.value + 0.25)
        assert found.percentile == percentileofscore(reference.predictions, found.value)


def test_intervals_are_clipped_to_the_range_of_scores(with_intervals, videos):
    wrapped = with_intervals(10.0)
    wrapped.y_ = np.array([0.2, 0.9])
    assert {entry.predictions[0].high for entry in collect(wrapped, videos).entries} == {1}
    wrapped.y_ = np.array([0.2, 9.0])
    assert all(entry.predictions[0].high > 10 for entry in collect(wrapped, videos).entries)


def test_the_correlation_is_that_of_scipy_over_the_known_scores(model, videos):
    true = np.array([0.1, np.nan, 0.5, 0.3, 0.4])
    [target] = collect(model, videos, scores=true).targets
    known = np.isfinite(true)
    expected = spearmanr(true[known], model.predict(videos)[known]).statistic
    assert target.spearman["spearman"] == pytest.approx(expected)
    low, high = target.spearman["spearman_low"], target.spearman["spearman_high"]
    assert -1 <= low <= expected <= high <= 1


@pytest.mark.parametrize("scores", [[np.nan] * 5, [0.5] * 5, [0.1, 0.2, *[np.nan] * 3]])
def test_an_undefined_correlation_is_left_out(model, videos, scores):
    assert collect(model, videos, scores=scores).targets[0].spearman == {}


def test_a_tier_alone_predicts_what_the_regressor_learns_from_its_columns(model, videos, reference):
    report = collect(model, videos, reference=reference)
    parts = take_apart(model)
    for name, label in (("raw", "Raw perception"), ("scene", "Scene")):
        scaler = parts.scalers[name]
        head = Ridge().fit(scaler.transform(reference.features[name]), reference.scores)
        expected = head.predict(scaler.transform(parts.tiers[name].transform(videos)))
        found = [entry.predictions[0].by_tier[label] for entry in report.entries]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_descriptors_are_those_of_the_raw_tier_without_the_hog(model, videos, reference):
    report = collect(model, videos, reference=reference)
    rows = take_apart(model).tiers["raw"].transform(videos)
    for entry, row in zip(report.entries, rows, strict=True):
        assert [d.label for d in entry.descriptors] == ["Contrast", "Brightness"]
        assert [d.value for d in entry.descriptors] == row[:2].tolist()
        training = reference.features["raw"][:, 1]
        assert entry.descriptors[1].percentile == percentileofscore(training, row[1])


def test_neighbours_are_the_nearest_in_standardised_columns(model, videos, reference):
    report = collect(model, videos, reference=reference)
    for name, label in (("raw", "Raw perception"), ("scene", "Scene")):
        scaler = StandardScaler().fit(reference.features[name])
        training = scaler.transform(reference.features[name])
        rows = scaler.transform(take_apart(model).tiers[name].transform(videos))
        distances = np.linalg.norm(rows[:, None] - training, axis=2)
        for entry, expected in zip(report.entries, distances.argsort(axis=1), strict=True):
            near = entry.neighbours[label]
            assert [n.row for n in near] == expected[:3].tolist()
            assert near[0].name == reference.names[expected[0]]
            assert near[0].scores == [reference.scores[expected[0]]]
            assert expected[0] in report.reference_pictures


def test_training_videos_without_features_are_not_neighbours(model, videos, reference):
    features = {name: rows.copy() for name, rows in reference.features.items()}
    features["raw"][:15] = np.nan
    known = SimpleNamespace(**vars(reference) | {"features": features})
    report = collect(model, videos, reference=known)
    rows = {n.row for entry in report.entries for n in entry.neighbours["Raw perception"]}
    assert rows <= set(range(15, 20))
    assert np.isfinite(report.entries[0].predictions[0].by_tier["Raw perception"])


def test_a_training_video_is_marked_as_one(model, reference, training_videos, videos):
    report = collect(model, [videos[0], training_videos[7]], reference=reference)
    assert report.entries[0].note == ""
    assert "same features as the training video training/07.mp4" in report.entries[1].note
    assert [entry.is_training_video for entry in report.entries] == [False, True]


def test_a_note_says_that_the_model_was_trained_on_some_videos(
    model, reference, training_videos, videos, tmp_path, parsed
):
    path = tmp_path / "report.html"
    sentence = "The model was trained on 2 of these videos."
    for mixed, is_said in (([*videos[:3], *training_videos[:2]], True), (videos[:5], False)):
        make_report(model, mixed, path, reference=reference, scores=np.arange(5) / 5)
        assert (sentence in " ".join(parsed(path).text.split())) == is_said


def test_damaged_and_missing_pictures_of_training_videos_are_left_out(model, videos, reference):
    pictures = [b"", b"no picture", *reference.thumbnails[2:]]
    report = collect(
        model, videos, reference=SimpleNamespace(**vars(reference) | {"thumbnails": pictures})
    )
    assert report.reference_pictures
    assert not {0, 1} & set(report.reference_pictures)


def test_a_bad_video_is_listed_with_its_cause_and_does_not_affect_the_others(
    model, videos, reference, tmp_path, parsed
):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    mixed = [videos[0], str(bad), videos[1], "missing.mp4"]
    path = tmp_path / "report.html"
    make_report(model, mixed, path, reference=reference, scores=[0.1, 0.2, 0.3, 0.4])
    page = parsed(path)
    assert "2 of 4 videos could not be described" in page.text
    assert "missing.mp4 does not exist" in page.text
    assert page.values("data-group").count("failed") == 2
    report = collect(model, mixed, scores=[0.1, 0.2, 0.3, 0.4])
    found = [entry.predictions[0] for entry in report.entries if entry.predictions]
    np.testing.assert_allclose([p.value for p in found], model.predict(videos[:2]))
    assert [p.true for p in found] == [0.1, 0.3]


def test_a_report_of_bad_videos_only_can_be_written(model, tmp_path, parsed):
    make_report(model, ["missing.mp4"], tmp_path / "report.html")
    assert "1 of 1 videos could not be described" in parsed(tmp_path / "report.html").text


def test_each_file_is_decoded_once(model, reference, clip_path, tmp_path, decoded):
    make_report(model, [clip_path], tmp_path / "report.html", reference=reference)
    assert decoded == [clip_path]


def test_rows_that_videos_carry_are_used(model, clip_path, decoded):
    tiers = first_tiers(model)
    described = DescribedVideos([clip_path], tiers, describe(tiers, [clip_path]))
    report = collect(model, described)
    assert report.entries[0].predictions[0].value == pytest.approx(model.predict(described)[0])
    assert len(decoded) == 2  # for the rows, and for the thumbnails
    assert len(report.entries[0].pictures) == 3


def test_a_report_can_have_several_targets(with_intervals, videos, reference, tmp_path, parsed):
    pandas = pytest.importorskip("pandas")
    scores = np.column_stack([reference.scores, 1 - reference.scores])
    both = SimpleNamespace(**vars(reference) | {"scores": scores, "predictions": scores})
    given = pandas.DataFrame({"short-term": np.arange(5) / 5, "long-term": [np.nan] * 5})
    model = with_intervals(0.0, 0.5)
    report = collect(model, videos, reference=both, scores=given)
    assert [target.name for target in report.targets] == ["short-term", "long-term"]
    assert [bool(target.spearman) for target in report.targets] == [True, False]
    first, second = report.entries[0].predictions
    assert second.value == pytest.approx(first.value + 0.5)
    tiers = first.by_tier["Scene"], second.by_tier["Scene"]
    assert sum(tiers) == pytest.approx(1)  # a ridge of 1 - y predicts 1 - the ridge of y
    make_report(model, videos, tmp_path / "report.html", reference=both, scores=given)
    page = parsed(tmp_path / "report.html")
    assert "What each tier says of long-term" in page.text
    assert len(page.values("data-score-1")) == 5


def test_a_model_without_tiers_gives_scores_only(videos, reference, tmp_path, parsed):
    model = DummyRegressor().fit([[0]] * 3, [0.25, 0.5, 0.75])
    model.predict = lambda X: np.full(len(X), 0.5)
    make_report(model, videos, tmp_path / "report.html", reference=reference, title="Guesses")
    page = parsed(tmp_path / "report.html")
    assert "Guesses" in page.text
    assert "0.500" in page.text
    assert "What each tier says" not in page.text


def test_a_timeline_shows_memorability_over_time(tmp_path, draw, write_clip, parsed):
    lengths = (30, 30, 30, 90)
    paths = [write_clip(tmp_path / f"{i}.mp4", draw(n) // (i + 1)) for i, n in enumerate(lengths)]
    raw = RawPerception(descriptors=["brightness"], frame_size=32)
    model = make_m3s(raw, scene=None, event=None, regressor=Ridge())
    model.fit(paths[:3], [0.3, 0.5, 0.7])
    short, long = collect(model, [paths[0], paths[3]], timeline=True).entries
    assert short.timeline is None  # it is one window
    expected = memorability_over_time(model, paths[3])
    assert long.timeline.window == 1
    assert long.timeline.seconds == expected.seconds.tolist() == [0.5, 1.5, 2.5]
    assert long.timeline.scores == [expected.scores.tolist()]
    assert [(m.second, m.score) for m in long.timeline.moments] == expected.moments()
    assert all(m.picture.startswith(b"RIFF") for m in long.timeline.moments)
    make_report(model, [paths[3]], tmp_path / "report.html", timeline=True)
    assert "Scores of windows of 1.0 seconds" in parsed(tmp_path / "report.html").text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeline": True}, "needs the length of the training videos, which is unknown"),
        ({"scores": [0.5]}, "scores has 1 rows for 5 videos"),
        ({"scores": np.zeros((5, 2))}, "scores has 2 columns, but the model predicts 1"),
        ({"title": 3}, "'title' parameter"),
        ({"timeline": "yes"}, "'timeline' parameter"),
    ],
)
def test_wrong_arguments_are_named(model, videos, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_report(model, videos, tmp_path / "report.html", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_reference_set_of_another_model_is_refused(model, videos, reference, tmp_path):
    other = SimpleNamespace(**vars(reference) | {"features": {"raw": reference.features["raw"]}})
    with pytest.raises(ValueError, match="the 2 columns of the tier 'scene'"):
        make_report(model, videos, tmp_path / "report.html", reference=other)


def test_an_unfitted_model_is_refused(videos, tmp_path):
    model = make_m3s(RawPerception(), scene=None, event=None)
    with pytest.raises(NotFittedError):
        make_report(model, videos, tmp_path / "report.html")


def test_a_missing_library_is_named_before_any_video_is_read(
    model, tmp_path, monkeypatch, clip_path, decoded
):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'jinja2 is required .* "sklearn-m3s\[cli\]"'):
        make_report(model, [clip_path], tmp_path / "report.html")
    assert decoded == []
