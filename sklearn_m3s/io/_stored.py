"""Parts of a model that are saved as plain data, or left out."""

import os
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

from sklearn_m3s.exceptions import ModelError
from sklearn_m3s.io._known_types import FUNCTIONS, full_name, is_known_class
from sklearn_m3s.io._memory_checks import check_estimator, check_tree

Path = tuple[Any, ...]
# Attributes of scikit-learn that are not saved: `fit` sets them again, or `_finish` does.
_LEFT_OUT = {
    "_feature_subsample_rng", "_loss", "_n_threads", "_optimizer", "_random_state", "_rng",
    "_scorer", "_tree",
}  # fmt: skip
# Folders on the computer where the model was fitted.
_CLEARED = {"cache", "memory"}
_PLAIN = (bool, int, float, str, type(None), np.generic, np.ndarray, np.dtype, slice, type)
_METHODS = ("fit", "partial_fit", "predict", "score", "transform", "inverse_transform")
_MOST_JOBS = 1024


@dataclass
class Stored:
    """A part of a model as plain data.

    Parameters
    ----------
    kind : {"module", "random_state", "requests", "tree"}
        A module or function of the user, saved by name only; a random number generator; the
        metadata that an estimator requests; or a decision tree.
    state : object
        Data of the part.
    """

    kind: str
    state: Any


