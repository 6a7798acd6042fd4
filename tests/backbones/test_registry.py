"""The registry holds together."""

from pathlib import PurePosixPath

import pytest

from sklearn_m3s.backbones._registry import ARCHITECTURES, WEIGHTS


def test_weights_belong_to_known_architectures():
    assert {architecture for architecture, _ in WEIGHTS} == set(ARCHITECTURES)


def test_no_two_weights_share_a_file():
    assert len({entry.file for entry in WEIGHTS.values()}) == len(WEIGHTS)


@pytest.mark.parametrize("entry", WEIGHTS.values(), ids=lambda entry: entry.file)
def test_an_entry_names_a_file_of_the_format_of_its_source(entry):
    assert PurePosixPath(entry.file).suffix == PurePosixPath(entry.url).suffix
    assert set(entry.sha256) <= set("0123456789abcdef")
