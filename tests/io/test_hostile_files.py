"""Manipulated files: each is refused by name, and nothing in it is run."""

import io
import json
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from sklearn_m3s import load_model, make_m3s_from_features, save_model
from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.io import ReferenceSet, load_card, load_reference

BLOCKS = {"scene": slice(0, 4), "event": slice(4, 7)}


@pytest.fixture(scope="module")
def fitted():
    """Return a function that saves a model with a regressor and returns its members."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 7))
    y = 1 / (1 + np.exp(-X[:, 0]))
    members = {}

    def save(regressor, folder):
        key = repr(regressor)
        if key not in members:
            model = make_m3s_from_features(BLOCKS, regressor=regressor).fit(X, y)
            save_model(model, folder / "honest.m3s", reference=reference())
            with zipfile.ZipFile(folder / "honest.m3s") as archive:
                members[key] = {name: archive.read(name) for name in archive.namelist()}
        return dict(members[key])

    return save


def reference():
    content = io.BytesIO()
    from PIL import Image

    Image.new("RGB", (8, 8)).save(content, "webp")
    return ReferenceSet(
        ["a.mp4", "b.mp4"],
        np.array([0.1, 0.2]),
        np.array([0.1, np.nan]),
        {"scene": np.zeros((2, 1), np.float32)},
        {"scene": ["x0"]},
        [content.getvalue(), b""],
    )


@pytest.fixture
def members(fitted, tmp_path):
    return fitted(Ridge(), tmp_path)


def write(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(header, content=b""):
    """Return an array file with any header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def first_array(members):
    return next(name for name in members if name[0].isdigit())


