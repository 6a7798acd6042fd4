"""Published weight files become complete state dicts with our keys."""

import struct
import time
import traceback
import zipfile

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


def test_the_first_wrong_keys_are_named_and_all_are_counted(save, state):
    path = save(state | {f"x{index}": torch.ones(1) for index in range(40)})
    with pytest.raises(WeightsError, match=r"40 keys unexpected \(x0, x1, x2, \.\.\.\)"):
        read(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"], ids=["empty", "text"])
def test_a_file_that_is_not_a_weight_file_is_named(tmp_path, suffix, content):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"cannot read weights from .*file\{suffix}"):
        read(path)


def test_a_truncated_file_is_named(save, state):
    path = save(state)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WeightsError, match=r"cannot read weights from .*file\.pth"):
        read(path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e300])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_numbers_that_are_not_finite_in_float32_are_refused(save, state, value, dtype):
    state["conv1.weight"] = torch.tensor([[1, 2, 3], [4, 5, value]], dtype=dtype)
    with pytest.raises(
        WeightsError, match=r"file\.pth is damaged: 1 key with NaN.*\(conv1\.weight"
    ):
        read(save(state))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_tensors_of_other_types_than_floating_are_refused(save, state, dtype):
    state["bn1.bias"] = torch.ones(2, dtype=dtype)
    with pytest.raises(WeightsError, match=rf"1 key not floating \(bn1\.bias {dtype}\)"):
        read(save(state))


def test_tensors_of_other_precision_become_float32(save, state):
    halves = {key: value.half() for key, value in state.items()}
    assert {value.dtype for value in read(save(halves)).values()} == {torch.float32}


def test_a_huge_shape_is_compared_without_allocating_it(save, state):
    state["bn1.bias"] = torch.ones(1).expand(10**9, 10**9)
    with pytest.raises(WeightsError, match="1 key of another shape"):
        read(save(state))


class Payload:
    """An object that does not belong in a weight file."""


@pytest.mark.parametrize("old", [False, True])
def test_a_file_that_would_run_code_is_refused_without_advice_to_run_it(tmp_path, state, old):
    path = tmp_path / "file.pth"
    content = {"state_dict": state, "payload": Payload()}
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(
        WeightsError, match=r"file\.pth: it refers to .*Payload.*run code"
    ) as caught:
        read(path)
    told = "".join(traceback.format_exception(caught.value))
    for advice in ("weights_only", "safe_globals", "trust"):
        assert advice not in told


# Small files that would take minutes or gigabytes. Each has to be refused in a moment.


def archive(path, pickle, compress=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compress) as file:
        file.writestr("archive/data.pkl", pickle)
        file.writestr("archive/version", b"3\n")
        for name, content in members.items():
            file.writestr(f"archive/data/{name}", content)


def zip_bomb(path):
    archive(path, b"N.", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file, file.open("a/0", "w") as member:
        for _ in range(64):
            member.write(bytes(2**20))


def claims_gigabytes(path):
    archive(path, b"N.", storage=bytes(100))
    content = path.read_bytes()
    path.write_bytes(
        content.replace(struct.pack("<2I", 100, 100), struct.pack("<2I", *[2**31] * 2))
    )


def marks(path):
    archive(path, b"\x80\x02" + b"(" * 50_000_000)


def marks_of_old(path):
    with path.open("wb") as file:
        file.write(b"\x80\x02" + b"(" * 50_000_000)


def bytes_by_name(path):
    archive(path, b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x80\x01\x85R.")


def tensor_by_name(path):
    archive(path, b"\x80\x02ctorch\nFloatTensor\n\x8a\x05\x00\x00\x00\x80\x01\x85R.")


def many_members(path):
    with zipfile.ZipFile(path, "w") as file:
        for i in range(100_000):
            file.writestr(f"{i}", b"")


def numbers_of_one_hash(path):
    numbers = ((i * (2**61 - 1)).to_bytes(20, "little") for i in range(100_000))
    archive(path, b"\x80\x02}(" + b"".join(b"\x8a\x14" + n + b"N" for n in numbers) + b"u.")


def long_header(path):
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 90_000_000) + b"{" + b" " * 90_000_000)


def lying_header(path):
    path.write_bytes(struct.pack("<Q", 2**62) + b'{"a": 1}')


def lying_offsets(path):
    header = b'{"a": {"dtype": "F32", "shape": [1000000000], "data_offsets": [0, 4000000000]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(100))


BOMBS = [
    zip_bomb, claims_gigabytes, many_members, numbers_of_one_hash, marks, marks_of_old,
    bytes_by_name, tensor_by_name, long_header, lying_header, lying_offsets,
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_a_file_that_would_take_minutes_or_gigabytes_is_refused_at_once(tmp_path, make, suffix):
    resource = pytest.importorskip("resource")
    path = tmp_path / f"file{suffix}"
    make(path)
    start, peak = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"cannot read weights from .*file"):
        read(path)
    assert time.monotonic() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 200_000  # kB


def test_the_pickle_of_a_large_network_is_short_enough(tmp_path):
    state = {f"layer{i}.weight": torch.ones(1) for i in range(5_000)}  # HRNet has 1,830
    torch.save({"state_dict": state}, tmp_path / "file.pth")
    assert modules_of("hrnetv2_w48", tmp_path / "file.pth") == {f"layer{i}" for i in range(5_000)}


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.ones(2)])
def test_a_file_without_named_tensors_is_refused(save, content):
    with pytest.raises(WeightsError, match=r"file\.pth is not a state dict"):
        read(save(content))
