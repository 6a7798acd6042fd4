"""Checks of a skops schema, before skops builds anything from it.

skops itself checks only the names of classes. This check is stricter. It allows few kinds of nodes,
one layout of each, and known attributes of known classes. So a file cannot reach other functions or
methods, cannot call constructors with arguments, and cannot refer to an incomplete part.
"""

import json
import re
from typing import Any

from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.io._known_types import CONTAINERS, is_known_class, known_attributes

Path = tuple[str, ...]
PROTOCOL = 2  # of skops 0.14 and later
_DEEPEST = 60  # levels; skops recurses several times per level
_ARRAY = re.compile(r"\d+\.npy")
_ABOUT = {"__class__", "__module__", "__loader__", "__id__"}
# Further keys of each kind of node.
_LAYOUTS = {
    "JsonNode": {"content", "is_json"},
    "DictNode": {"content", "key_types"},
    "ListNode": {"content"},
    "TupleNode": {"content"},
    "SliceNode": {"content"},
    "DTypeNode": {"content"},
    "NdArrayNode": {"type", "content", "shape", "file"},
    "TypeNode": set(),
    "FunctionNode": set(),
    "ObjectNode": {"content"},
    "CachedNode": set(),
}


class SchemaCheck:
    """Check of one skops schema.

    Attributes
    ----------
    arrays : set of str
        The array files that the schema refers to.
    """

    def __init__(self) -> None:
        self.arrays: set[str] = set()
        self._complete: set[int] = set()
        self._begun: set[int] = set()

    def check(self, schema: Any) -> None:
        """Raise a ModelError unless the schema has only known parts in known places."""
        _require(isinstance(schema, dict), "is not an object", "its root")
        schema = dict(schema)
        schema.pop("_skops_version", None)
        protocol = schema.pop("protocol", None)
        if protocol != PROTOCOL or type(protocol) is not int:
            raise ModelError(
                f"its schema has the protocol {protocol!r:.80} of skops, but this version of "
                f"sklearn_m3s reads {PROTOCOL}: use the version that saved the file"
            )
        self._node(schema, ())

    def _node(self, node: Any, path: Path) -> None:
        place = ".".join(path)[-200:] or "its root"
        _require(len(path) < _DEEPEST, f"is deeper than {_DEEPEST} parts", place)
        _require(isinstance(node, dict), "is not a node", place)
        loader = node.get("__loader__")
        if not isinstance(loader, str) or loader not in _LAYOUTS:
            raise ModelError(f"{place} is a {loader!r:.80} of skops, which no model file has")
        unknown = sorted(set(node) - _ABOUT - _LAYOUTS[loader])
        _require(not unknown, f"has the unknown keys {unknown!r:.200}", place)
        number = node.get("__id__")
        # A reference must name a complete part. A part that is still open would contain itself.
        if loader == "CachedNode":
            known = type(number) is int and number in self._complete
            _require(known, "refers to a part that does not come before it", place)
            return
        if number is not None:
            _require(type(number) is int and number > 0, f"has the id {number!r:.80}", place)
            _require(number not in self._begun, f"has the id {number} of another part", place)
            self._begun.add(number)
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        known = (
            is_known_class(name) if loader == "ObjectNode" else name in CONTAINERS.get(loader, ())
        )
        if loader != "JsonNode" and not known:
            raise ModelError(f"{place} is a {name:.200}, which no model file has")
        check = getattr(self, "_check_" + loader.removesuffix("Node").lower())
        check(node, name, path, place)
        if number is not None:
            self._complete.add(number)

    def _check_type(self, node: Any, name: str, path: Path, place: str) -> None:
        """Check nothing: types and functions have no content."""

    _check_function = _check_type

    def _check_json(self, node: Any, name: str, path: Path, place: str) -> None:
        content = node.get("content")
        _require(isinstance(content, str), "has no content", place)
        # Containers have nodes of their own, and could be nested without end here.
        _require(not content.lstrip().startswith(("[", "{")), "is not a plain value", place)
        value = parse_json(content, place)
        _require(isinstance(value, str | int | float | None), "is not a plain value", place)

    def _check_dict(self, node: Any, name: str, path: Path, place: str) -> None:
        content = node.get("content")
        _require(isinstance(content, dict), "is not an object", place)
        types = node.get("key_types")
        self._node(types, (*path, "key_types"))
        kinds = types.get("content") if types["__loader__"] == "ListNode" else None
        fits = (
            isinstance(kinds, list)
            and len(kinds) == len(content)
            and all(kind["__loader__"] == "TypeNode" for kind in kinds)
        )
        _require(fits, "has keys of unknown types", place)
        for key, value in content.items():
            self._node(value, (*path, key))

    def _check_list(self, node: Any, name: str, path: Path, place: str) -> None:
        content = node.get("content")
        _require(isinstance(content, list), "is not a list", place)
        for i, value in enumerate(content):
            self._node(value, (*path, str(i)))

    _check_tuple = _check_list

    def _check_slice(self, node: Any, name: str, path: Path, place: str) -> None:
        content = node.get("content")
        fits = isinstance(content, dict) and set(content) == {"start", "stop", "step"}
        fits = fits and all(isinstance(value, str | int | None) for value in content.values())
        _require(fits, "is not a slice", place)

    def _check_dtype(self, node: Any, name: str, path: Path, place: str) -> None:
        array = node.get("content")
        self._node(array, path)
        is_array = array["__loader__"] == "NdArrayNode" and array["type"] == "numpy"
        _require(is_array, "is not the type of an array", place)

    def _check_ndarray(self, node: Any, name: str, path: Path, place: str) -> None:
        if node.get("type") == "numpy":
            file = node.get("file")
            is_name = isinstance(file, str) and _ARRAY.fullmatch(file)
            _require(is_name, f"refers to the file {file!r:.200}", place)
            self.arrays.add(file)
            return
        fits = node.get("type") == "json" and name == "numpy.ndarray"
        _require(fits, f"is an array of the unknown type {node.get('type')!r:.80}", place)
        self._node(node.get("shape"), (*path, "shape"))
        self._check_list(node, name, path, place)

    def _check_object(self, node: Any, name: str, path: Path, place: str) -> None:
        state = node.get("content")
        self._node(state, path)
        if state["__loader__"] == "JsonNode" and state["content"] == "null":
            return
        _require(state["__loader__"] == "DictNode", f"is a {name} without attributes", place)
        for key in state["content"]:
            _require(key in known_attributes(name), f"is a {name} with the key {key!r:.80}", place)


def parse_json(text: str | bytes, name: str) -> Any:
    """Parse a JSON text. Raise a ModelError with its name if it is invalid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name} is not valid JSON: {error!s:.200}") from error


def without_repeats(node: Any, known: set[int] | None) -> Any:
    """Return a schema that writes each part once, and later refers to it by its id.

    skops writes a part every time it occurs. `known` contains the ids so far. If it is None, ids
    are left out, because skops reads the types of keys and shapes in another order than it writes
    them.
    """
    if isinstance(node, list):
        return [without_repeats(part, known) for part in node]
    if not isinstance(node, dict):
        return node
    if "__loader__" not in node:
        return {key: without_repeats(part, known) for key, part in node.items()}
    if known is not None and node["__id__"] in known:
        about = {"__class__": None, "__module__": None, "__loader__": "CachedNode"}
        return about | {"__id__": node["__id__"]}
    changed = {
        key: without_repeats(part, None if key in ("key_types", "shape") else known)
        for key, part in node.items()
        if known is not None or key != "__id__"
    }
    if known is not None:
        known.add(node["__id__"])
    return changed


def _require(fits: Any, fault: str, place: str) -> None:
    if not fits:
        raise ModelError(f"{place} {fault}")
