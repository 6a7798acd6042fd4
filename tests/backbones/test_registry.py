"""The entries of the registry fit together."""

from pathlib import PurePosixPath

import pytest

from sklearn_m3s.backbones._registry import ARCHITECTURES, WEIGHTS, PackagedFile, PublishedFile

PUBLISHED = [entry for entry in WEIGHTS.values() if isinstance(entry, PublishedFile)]
PACKAGED = [entry for entry in WEIGHTS.values() if isinstance(entry, PackagedFile)]


def test_weights_belong_to_known_architectures():
    assert {architecture for architecture, _ in WEIGHTS} == set(ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_has_known_weights_as_its_default(architecture):
    assert (architecture, ARCHITECTURES[architecture].weights) in WEIGHTS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_clips_have_a_number_of_frames_and_images_have_none(architecture):
    known = ARCHITECTURES[architecture]
    assert (known.n_frames is not None) == (known.kind == "clip")


@pytest.mark.parametrize("key", [key for key in WEIGHTS if key[0] == "hrnetv2_w48"])
def test_all_weights_of_hrnet_say_how_it_upsamples(key):
    assert WEIGHTS[key].upsampling in ("bilinear", "nearest")


def test_no_two_weights_share_a_file():
    assert len({entry.file for entry in WEIGHTS.values()}) == len(WEIGHTS)


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.file)
def test_an_entry_names_a_file_of_the_format_of_its_source(entry):
    assert PurePosixPath(entry.file).suffix == PurePosixPath(entry.url).suffix
    assert set(entry.sha256) <= set("0123456789abcdef")


@pytest.mark.parametrize("entry", PACKAGED, ids=lambda entry: entry.file)
def test_a_packaged_file_is_known_by_its_whole_digest(entry):
    assert len(entry.sha256) == 64
    assert set(entry.sha256) <= set("0123456789abcdef")
