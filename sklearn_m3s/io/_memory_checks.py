"""Checks of fitted estimators whose compiled code trusts indices and shapes.

A wrong number would make that code read or write out of bounds. Other estimators check their arrays
themselves, or leave that to NumPy.
"""

from typing import Any

import numpy as np

from sklearn_m3s.exceptions import ModelError

_TREE = {
    "n_features", "n_classes", "n_outputs", "max_depth", "node_count", "nodes", "values",
}  # fmt: skip
_LEAF = -1


def check_tree(state: dict[str, Any]) -> None:
    """Check the data of a decision tree: every node but the root has one parent before it."""
    _require(set(state) == _TREE, "a tree", f"the keys {sorted(state)}")
    nodes, values, classes = state["nodes"], state["values"], state["n_classes"]
    sizes = [state[name] for name in ("n_features", "n_outputs", "node_count", "max_depth")]
    _require(all(type(size) is int and 0 <= size < 2**31 for size in sizes), "a tree", f"{sizes=}")
    n_features, n_outputs, n_nodes, depth = sizes
    _require(
        isinstance(classes, np.ndarray)
        and classes.dtype == np.intp
        and classes.shape == (n_outputs,)
        and n_outputs >= 1
        and (classes >= 1).all(),
        "a tree",
        f"n_classes={classes!r:.80} for {n_outputs} outputs",
    )
    _require(
        isinstance(nodes, np.ndarray)
        and nodes.shape == (n_nodes,)
        and n_nodes >= 1
        and {"left_child", "right_child", "feature"} <= set(nodes.dtype.names or ()),
        "a tree",
        f"nodes of shape {np.shape(nodes)} for {n_nodes} nodes",
    )
    _require(
        isinstance(values, np.ndarray)
        and values.shape == (n_nodes, n_outputs, int(classes.max()))
        and values.dtype == np.float64,
        "a tree",
        f"values of shape {np.shape(values)}",
    )
    left, right = nodes["left_child"].astype(np.int64), nodes["right_child"].astype(np.int64)
    inner = np.flatnonzero(left != _LEAF)
    _require((right[left == _LEAF] == _LEAF).all(), "a tree", "a leaf with a child")
    _check_children(inner, left[inner], right[inner], n_nodes)
    features = nodes["feature"][inner]
    _require(((features >= 0) & (features < n_features)).all(), "a tree", "an unknown feature")
    # Parents come before their children, so one pass finds all depths.
    depths = np.zeros(n_nodes, dtype=np.int64)
    for parent in inner:
        depths[[left[parent], right[parent]]] = depths[parent] + 1
    _require(depths.max() <= depth <= n_nodes, "a tree", f"max_depth={depth}")


def check_estimator(part: Any) -> None:
    """Check a fitted estimator. The parts inside it have been checked before."""
    name = type(part).__name__
    fitted = vars(part)
    if "tree_" in fitted:
        tree = part.tree_
        sizes = tree.n_features, tree.n_outputs
        _require(sizes == (part.n_features_in_, part.n_outputs_), name, f"a tree of sizes {sizes}")
    elif "estimators_" in fitted and name.endswith(
        ("ForestRegressor", "ForestClassifier", "TreesRegressor", "GradientBoostingRegressor")
    ):
        boosted = name == "GradientBoostingRegressor"
        n_outputs = 1 if boosted else part.n_outputs_
        for tree in np.ravel(np.asarray(part.estimators_, dtype=object)):
            _require("tree_" in vars(tree), name, f"an unfitted {type(tree).__name__}")
            sizes = tree.n_features_in_, tree.n_outputs_
            _require(sizes == (part.n_features_in_, n_outputs), name, f"a tree of sizes {sizes}")
        if boosted:
            shape = np.shape(part.estimators_)
            columns = part.n_trees_per_iteration_
            _require((*shape[1:], columns) == (1, 1), name, f"estimators_ of shape {shape}")
    elif "_predictors" in fitted:
        _check_histogram_trees(part, name)
    elif "support_vectors_" in fitted:
        _check_support_vectors(part, name)
    elif "cluster_centers_" in fitted:
        shape = part.cluster_centers_.shape
        fits = len(shape) == 2 and shape[0] >= 1 and shape[1] == part.n_features_in_
        _require(fits, name, f"cluster_centers_ of shape {shape}")
    elif "_fit_X" in fitted:
        shape, length = part._fit_X.shape, len(part._y)
        fits = shape == (length, part.n_features_in_) and part.n_samples_fit_ == length
        _require(fits, name, f"_fit_X of shape {shape} for {length} scores")


def _check_children(parents: Any, left: Any, right: Any, n_nodes: int) -> None:
    # Each node but the root is a child once, and comes after its parent. So there are no cycles.
    children = np.sort(np.concatenate([left, right]))
    is_tree = np.array_equal(children, np.arange(1, n_nodes))
    after = (left > parents).all() and (right > parents).all()
    _require(is_tree and after, "a tree", "nodes that do not form a tree")


def _check_histogram_trees(part: Any, name: str) -> None:
    _require(part.n_trees_per_iteration_ == 1, name, "more than one tree per iteration")
    _require(part._n_features == part.n_features_in_, name, f"_n_features={part._n_features}")
    mapper = part._bin_mapper
    widths = {len(mapper.bin_thresholds_), len(mapper.is_categorical_)}
    _require(widths == {part.n_features_in_}, name, f"bins of {sorted(widths)} columns")
    _require(not np.any(mapper.is_categorical_), name, "categories, which are not covered")
    for trees in part._predictors:
        _require(len(trees) == 1, name, f"{len(trees)} trees in an iteration")
        nodes = trees[0].nodes
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
        _require(len(nodes) >= 1, name, "a tree without nodes")
        _check_children(inner, left[inner], right[inner], len(nodes))
        features = nodes["feature_idx"][inner]
        known = (features >= 0) & (features < part.n_features_in_)
        _require(known.all(), name, "an unknown feature")
        _require(not nodes["is_categorical"].any(), name, "categories, which are not covered")


def _check_support_vectors(part: Any, name: str) -> None:
    _require(part._sparse is False, name, "sparse vectors, which are not covered")
    _require(part.kernel != "precomputed", name, "a precomputed kernel, which is not covered")
    counts, n_vectors = part._n_support, len(part.support_vectors_)
    k = len(counts)
    # libsvm keeps a regression as two classes, and counts all vectors in the first.
    regresses = name.endswith("SVR")
    pairs = k * (k - 1) // 2
    total = counts[0] if regresses else counts.sum()
    shapes = {
        "support_": ((n_vectors,), np.int32),
        "support_vectors_": ((n_vectors, part.n_features_in_), np.float64),
        "_n_support": ((k,), np.int32),
        "_dual_coef_": ((k - 1, n_vectors), np.float64),
        "_intercept_": ((pairs,), np.float64),
    }
    _require(k >= 2 and (k == 2 or not regresses), name, f"{k} classes")
    _require((counts >= 0).all() and total == n_vectors, name, f"_n_support={counts}")
    for attribute, (shape, dtype) in shapes.items():
        array = getattr(part, attribute)
        fits = array.shape == shape and array.dtype == dtype
        _require(fits, name, f"{attribute} of shape {array.shape} and type {array.dtype}")
    for attribute in ("_probA", "_probB"):
        shape = getattr(part, attribute).shape
        _require(shape in ((0,), (pairs,)), name, f"{attribute} of shape {shape}")


def _require(fits: Any, name: str, fault: str) -> None:
    if not fits:
        raise ModelError(f"{name} in its model has {fault}: get an undamaged file")
