"""Published weight files become state dicts under our keys, and nothing is lost on the way."""

import pytest
import torch
from safetensors.torch import save_file

from sklearn_m3s.backbones._state_dict import modules_of, read_state_dict, rename_key
from sklearn_m3s.exceptions import WeightsError

SHAPES = {"conv1.weight": torch.Size([2, 3]), "bn1.bias": torch.Size([2])}


@pytest.fixture
def state():
    return {"conv1.weight": torch.arange(6.0).reshape(2, 3), "bn1.bias": torch.ones(2)}


@pytest.fixture
def save(tmp_path):
    def save(content):
        torch.save(content, tmp_path / "file.pth")
        return tmp_path / "file.pth"

    return save


def read(path, shapes=SHAPES):
    return read_state_dict("hrnetv2_w48", path, shapes)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key in expected:
        assert torch.equal(found[key], expected[key])


@pytest.mark.parametrize(
    ("architecture", "theirs", "ours"),
    [
        ("ip_csn_152", "backbone.conv1.conv.weight", "stem.0.weight"),
        ("ip_csn_152", "backbone.conv1.bn.running_var", "stem.1.running_var"),
        ("ip_csn_152", "backbone.layer3.35.conv1.conv.weight", "layer3.35.conv1.0.weight"),
        ("ip_csn_152", "backbone.layer1.0.conv2.0.conv.weight", "layer1.0.conv2.0.0.weight"),
        ("ip_csn_152", "backbone.layer1.0.conv2.0.bn.bias", "layer1.0.conv2.0.1.bias"),
        ("ip_csn_152", "backbone.layer1.0.conv2.1.conv.weight", "layer1.0.conv2.0.2.weight"),
        ("ip_csn_152", "backbone.layer1.0.conv2.1.bn.bias", "layer1.0.conv2.1.bias"),
        ("ir_csn_152", "backbone.layer1.0.conv2.0.conv.weight", "layer1.0.conv2.0.weight"),
        ("ir_csn_152", "backbone.layer1.0.conv2.0.bn.bias", "layer1.0.conv2.1.bias"),
        ("ir_csn_152", "layer4.0.downsample.bn.bias", "layer4.0.downsample.1.bias"),
        ("hrnetv2_w48", "module.conv1.weight", "conv1.weight"),
    ],
)
def test_a_published_key_is_renamed(architecture, theirs, ours):
    assert rename_key(architecture, theirs) == ours


@pytest.mark.parametrize("architecture", ["hrnetv2_w48", "ip_csn_152", "ir_csn_152"])
def test_our_own_keys_keep_their_names(architecture, golden):
    for key in golden.keys[architecture]:
        assert rename_key(architecture, key) == key


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_a_wrapped_state_dict_is_unwrapped(save, state, wrapper):
    assert_same(read(save({"epoch": 3, wrapper: state})), state)


def test_heads_and_leftovers_of_training_are_dropped(save, state):
    extra = ("classifier.weight", "incre_modules.0.0.conv1.weight", "bn1._tmp_running_mean")
    assert_same(read(save(state | {key: torch.ones(1) for key in extra})), state)


def test_batch_counters_may_be_absent(save, state):
    counter = {"bn1.num_batches_tracked": torch.tensor(0)}
    shapes = SHAPES | {"bn1.num_batches_tracked": torch.Size([])}
    assert_same(read(save(state), shapes), state | counter)


def test_safetensors_files_are_read(tmp_path, state):
    save_file(state, tmp_path / "file.safetensors")
    assert_same(read(tmp_path / "file.safetensors"), state)


def test_files_of_old_versions_of_torch_are_read(tmp_path, state):
    torch.save(state, tmp_path / "file.pth", _use_new_zipfile_serialization=False)
    assert_same(read(tmp_path / "file.pth"), state)


@pytest.mark.parametrize("layout", ["torchvision", "openmmlab"])
def test_the_modules_of_a_file_include_its_head(save, layout):
    names = {"torchvision": ("stem.0", "fc"), "openmmlab": ("backbone.conv1.conv", "cls_head.fc")}
    stem, head = names[layout]
    path = save({f"{stem}.weight": torch.ones(1), f"{head}.bias": torch.ones(1)})
    assert modules_of("ip_csn_152", path) == {"stem", head.split(".")[0]}


def test_missing_unexpected_and_misshapen_keys_are_all_named(save):
    path = save({"conv1.weight": torch.ones(3, 2), "conv7.weight": torch.ones(1)})
    with pytest.raises(WeightsError) as caught:
        read(path)
    assert str(caught.value).startswith(
        f"{path} does not fit hrnetv2_w48: 1 key missing (bn1.bias); "
        "1 key unexpected (conv7.weight); "
        "1 key of another shape (conv1.weight (3, 2) for (2, 3))."
    )


def test_of_many_wrong_keys_the_first_few_are_named_and_all_are_counted(save, state):
    path = save(state | {f"x{index}": torch.ones(1) for index in range(40)})
    with pytest.raises(WeightsError, match=r"40 keys unexpected \(x0, x1, x2, \.\.\.\)"):
        read(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"], ids=["empty", "text"])
def test_a_file_that_is_no_weight_file_is_named(tmp_path, suffix, content):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"cannot read weights from .*file\{suffix}"):
        read(path)


def test_a_truncated_file_is_named(save, state):
    path = save(state)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WeightsError, match=r"cannot read weights from .*file\.pth"):
        read(path)


class Payload:
    """What weights have no business to hold."""


def test_a_file_that_would_run_code_is_refused(save, state):
    with pytest.raises(WeightsError, match="cannot read"):
        read(save({"state_dict": state, "payload": Payload()}))


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.ones(2)])
def test_a_file_without_named_tensors_is_refused(save, content):
    with pytest.raises(WeightsError, match=r"file\.pth holds no state dict"):
        read(save(content))