def nodes(schema):
    """Yield the nodes of a schema, at any depth."""
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        for part in schema.values():
            yield from nodes(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from nodes(part)


def edit(members, change):
    """Change the schema in place, by a function of it."""
    schema = json.loads(members["schema.json"])
    change(schema)
    members["schema.json"] = json.dumps(schema).encode()
    return members


def find(schema, kind):
    return next(node for node in nodes(schema) if node["__class__"] == kind)


def refuse(path, words):
    """Assert that loading raises an error with these words and the path, in little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=words) as caught:
            load_model(path)
        assert str(path) in str(caught.value)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


def test_an_intact_file_is_read(members, tmp_path):
    path = write(tmp_path / "model.m3s", members)
    assert load_model(path)["regressor"].alpha == 1
    assert load_reference(path).names == ["a.mp4", "b.mp4"]


# The archive


@pytest.mark.parametrize(
    "name",
    ["../evil.npy", "/etc/evil.npy", "model.pkl", "evil.py", "a/../schema.json", "1.npy\0.txt",
     "C:\\evil.npy", "reference/../../evil.npy", "reference/thumbnails/", "SCHEMA.JSON", ""],
)  # fmt: skip
def test_members_of_other_names_are_refused(name, members, tmp_path):
    path = tmp_path / "model.m3s"
    with zipfile.ZipFile(path, "w") as archive:
        for known, content in members.items():
            archive.writestr(known, content)
        info = zipfile.ZipInfo("x" * len(name) or "x")
        info.filename = name
        archive.writestr(info, b"")
    refuse(path, "which no model file has|not a plain file")
    for load in (load_card, load_reference):
        with pytest.raises(ModelError):
            load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_the_same_name_are_refused(members, tmp_path):
    path = write(tmp_path / "model.m3s", members)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("schema.json", b"{}")
    refuse(path, "'schema.json' twice")


def test_compressed_members_are_refused_before_they_unpack(members, tmp_path):
    members["README.md"] = bytes(10**9)
    path = write(tmp_path / "model.m3s", members, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**7
    del members["README.md"]
    refuse(path, "compressed")


def test_sizes_that_lie_are_refused(members, tmp_path):
    path = write(tmp_path / "model.m3s", members)
    content = bytearray(path.read_bytes())
    start = content.rindex(b"PK\x01\x02")  # the last entry of the directory
    struct.pack_into("<II", content, start + 20, 2**31, 2**31)
    path.write_bytes(content)
    refuse(path, "more bytes than the file|Overlapped|damaged")


def test_links_are_refused(members, tmp_path):
    path = write(tmp_path / "model.m3s", members)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("9.npy")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    refuse(path, "'9.npy' is not a plain file")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_truncated_files_are_refused(share, members, tmp_path):
    path = write(tmp_path / "model.m3s", members)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refuse(path, "damaged or not a model file")


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "model.m3s"
    path.write_bytes(pickle.dumps({"a": 1}))
    refuse(path, "damaged or not a model file")


def test_changed_bytes_only_cause_model_errors(members, tmp_path):
    path = write(tmp_path / "model.m3s", members)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(150):
        damaged = content.copy()
        damaged[rng.integers(len(damaged), size=3)] ^= rng.integers(1, 256, 3).astype(np.uint8)
        path.write_bytes(damaged.tobytes())
        try:
            load_model(path)
        except ModelError:
            n_refused += 1
    assert n_refused > 100


@pytest.mark.parametrize("name", ["model.json", "schema.json", "check/0.npy"])
def test_missing_members_are_named(name, members, tmp_path):
    del members[name]
    refuse(write(tmp_path / "model.m3s", members), f"{name}' is missing")


# JSON


@pytest.mark.parametrize("name", ["model.json", "schema.json"])
@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"[" * 10**6, b'{"a":' * 10**5, b"1" * 10**5, b'"\\ud800"', b"null", b"[]"],
    ids=["empty", "bytes", "lists", "objects", "number", "surrogate", "null", "list"],
)
def test_broken_json_is_refused(name, text, members, tmp_path):
    members[name] = text
    refuse(write(tmp_path / "model.m3s", members), "JSON|not an object")


def test_huge_json_is_refused_before_it_is_read(members, tmp_path):
    members["schema.json"] = b" " * (2**25 + 1)
    refuse(write(tmp_path / "model.m3s", members), "more than 33554432")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99, "version": "7.0"}, "format 99 of sklearn_m3s 7.0.*update"),
        ({"format": True}, "format True"),
        ({"format": "1"}, "format '1'"),
        ({"loader": "pickle"}, r"keys \['loader'\]"),
        ({"class": "os.system"}, "claims to be a 'os.system'"),
        ({"modules": {"scene": "Net"}}, r"pass modules=\{'scene': ...\}"),
        ({"modules": []}, "modules in its model.json is not an object"),
    ],
)
def test_other_formats_are_refused(change, words, members, tmp_path):
    about = json.loads(members["model.json"]) | change
    members["model.json"] = json.dumps(about).encode()
    refuse(write(tmp_path / "model.m3s", members), words)


# The schema


def as_other(kind, **change):
    def apply(schema):
        find(schema, kind).update(change)

    return apply


def with_root(**change):
    return lambda schema: schema.update(change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (as_other("Ridge", __class__="Popen", __module__="subprocess"), "subprocess.Popen"),
        (as_other("Ridge", __class__="system", __module__="os"), "os.system"),
        (as_other("Ridge", __class__="Lasso"), "sklearn.linear_model._ridge.Lasso"),
        (as_other("Ridge", __class__="GridSearchCV", __module__="sklearn.model_selection._search"),
         "GridSearchCV"),
        (as_other("Ridge", __class__=["Ridge"]), "Ridge"),
        (as_other("Ridge", __class__="__class__.__bases__"), "__bases__"),
        (as_other("Ridge", __loader__="FunctionNode"), "unknown keys"),
        (as_other("Ridge", __loader__="ReduceNode"), "ReduceNode"),
        (as_other("Ridge", __loader__=["ObjectNode"]), "ObjectNode"),
        (as_other("Ridge", __reduce__={"args": []}), r"unknown keys \['__reduce__'\]"),
        (as_other("Ridge", __id__="1"), "the id '1'"),
        (as_other("Ridge", __id__=-1), "the id -1"),
        (as_other("Ridge", content=[]), "is not a node"),
        (as_other("StandardScaler", __class__="Ridge", __module__="sklearn.linear_model._ridge"),
         "with the key"),
        (with_root(protocol=0), "protocol 0"),
        (with_root(protocol=3), "protocol 3"),
        (with_root(protocol=True), "protocol True"),
        (with_root(protocol=None), "protocol None"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_other_classes_and_layouts_are_refused(change, words, members, tmp_path):
    scaled = make_m3s_from_features(BLOCKS, regressor=Ridge(), recipe="paper")
    X = np.random.default_rng(0).normal(size=(60, 7))
    save_model(scaled.fit(X, X[:, 0]), tmp_path / "paper.m3s")
    with zipfile.ZipFile(tmp_path / "paper.m3s") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    refuse(write(tmp_path / "model.m3s", edit(members, change)), words)


JSON_NULL = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
             "content": "null", "is_json": True}  # fmt: skip
LIST = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}
STRING = JSON_NULL | {"content": '"touch evil"'}
DICT = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode",
        "content": {}, "key_types": LIST}  # fmt: skip
SYSTEM = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
BAD_PARTS = {
    "function": SYSTEM,
    "builtin": SYSTEM | {"__class__": "eval", "__module__": "builtins"},
    "type": SYSTEM | {"__loader__": "TypeNode"},
    "evil type": SYSTEM | {"__loader__": "TypeNode", "__class__": "Popen",
                           "__module__": "subprocess"},
    "method": {"__class__": "Ridge", "__module__": "sklearn.linear_model._ridge",
               "__loader__": "MethodNode", "content": {"func": "fit", "obj": STRING}},
    "partial": {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode",
                "content": {"func": SYSTEM, "args": LIST, "kwds": DICT, "namespace": DICT}},
    "operator": {"__class__": "methodcaller", "__module__": "operator",
                 "__loader__": "OperatorFuncNode", "attrs": LIST},
    "constructor": {"__class__": "Ridge", "__module__": "sklearn.linear_model._ridge",
                    "__loader__": "ConstructorFromReduceNode", "content": LIST},
    "default": {"__class__": "defaultdict", "__module__": "collections",
                "__loader__": "DefaultDictNode",
                "content": {"main": DICT, "default_factory": SYSTEM}},
    "generator": {"__class__": "Generator", "__module__": "numpy.random._generator",
                  "__loader__": "RandomGeneratorNode",
                  "content": {"bit_generator": DICT, "seed_seq": DICT}},
    "random state": {"__class__": "RandomState", "__module__": "numpy.random.mtrand",
                     "__loader__": "RandomStateNode", "content": DICT},
    "loss": {"__class__": "CyHalfSquaredError", "__module__": "_loss", "__loader__": "LossNode",
             "content": DICT, "__reduce__": {"args": LIST}},
    "tree": {"__class__": "Tree", "__module__": "sklearn.tree._tree", "__loader__": "TreeNode",
             "content": DICT, "__reduce__": {"args": LIST}},
    "masked": {"__class__": "MaskedArray", "__module__": "numpy.ma",
               "__loader__": "MaskedArrayNode",
               "content": {"data": LIST, "mask": LIST}},
    "sparse": {"__class__": "csr_matrix", "__module__": "scipy.sparse._csr",
               "__loader__": "SparseMatrixNode", "type": "scipy", "file": "1.npz"},
    "bytes": {"__class__": "bytes", "__module__": "builtins", "__loader__": "BytesNode",
              "file": "schema.json"},
    "bytearray": {"__class__": "bytearray", "__module__": "builtins",
                  "__loader__": "BytearrayNode", "file": "schema.json"},
    "set": {"__class__": "set", "__module__": "builtins", "__loader__": "SetNode", "content": []},
    "quantile forest": {"__class__": "QuantileForest", "__module__": "quantile_forest",
                        "__loader__": "QuantileForestNode", "content": DICT},
    "list of another type": LIST | {"__class__": "Popen", "__module__": "subprocess"},
    "tuple of another type": LIST | {"__loader__": "TupleNode", "__class__": "Interval",
                                     "__module__": "sklearn._loss.link"},
    "dict of another type": DICT | {"__class__": "UserDict", "__module__": "collections"},
    "slice": {"__class__": "slice", "__module__": "builtins", "__loader__": "SliceNode",
              "content": {"start": [1], "stop": None, "step": None}},
    "scalar of another type": {"__class__": "load", "__module__": "numpy",
                               "__loader__": "NdArrayNode", "type": "numpy", "file": "check/0.npy"},
    "array elsewhere": {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode",
                        "type": "numpy", "file": "../../etc/passwd"},
    "missing array": {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode",
                      "type": "numpy", "file": "123456789.npy"},
    "array of another type": {"__class__": "ndarray", "__module__": "numpy",
                              "__loader__": "NdArrayNode", "type": "pickle", "file": "1.npy"},
    "keys": DICT | {"content": {"1": JSON_NULL}, "key_types": LIST | {"content": [SYSTEM]}},
    "number of keys": DICT | {"content": {"1": JSON_NULL}},
    "nested text": JSON_NULL | {"content": "[" * 100_000},
    "number": JSON_NULL | {"content": "9" * 100_000},
    "no text": JSON_NULL | {"content": 1},
    "reference ahead": {"__class__": None, "__module__": None, "__loader__": "CachedNode",
                        "__id__": 77},
    "zone": {"__class__": "ZoneInfo", "__module__": "zoneinfo",
             "__loader__": "ConstructorFromReduceNode", "content": LIST},
    "unknown kind": {"__class__": "Stored", "__module__": "sklearn_m3s.io._stored",
                     "__loader__": "ObjectNode",
                     "content": DICT | {"content": {"kind": STRING, "state": JSON_NULL},
                                        "key_types": LIST | {"content": [
                                            {"__class__": "str", "__module__": "builtins",
                                             "__loader__": "TypeNode"}] * 2}}},
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_PARTS)
def test_other_parts_are_refused(kind, members, tmp_path, monkeypatch):
    monkeypatch.setattr("os.system", lambda command: pytest.fail("a command was run"))

    def put(schema):
        find(schema, "Ridge")["content"]["content"]["solver"] = BAD_PARTS[kind]

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "solver|123456789|unknown kind")


def test_a_part_inside_itself_is_refused(members, tmp_path):
    def put(schema):
        node = find(schema, "Ridge")
        node["content"]["content"]["solver"] = {
            "__class__": None, "__module__": None, "__loader__": "CachedNode",
            "__id__": node["__id__"],
        }  # fmt: skip

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "does not come before it")


def test_two_parts_of_one_id_are_refused(members, tmp_path):
    def put(schema):
        node = find(schema, "Ridge")
        node["content"]["content"]["solver"] = STRING | {"__id__": node["__id__"]}

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "of another part")


def test_deep_schemas_are_refused(members, tmp_path):
    def put(schema):
        part = JSON_NULL
        for _ in range(200):
            part = LIST | {"content": [part]}
        find(schema, "Ridge")["content"]["content"]["solver"] = part

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "is deeper than")


@pytest.mark.parametrize(
    "name", ["predict", "__class__", "__dict__", "fit", "secret_", "_validate_params"]
)
def test_unknown_attributes_are_refused(name, members, tmp_path):
    def put(schema):
        content = find(schema, "Ridge")["content"]
        content["content"][name] = JSON_NULL
        content["key_types"]["content"].append(
            {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}
        )

    refuse(write(tmp_path / "model.m3s", edit(members, put)), f"the key '{name}'")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("memory", '"/tmp/evil"', "memory of a Pipeline"), ("n_jobs", "1000000000", "n_jobs")],
)
def test_parameters_of_no_saved_model_are_refused(name, value, words, members, tmp_path):
    def put(schema):
        states = [node["content"] for node in nodes(schema) if node["__loader__"] == "DictNode"]
        [*_, last] = (state for state in states if name in state)
        last[name] = JSON_NULL | {"content": value}

    refuse(write(tmp_path / "model.m3s", edit(members, put)), words)


# Arrays

HUGE = 2**62


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({HUGE},)}}"), "shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**9,)}"), "valid header"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,)}"), "shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", bytes(8)), "shape"),
        (npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({HUGE}, 0)}}"), "shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4,)}", bytes(31)), "shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4,)}", bytes(33)), "shape"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1.0,)}", bytes(8)), "header"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", pickle.dumps([1])), "type"),
        (npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}", bytes(8)), "type"),
        (npy(f"{{'descr': '<U0', 'fortran_order': False, 'shape': ({HUGE},)}}"), "type"),
        (npy("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,)}", bytes(8)), "type"),
        (npy("__import__('os').system('touch evil')"), "header"),
        (npy("(" * 9000), "header"),
        (npy("[" * 5000 + "]" * 5000), "header"),
        (npy("-" * 9000 + "1"), "header"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{}", "header"),
        (b"\x93NUMPY\x07\x00" + bytes(100), "header"),
        (pickle.dumps(np.zeros(3)), "header"),
        (b"PK\x03\x04" + bytes(50), "header"),
        (b"", "header"),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("where", ["schema", "check", "reference"])
def test_arrays_that_lie_are_refused(where, content, words, members, tmp_path):
    name = {"schema": first_array(members), "check": "check/0.npy"}.get(
        where, "reference/scores.npy"
    )
    members[name] = content
    path = write(tmp_path / "model.m3s", members)
    if where == "reference":
        with pytest.raises(ModelError, match=words):
            load_reference(path)
    else:
        refuse(path, words)


def test_arrays_of_other_shapes_are_refused(members, tmp_path):
    def put(schema):
        coefficients = find(schema, "Ridge")["content"]["content"]["coef_"]
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(3))
        members[coefficients["file"]] = buffer.getvalue()

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "do not fit together: ValueError")


def test_other_numbers_are_refused(members, tmp_path):
    def put(schema):
        coefficients = find(schema, "Ridge")["content"]["content"]["coef_"]
        buffer = io.BytesIO()
        np.save(buffer, np.ones(7))
        members[coefficients["file"]] = buffer.getvalue()

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "predictions differ from those")


# Indices that compiled code would follow


def change_array(members, attribute, change, kind=None):
    schema = json.loads(members["schema.json"])
    node = next(
        node["content"][attribute]
        for node in nodes(schema)
        if node["__loader__"] == "DictNode" and attribute in node["content"]
    )
    array = np.load(io.BytesIO(members[node["file"]]))
    buffer = io.BytesIO()
    np.save(buffer, change(array.copy()))
    members[node["file"]] = buffer.getvalue()
    return members


def with_field(name, place, value):
    def change(array):
        array[name][place] = value
        return array

    return change


@pytest.mark.parametrize("regressor", [DecisionTreeRegressor(max_depth=3, random_state=0),
                                       GradientBoostingRegressor(n_estimators=2, random_state=0)],
                         ids=["tree", "boosting"])  # fmt: skip
@pytest.mark.parametrize(
    "change",
    [
        with_field("left_child", 0, 10**9),
        with_field("left_child", 0, -5),
        with_field("right_child", 0, 0),
        with_field("right_child", 1, 1),
        with_field("feature", 0, 10**6),
        with_field("feature", 0, -3),
        lambda nodes: nodes[:-1],
        lambda nodes: nodes[:0],
        lambda nodes: nodes["threshold"].copy(),
    ],
)
def test_trees_that_lead_elsewhere_are_refused(regressor, change, fitted, tmp_path):
    members = change_array(fitted(regressor, tmp_path), "nodes", change)
    refuse(write(tmp_path / "model.m3s", members), "a tree")


@pytest.mark.parametrize(
    "change",
    [
        with_field("left", 0, 10**9),
        with_field("right", 0, 0),
        with_field("feature_idx", 0, 10**6),
        with_field("is_categorical", 0, 1),
        lambda nodes: nodes[:-1],
        lambda nodes: nodes[:0],
    ],
)
def test_histogram_trees_that_lead_elsewhere_are_refused(change, fitted, tmp_path):
    regressor = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5)
    members = change_array(fitted(regressor, tmp_path), "nodes", change)
    refuse(write(tmp_path / "model.m3s", members), "tree|feature|categories")


@pytest.mark.parametrize(
    ("attribute", "change"),
    [
        ("support_vectors_", lambda vectors: vectors[:, :3].copy()),
        ("support_vectors_", lambda vectors: vectors[:3].copy()),
        ("dual_coef_", lambda weights: weights[:, :3].copy()),
        ("_intercept_", lambda weights: weights[:0].copy()),
        ("_n_support", lambda counts: counts * 1000),
        ("_n_support", lambda counts: -counts),
        ("support_", lambda places: places[:3].copy()),
    ],
)
def test_support_vectors_of_other_shapes_are_refused(attribute, change, fitted, tmp_path):
    members = change_array(fitted(SVR(), tmp_path), attribute, change)
    refuse(write(tmp_path / "model.m3s", members), attribute)


def test_neighbours_of_other_shapes_are_refused(fitted, tmp_path):
    members = fitted(KNeighborsRegressor(algorithm="brute"), tmp_path)
    members = change_array(members, "_fit_X", lambda rows: rows[:, :2].copy())
    refuse(write(tmp_path / "model.m3s", members), "_fit_X")


@pytest.mark.parametrize("place", [-1, 625, 2**40])
def test_random_states_that_read_out_of_bounds_are_refused(place, fitted, tmp_path):
    regressor = DecisionTreeRegressor(random_state=np.random.RandomState(0))
    members = fitted(regressor, tmp_path)

    def put(schema):
        for node in nodes(schema):
            if node["__loader__"] == "DictNode" and "pos" in node["content"]:
                node["content"]["pos"] = JSON_NULL | {"content": str(place)}

    refuse(write(tmp_path / "model.m3s", edit(members, put)), "RandomState")


# The reference set


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reference/index.json", b"{}"),
        ("reference/index.json", b'{"names": "ab", "tiers": {}, "has_thumbnail": []}'),
        ("reference/index.json", b'{"names": [1], "tiers": {}, "has_thumbnail": [true]}'),
        ("reference/index.json", b'{"names": [], "tiers": {}, "has_thumbnail": []}'),
        ("reference/thumbnails/0.webp", b"<script>"),
        ("reference/thumbnails/0.webp", bytes(2**20 + 1)),
    ],
)
def test_other_reference_sets_are_refused(name, content, members, tmp_path):
    members[name] = content
    with pytest.raises(ModelError, match=r"model\.m3s"):
        load_reference(write(tmp_path / "model.m3s", members))


def test_reference_sets_with_other_lengths_are_refused(members, tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    members["reference/scores.npy"] = buffer.getvalue()
    with pytest.raises(ModelError, match=r"\(3,\) for 2 names"):
        load_reference(write(tmp_path / "model.m3s", members))