class Packing:
    """Make a copy of a model that contains only plain data and known classes.

    Parameters
    ----------
    names : dict of int to str
        Names of the modules of the user, by their id. Other modules are named after the parameter
        that holds them.

    Attributes
    ----------
    modules : dict of str to object
        The modules and functions that the user must pass to `load_model`, by name.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self.modules: dict[str, Any] = {}
        self._names = names

    def pack(self, model: Any) -> Any:
        """Return the copy. Arrays are shared with the model."""
        return _rebuilt(model, self._change, self._trim)

    def _change(self, value: Any, path: Path) -> Any:
        if isinstance(value, Tree):
            _, (n_features, n_classes, n_outputs), state = value.__reduce__()
            sizes = {"n_features": n_features, "n_classes": n_classes, "n_outputs": n_outputs}
            return Stored("tree", sizes | state)
        if isinstance(value, np.random.RandomState):
            return Stored("random_state", value.get_state(legacy=False))
        kind = type(value)
        if kind.__module__.partition(".")[0] == "pandas" and hasattr(value, "tolist"):
            return np.array(value.tolist(), dtype=object)  # an index of column names
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, (*_PLAIN, *_CONTAINERS)) or is_known_class(full_name(kind)):
            return value
        if path[-1:] == ("_metadata_request",):
            requests = {name: dict(getattr(value, name).requests) for name in _METHODS}
            return Stored("requests", {name: found for name, found in requests.items() if found})
        if full_name_of_function(value) in FUNCTIONS or (path[-1:] and path[-1] in _LEFT_OUT):
            return value
        if callable(value) and not isinstance(value, BaseEstimator):
            return Stored("module", self._name(value, path))
        raise ModelError(
            f"{'.'.join(map(str, path)) or 'the model'} is a {full_name(kind)}, which a model file "
            "cannot contain: use one of sklearn_m3s.io.trusted_types(), or save the model for "
            "your own use with joblib.dump"
        )

    def _name(self, value: Any, path: Path) -> str:
        known = next((name for name, other in self.modules.items() if other is value), None)
        if known is not None:
            return known
        name = base = self._names.get(id(value), str(path[-1]))
        while name in self.modules:
            name = f"{base}{len(self.modules)}"
        self.modules[name] = value
        return name

    @staticmethod
    def _trim(part: Any) -> None:
        for name in _LEFT_OUT & vars(part).keys():
            del vars(part)[name]
        for name in _CLEARED & vars(part).keys():
            vars(part)[name] = None
        if "network_" in vars(part):  # only partial_fit needs the moments, two thirds of the bytes
            part.network_ = {**part.network_, "moments": {}}


class Unpacking:
    """Rebuild a model from the copy made by `Packing`.

    Parameters
    ----------
    modules : dict of str to object
        The modules and functions that the user passes, by name.
    """

    def __init__(self, modules: Mapping[str, Any]) -> None:
        self._modules = modules

    def unpack(self, packed: Any) -> Any:
        """Return the model, and check the parts that could access memory out of bounds."""
        return _rebuilt(packed, self._change, self._finish)

    def _change(self, value: Any, path: Path) -> Any:
        if not isinstance(value, Stored):
            return value
        if value.kind == "tree":
            return _build_tree(value.state)
        if value.kind == "random_state":
            return _build_random_state(value.state)
        if value.kind == "module":
            return self._modules[value.state]
        if value.kind == "requests":
            return value  # `_finish` gives it to its estimator
        raise ModelError(f"its schema has a part of the unknown kind {value.kind!r:.80}")

    @staticmethod
    def _finish(part: Any) -> None:
        attributes = vars(part)
        for name in _CLEARED & attributes.keys():
            if attributes[name] is not None:
                raise ModelError(f"{name} of a {type(part).__name__} is set, but must be None")
        n_jobs = attributes.get("n_jobs")
        if n_jobs is not None and not (type(n_jobs) is int and abs(n_jobs) <= _MOST_JOBS):
            raise ModelError(
                f"n_jobs of a {type(part).__name__} is {n_jobs!r:.80}, but must be None or an "
                f"integer from -{_MOST_JOBS} to {_MOST_JOBS}"
            )
        requests = attributes.pop("_metadata_request", None)
        if requests is not None:
            _set_requests(part, requests)
        check_estimator(part)
        # Set again what `_LEFT_OUT` removed and `predict` needs.
        kind = full_name(type(part)).rpartition(".")[2]
        if "GradientBoosting" in kind and "n_features_in_" in attributes:
            part._loss = part._get_loss(sample_weight=None)
        if kind == "KMeans":
            part._n_threads = _openmp_effective_n_threads()
        method = attributes.get("_fit_method")
        if method is not None:
            index = {"kd_tree": KDTree, "ball_tree": BallTree}.get(method)
            params = attributes.get("effective_metric_params_", {})
            part._tree = index and index(
                part._fit_X, part.leaf_size, metric=part.effective_metric_, **params
            )


_CONTAINERS = (dict, list, tuple)


def full_name_of_function(value: Any) -> str:
    """Return the module and the name of a function. Other objects give an unknown name."""
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__name__', '')}"


def _rebuilt(
    value: Any,
    change: Callable[[Any, Path], Any],
    finish: Callable[[Any], None],
    path: Path = (),
    memo: dict[int, tuple[Any, Any]] | None = None,
) -> Any:
    """Return a copy of a model with all parts changed, the inner parts first.

    An object that the model refers to twice is also one object in the copy.
    """
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][1]

    def inner(part: Any, key: Any) -> Any:
        return _rebuilt(part, change, finish, (*path, key), memo)

    changed: Any = change(value, path)
    if changed is value:
        if isinstance(value, dict):
            changed = copy(value)
            changed.update({key: inner(part, key) for key, part in value.items()})
        elif type(value) in (list, tuple):
            # In messages, the name of a pipeline step stands for its index.
            is_step = isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], str)
            keys = [value[0]] * len(value) if is_step else range(len(value))
            changed = type(value)(map(inner, value, keys))
        elif isinstance(value, np.ndarray) and value.dtype == object:
            changed = value.copy()
            for i, part in np.ndenumerate(value):
                changed[i] = inner(part, i)
        elif is_known_class(full_name(type(value))):
            changed = copy(value)
            for name, part in list(vars(changed).items()):
                vars(changed)[name] = inner(part, name)
            finish(changed)
    memo[id(value)] = value, changed  # keeps the value alive: its id must not be reused
    return changed


def _build_tree(state: dict[str, Any]) -> Tree:
    check_tree(state)
    tree = Tree(*(state.pop(name) for name in ("n_features", "n_classes", "n_outputs")))
    tree.__setstate__(state)
    return tree


def _build_random_state(state: dict[str, Any]) -> np.random.RandomState:
    key, place = state["state"]["key"], state["state"]["pos"]
    # NumPy does not check the position: a wrong one would read memory beyond the key.
    if key.shape != (624,) or not (type(place) is int and 0 <= place <= 624):
        raise ModelError(
            f"a RandomState has a key of shape {key.shape} and the position {place!r:.80}, but "
            "must have (624,) and 0 to 624"
        )
    generator = np.random.RandomState()
    generator.set_state(state)
    return generator


def _set_requests(estimator: Any, requests: Any) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        for method, wanted in requests.state.items():
            if method not in _METHODS:
                raise ModelError(f"metadata is requested by the unknown method {method!r:.80}")
            getattr(estimator, f"set_{method}_request")(**wanted)
