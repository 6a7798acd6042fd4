"""The rendered page: escaping, policy, fragments, size and contrast."""

import os
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest

from sklearn_m3s.report._entries import Prediction, VideoEntry

NASTY = [
    "<script>alert(1)<.mp4",
    "</title><img src=x onerror=alert(1)>/x.mp4",
    "<!--<img src=x onerror=alert(1)>.mp4",
    "\"' onmouseover='alert(1)'.mp4",
    "{{ 7 * 7 }}.mp4",
    "line\u2028break\u202e.mp4",
]


def nasty_entry(name, position):
    return VideoEntry(
        name, position, predictions=[Prediction(0.5)], note=f"note {name}", failure=f"cause {name}"
    )


def test_names_and_causes_are_escaped(make_page, parsed):
    harmless = ["a/b.mp4" if "/" in name else "b.mp4" for name in NASTY]
    plain = parsed(make_page(0, *(nasty_entry(name, i) for i, name in enumerate(harmless))))
    page = parsed(make_page(0, *(nasty_entry(name, i) for i, name in enumerate(NASTY))))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(attrs) for _, attrs in page.elements] == [
        sorted(attrs) for _, attrs in plain.elements
    ]
    assert page.values("data-name") == [os.path.basename(name) for name in NASTY]
    for name in NASTY:
        assert " ".join(f"cause {name}".split()) in page.text


def test_a_name_that_is_not_unicode_can_be_written(make_page):
    page = make_page(0, nasty_entry("caf\udce9.mp4", 0))
    assert "caf?.mp4" in page.encode("utf-8", "replace").decode()


def test_the_policy_allows_this_style_and_script_only(make_page, parsed):
    page = make_page(3)
    [policy] = [v for v in parsed(page).values("content") if "default-src" in v]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("style", "script"):
        [content] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert parsed(page).values("style") == []


def test_the_page_refers_to_nothing_outside(make_page, parsed):
    page = make_page(3)
    found = parsed(page)
    addresses = found.values("src") + found.values("href")
    addresses += re.findall(r"url\((.*?)\)", page)
    assert len(addresses) > 10
    assert [a for a in addresses if not a.startswith(("data:", "#"))] == []
    assert "http:" not in page
    assert "https:" not in page


def test_each_video_has_its_own_fragment(make_page, parsed):
    names = ["a b.mp4", "a-b.mp4", "x/A_B.mp4", "a b-mp4-2", "日本.mp4", "..."]
    page = parsed(make_page(0, *(VideoEntry(name, i) for i, name in enumerate(names))))
    fragments = [value for value in page.values("id") if value.startswith("v-")]
    assert fragments[:3] == ["v-a-b-mp4", "v-a-b-mp4-2", "v-a-b-mp4-3"]
    assert len(set(page.values("id"))) == len(page.values("id"))
    assert [f"#{fragment}" for fragment in fragments] == [
        value for value in page.values("href") if value.startswith("#v-")
    ]


def test_videos_are_sorted_by_score_with_bad_ones_last(make_page, parsed):
    page = parsed(make_page(20))
    scores = [float(value) for value in page.values("data-score-0")]
    assert scores == sorted(scores, reverse=True)
    assert page.values("data-name")[-1] == "bad.mp4"


def test_groups_are_the_quarters_of_the_training_videos(make_page, parsed):
    percentiles = [0, 24, 25, 74.5, 75, 100]
    entries = [
        VideoEntry(f"{i}.mp4", i, predictions=[Prediction(-i, percentile=p)])
        for i, p in enumerate(percentiles)
    ]
    groups = parsed(make_page(0, *entries)).values("data-group")
    assert groups == ["low", "low", "middle", "middle", "high", "high"]


def test_without_training_videos_groups_are_the_quarters_of_these_videos(make_page, parsed):
    entries = [VideoEntry(f"{i}.mp4", i, predictions=[Prediction(-i)]) for i in range(8)]
    groups = parsed(make_page(0, *entries)).values("data-group")
    assert groups == ["high"] * 2 + ["middle"] * 4 + ["low"] * 2


@pytest.mark.parametrize(("value", "shown"), [(0, "1"), (49.6, "50"), (100, "99"), (np.nan, "–")])
def test_percentiles_are_whole_numbers_from_1_to_99(make_page, parsed, value, shown):
    entry = VideoEntry("a.mp4", 0, predictions=[Prediction(0.5, true=0.5, percentile=value)])
    text = parsed(make_page(0, entry)).text
    assert (f"Percentile {shown} True score" in text) != np.isnan(value)


def test_negative_numbers_have_a_minus_sign(make_page, parsed):
    entry = VideoEntry("a.mp4", 0, predictions=[Prediction(0.25, true=0.5)])
    assert "Error −0.250" in parsed(make_page(0, entry)).text


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_text_and_marks_have_the_contrast_of_wcag_aa():
    css = (files("sklearn_m3s.report") / "templates" / "report.css").read_text()
    schemes = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in css.split(":root")[1:]]
    assert len(schemes) == 3
    for colours in schemes:
        for ground in ("paper", "card"):
            for text in ("ink", "quiet", "accent", "bad"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for mark in ("accent", "true"):
            assert contrast(colours[mark], colours["band"]) >= 3, mark
