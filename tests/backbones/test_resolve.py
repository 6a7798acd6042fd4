"""Valid values of `model`, and errors for others."""

import pytest
from torch import nn

from sklearn_m3s.backbones import resolve_network


def test_names_modules_and_functions_are_distinguished():
    assert resolve_network("ip_csn_152", "clip", weights=None).origin == "registry"
    assert resolve_network(nn.Identity(), "image").origin == "user"
    assert resolve_network(nn.Identity, "clip").name == "Identity"


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        ("efficientnet", "did you mean 'efficientnet_lite0'"),
        ("resnet50", r"'resnet50' is not known: pass one of \['hrnetv2_w48'"),
        ("a/b/c/d", "an existing folder or a repository name"),
    ],
)
def test_the_error_for_another_name_lists_the_choices(model, fault):
    with pytest.raises(ValueError, match=fault):
        resolve_network(model, "image")


@pytest.mark.parametrize(
    ("model", "parameter", "fault"),
    [
        (nn.Identity(), {"weights": "imagenet"}, "weights=imagenet does not go with"),
        (
            "facebook/dinov2-small",
            {"weights": None},
            "weights=None does not go.*only revision, output",
        ),
        (nn.Identity(), {"sha256": "0" * 64}, "sha256=0+ does not go with.*only version, output"),
        (nn.Identity(), {"revision": "main"}, "revision=main does not go with"),
        ("hrnetv2_w48", {"version": "1"}, "version=1 does not go with.*only weights, sha256"),
        ("hrnetv2_w48", {"output": "cls"}, "output=cls does not go with.*output with layer"),
    ],
)
def test_parameters_that_a_model_does_not_take_are_refused(model, parameter, fault):
    with pytest.raises(ValueError, match=fault):
        resolve_network(model, "image", **parameter)


def test_a_file_is_not_taken_for_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.pth").touch()
    with pytest.raises(ValueError, match=r"model='folder/model.pth' is not known"):
        resolve_network("folder/model.pth", "image")
