"""Assemble the M3-S model as a plain scikit-learn pipeline, and take it apart again."""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sklearn_m3s._block_scaler import BlockScaler
from sklearn_m3s._block_union import BlockUnion
from sklearn_m3s._finite_rows import FiniteRows
from sklearn_m3s._innermost import innermost
from sklearn_m3s.regression import MLPRegressor
from sklearn_m3s.similarity import DBSCANSimilarity
from sklearn_m3s.tiers import EventUnderstanding, RawPerception, SceneParsing, TierUnion

__all__ = [
    "BlockScaler",
    "FiniteRows",
    "ModelParts",
    "make_m3s",
    "make_m3s_from_features",
    "take_apart",
]

_TIERS = {"raw": RawPerception, "scene": SceneParsing, "event": EventUnderstanding}
_WITH_CONTEXT = ("scene", "event")


class _Recipe(NamedTuple):
    """The scaler of each block of columns, and the regressor."""

    scaler: Callable[[], BaseEstimator]
    regressor: Callable[[], BaseEstimator]


def _ensemble() -> MLPRegressor:
    return MLPRegressor(
        n_networks=8,
        dropout=0.5,
        input_dropout=0.2,
        learning_rate=5e-4,
        lr_gamma=1.0,
        weight_decay=0.0,
        batch_size="auto",
        max_epochs=100,
        early_stopping=True,
        n_iter_no_change=20,
    )


def _stack() -> FiniteRows:
    members = [
        ("mlp", _ensemble()),
        ("ridge", RidgeCV(np.logspace(-1, 6, 15))),
        ("svr", SVR(C=0.1, epsilon=0.05)),
    ]
    final = LinearRegression(positive=True)
    return FiniteRows(StackingRegressor(members, final_estimator=final, cv=3))


_RECIPES = {
    "default": _Recipe(BlockScaler, _ensemble),
    "paper": _Recipe(StandardScaler, MLPRegressor),
    "stack": _Recipe(BlockScaler, _stack),
}


def make_m3s(
    raw: BaseEstimator | str | None = "default",
    *,
    scene: BaseEstimator | str | None = "default",
    event: BaseEstimator | str | None = "default",
    similarity: BaseEstimator | dict[str, BaseEstimator | None] | str | None = "default",
    regressor: BaseEstimator | str | None = "default",
    recipe: str = "default",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    on_error: str = "raise",
    decoder: str = "pyav",
    timeout: float | None = 600,
    device: str = "auto",
    memory: str | joblib.Memory | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Assemble the M3-S model, m = h(g(r, c) + r), as a pipeline of two steps.

    The first step, ``tiers``, is a `TierUnion`: a `FeatureUnion` that decodes each file once. Its
    branches are ``raw`` (``describe`` → ``scale``), ``scene`` and ``event`` (both ``describe`` →
    ``context``). ``context`` is a `FeatureUnion` of ``features`` (a scaler) and ``similarity``. The
    second step, ``regressor``, predicts the memorability score.

    Parameters
    ----------
    raw, scene, event : transformer, None or "default", default="default"
        Transformers from videos to a matrix. The defaults are `RawPerception`, `SceneParsing` and
        `EventUnderstanding`. None leaves the branch out.
    similarity : transformer, dict, None or "default", default="default"
        Transformer from the features of a deep tier (scene or event) to their similarity with the
        training videos, the context c. The default is `DBSCANSimilarity`. One transformer serves
        both deep tiers. A dict has the keys ``"scene"`` and ``"event"``. A tier without a key has
        no similarity, and None leaves out the similarity of both.
    regressor : regressor, None or "default", default="default"
        Regressor from the features to the score. The default is that of the recipe. None leaves it
        out, and the pipeline returns features.
    recipe : {"default", "paper", "stack"}, default="default"
        Scaler of the columns, and default regressor.

        - ``"default"``: `BlockScaler`, and an `MLPRegressor` of 8 networks with dropout and early
          stopping.
        - ``"paper"``: `StandardScaler`, and the `MLPRegressor` of the paper.
        - ``"stack"``: `BlockScaler`, and a `StackingRegressor` of the `MLPRegressor` of
          ``"default"``, ridge regression and a support vector machine. It is wrapped in
          `FiniteRows`, which fits one stack per score. It often ranks better, and takes about three
          times as long to fit.
    cache : str or os.PathLike, default=None
        Folder that stores the description of each video. With it, no video is decoded twice for
        several folds, candidates or runs.
    n_jobs : int, default=None
        Number of workers that read videos.
    on_error : {"raise", "nan"}, default="raise"
        Handling of bad videos, which any tier cannot describe. ``"raise"`` raises one error for
        them, after all others are described. With ``"nan"``, the tiers warn of them, ``fit`` leaves
        them out, and ``predict`` returns NaN for them. Regressors other than `MLPRegressor` are
        then wrapped in `FiniteRows`, and given tiers are also set to ``"nan"``. A given similarity
        must accept NaN, as those of this package do.
    decoder : {"pyav", "decord"}, default="pyav"
        Library that reads video files.
    timeout : float or None, default=600
        Seconds of work per video, after which it counts as bad. None sets no limit.
    device : str, default="auto"
        Device of the networks: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``. ``"auto"`` selects
        CUDA if available, then MPS, then the CPU.
    memory : str or object with the joblib.Memory interface, default=None
        Parameter `memory` of the outer `Pipeline`.
    random_state : int, RandomState instance or None, default=None
        Seed of every part that takes one.
    verbose : bool, default=False
        Whether the tiers show progress bars and the regressor prints its losses.

    Returns
    -------
    Pipeline
        An unfitted pipeline, with clones of the given parts.

    Raises
    ------
    ValueError
        If no tier is left, `similarity` is a dict with other keys, or `recipe` is unknown.

    See Also
    --------
    make_m3s_from_features : The same model on features that already exist.
    sklearn_m3s.pipeline.take_apart : The parts of such a model.

    Notes
    -----
    `cache`, `n_jobs`, `on_error`, `decoder`, `timeout`, `device`, `random_state` and `verbose` are
    passed to the parts that `make_m3s` makes itself. In given parts, they only replace parameters
    that are None: ``KMeans(random_state=None)`` gets the seed, but ``SceneParsing(device="auto")``
    keeps its device. ``on_error="nan"`` is passed to all tiers, because a single tier that raises
    would lose all predictions. A keyword with its default value does not change given parts.

    With scikit-learn's metadata routing, ``fit(X, y, sample_weight=weights)`` weights the videos in
    the regressor, and cross-validation with the default scorer also weights them in ``score``.
    Scalers and similarities do not use weights. Requests that a given part has set are kept.
    Without metadata routing, use ``fit(X, y, regressor__sample_weight=weights)``.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability: Tiered Representations for Video Memorability
    Prediction, CVPR 2023, sections 4 and 5.

    Examples
    --------
    >>> from sklearn_m3s import make_m3s
    >>> model = make_m3s(random_state=0)
    >>> [name for name, _ in model.named_steps["tiers"].transformer_list]
    ['raw', 'scene', 'event']
    >>> model.set_params(tiers__scene__context__similarity__eps=1.25)["regressor"].n_networks
    8
    >>> make_m3s(recipe="paper", random_state=0)["regressor"]
    MLPRegressor(random_state=0)

    The model without its deep tiers learns within seconds:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> videos = [rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8) for _ in range(6)]
    >>> small = make_m3s(scene=None, event=None, random_state=0)
    >>> small = small.set_params(tiers__raw__describe__descriptors=["contrast", "brightness"])
    >>> small.fit(videos, rng.uniform(size=6)).predict(videos[:2]).shape
    (2,)
    """
    given = {"raw": raw, "scene": scene, "event": event}
    shared = _shared(
        cache=cache,
        n_jobs=n_jobs,
        on_error=on_error,
        decoder=decoder,
        timeout=timeout,
        device=device,
        random_state=random_state,
        verbose=verbose,
    )
    tiers = {name: _part(part, _TIERS[name], shared) for name, part in given.items()}
    tiers = {name: tier for name, tier in tiers.items() if tier is not None}
    if not tiers:
        raise ValueError("raw, scene and event are all None: keep at least one of them")
    return _assemble(tiers, _WITH_CONTEXT, similarity, regressor, recipe, shared, memory)


def make_m3s_from_features(
    blocks: Mapping[str, Any],
    *,
    similarity: BaseEstimator | Mapping[str, BaseEstimator | None] | str | None = None,
    regressor: BaseEstimator | str | None = "default",
    recipe: str = "default",
    memory: str | joblib.Memory | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Assemble the M3-S model for features that are already extracted.

    Scaling, context and regressor are those of `make_m3s`. Instead of videos, ``fit`` and
    ``predict`` take a matrix or a DataFrame. Each block of its columns is a tier. The studies of
    ``sklearn_m3s.inspection`` accept such a model with such features.

    Parameters
    ----------
    blocks : dict of str to slice, list of int, list of str or mask
        Columns of each tier, by the name of the tier, in a form for `ColumnTransformer`.
    similarity : transformer, dict, None or "default", default=None
        Transformer from the features of a block to their similarity with the training videos. One
        transformer serves all blocks. A dict has one transformer for each block that it names.
        ``"default"`` is `DBSCANSimilarity`. None uses no similarity.
    regressor : regressor, None or "default", default="default"
        Regressor from the features to the score. The default is that of the recipe. None leaves it
        out.
    recipe : {"default", "paper", "stack"}, default="default"
        Scaler of the columns, and default regressor, as for `make_m3s`.
    memory : str or object with the joblib.Memory interface, default=None
        Parameter `memory` of the outer `Pipeline`.
    random_state : int, RandomState instance or None, default=None
        Seed of every part that takes one.
    verbose : bool, default=False
        Whether the regressor prints its losses.

    Returns
    -------
    Pipeline
        An unfitted pipeline of the steps ``tiers`` and ``regressor``.

    Raises
    ------
    ValueError
        If `blocks` is empty, `similarity` names an unknown block, or `recipe` is unknown. ``fit``
        raises it if a block has no columns, or if two blocks share a column.

    Warns
    -----
    M3SWarning
        When ``fit`` gets columns that are in no block.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import make_m3s_from_features
    >>> X = np.random.default_rng(0).normal(size=(60, 30))
    >>> y = 1 / (1 + np.exp(-X[:, 0]))
    >>> blocks = {"scene": slice(0, 20), "event": slice(20, 30)}
    >>> model = make_m3s_from_features(blocks, random_state=0).fit(X, y)
    >>> model.predict(X[:4]).shape
    (4,)
    """
    if not blocks:
        raise ValueError("blocks is empty: name at least one block of columns")
    tiers = {
        name: ColumnTransformer(
            [("columns", "passthrough", columns)], verbose_feature_names_out=False
        )
        for name, columns in blocks.items()
    }
    shared = _shared(random_state=random_state, verbose=verbose)
    return _assemble(
        tiers, tuple(blocks), similarity, regressor, recipe, shared, memory, union=BlockUnion
    )


def _shared(**given: Any) -> dict[str, Any]:
    """Return the keywords to pass to the parts: those that differ from their default."""
    state = given["random_state"]
    if isinstance(state, np.random.RandomState):  # each part has its own generator
        given["random_state"] = state.randint(np.iinfo(np.int32).max)
    known = inspect.signature(make_m3s).parameters
    return {name: value for name, value in given.items() if value != known[name].default}


def _assemble(
    tiers: dict[str, BaseEstimator],
    with_context: Iterable[str],
    similarity: Any,
    regressor: Any,
    recipe: str,
    shared: dict[str, Any],
    memory: Any,
    union: type[FeatureUnion] = TierUnion,
) -> Pipeline:
    """Put tiers, scalers, contexts and a regressor together."""
    if recipe not in _RECIPES:
        raise ValueError(f"recipe is {recipe!r}: use one of {list(_RECIPES)}")
    with_context = list(with_context)
    if isinstance(similarity, Mapping) and (unknown := sorted(set(similarity) - set(with_context))):
        raise ValueError(f"similarity has the keys {unknown}: use {with_context}")
    scaler = _RECIPES[recipe].scaler
    branches = []
    for name, tier in tiers.items():
        if name not in with_context:
            branches.append((name, Pipeline([("describe", tier), ("scale", scaler())])))
            continue
        given = similarity.get(name) if isinstance(similarity, Mapping) else similarity
        measure = _part(given, DBSCANSimilarity, shared)
        context = [("features", scaler())]
        if measure is not None:
            context.append(("similarity", measure))
        branches.append((name, Pipeline([("describe", tier), ("context", FeatureUnion(context))])))
    steps = [("tiers", union(branches))]
    head = _part(regressor, _RECIPES[recipe].regressor, shared)
    if shared.get("on_error") == "nan" and not isinstance(head, MLPRegressor | FiniteRows | None):
        head = FiniteRows(head)
    if head is not None:
        steps.append(("regressor", head))
    model = Pipeline(steps, memory=memory)
    _request_weights(model)
    return model


def _request_weights(model: Pipeline) -> None:
    """Route `sample_weight` to regressors, and not to other parts.

    scikit-learn refuses weights unless every part that could take them has a request.
    """
    with config_context(enable_metadata_routing=True):  # otherwise requests cannot be set
        parts = [part for part in model.get_params().values() if isinstance(part, BaseEstimator)]
        for part in parts:
            _request(part, "fit", is_regressor(part))
        regressors = [part for part in (model, *parts) if is_regressor(part)]
        if any(_requests(part, "fit").get("sample_weight") for part in regressors):
            for part in regressors:
                _request(part, "score", True)


def _request(part: BaseEstimator, method: str, is_wanted: bool) -> None:
    """Set a method's request of `sample_weight`, if it has that parameter and no request yet."""
    if _requests(part, method).get("sample_weight", False) is not None:
        return
    getattr(part, f"set_{method}_request")(sample_weight=is_wanted)
    # scikit-learn 1.9 notes the part itself as the owner. Clones would keep it, however
    # large it has become, and skops does not save such cycles.
    owner = type(part).__name__
    for request in (part._metadata_request, *vars(part._metadata_request).values()):
        if hasattr(request, "owner"):
            request.owner = owner


def _requests(part: BaseEstimator, method: str) -> dict[str, Any]:
    return getattr(part._get_metadata_request(), method).requests


def _part(
    given: Any, default: Callable[[], BaseEstimator], shared: dict[str, Any]
) -> BaseEstimator | None:
    """Return a clone of a part, or a new part, and fill in the shared keywords."""
    if given is None:
        return None
    is_new = isinstance(given, str) and given == "default"
    part = default() if is_new else clone(given)
    fill = {}
    for name, value in part.get_params(deep=is_new).items():  # with the members of a new part
        keyword = name.rpartition("__")[2]
        if keyword in shared and (is_new or value is None or keyword == "on_error"):
            fill[name] = shared[keyword]
    return part.set_params(**fill)


class ModelParts(NamedTuple):
    """The parts of a model, as `take_apart` returns them.

    Parameters
    ----------
    tiers : dict of str to transformer
        Transformers from videos to features, by the name of the branch. Branches that are left out
        or set to ``"drop"`` are absent.
    scalers : dict of str to transformer, "passthrough" or "drop"
        Scalers of the features of each tier, by the same name.
    contexts : dict of str to transformer or None
        Similarities, from the features of a tier to columns, for the branches with a context. None
        if the similarity is left out or set to ``"drop"``.
    regressor : regressor or None
        Regressor from all columns to the score, if there is one.

    Examples
    --------
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.pipeline import take_apart
    >>> take_apart(make_m3s(event=None, similarity=None)).contexts
    {'scene': None}
    """

    tiers: dict[str, Any]
    scalers: dict[str, Any]
    contexts: dict[str, Any]
    regressor: Any


def take_apart(model: Pipeline) -> ModelParts:
    """Return the parts of a model, the inverse of `make_m3s`.

    Parameters
    ----------
    model : Pipeline
        A model from `make_m3s`, fitted or not, or an estimator that has one as its ``estimator``,
        such as `PredictionIntervals` or a search. Parts may have been replaced, or set to
        ``"passthrough"`` or ``"drop"``. A branch with other steps counts as a tier without scaler
        and context.

    Returns
    -------
    ModelParts
        The parts themselves, not clones: fitted where `model` is fitted.

    Raises
    ------
    ValueError
        If `model` is not a pipeline of tiers and at most a regressor.

    Examples
    --------
    >>> from sklearn_m3s import make_m3s
    >>> from sklearn_m3s.pipeline import take_apart
    >>> parts = take_apart(make_m3s(event=None, recipe="paper"))
    >>> parts.tiers
    {'raw': RawPerception(), 'scene': SceneParsing()}
    >>> parts.contexts, parts.regressor
    ({'scene': DBSCANSimilarity()}, MLPRegressor())

    `make_m3s` assembles the same model from them, with its own scalers:

    >>> absent = {"raw": None, "scene": None, "event": None}
    >>> again = make_m3s(
    ...     **(absent | parts.tiers), similarity=parts.contexts, regressor=parts.regressor
    ... )
    >>> [name for name, _ in again["tiers"].transformer_list]
    ['raw', 'scene']
    """
    model = innermost(model)
    steps = dict(model.steps) if isinstance(model, Pipeline) else {}
    union = steps.get("tiers")
    if list(steps) not in (["tiers"], ["tiers", "regressor"]) or not isinstance(
        union, FeatureUnion
    ):
        raise ValueError(
            f"model is {model!r:.80}: pass a pipeline of the steps 'tiers' (a FeatureUnion) and, "
            "if any, 'regressor', as make_m3s returns it"
        )
    regressor = steps.get("regressor")
    parts = ModelParts({}, {}, {}, None if regressor == "passthrough" else regressor)
    for name, branch in union.transformer_list:
        if branch == "drop":
            continue
        parts.tiers[name], last = _branch_steps(branch)
        columns = dict(last.transformer_list) if isinstance(last, FeatureUnion) else {}
        parts.scalers[name] = columns.get("features", last)
        if "features" in columns:
            similarity = columns.get("similarity")
            parts.contexts[name] = None if similarity == "drop" else similarity
    return parts


def _branch_steps(branch: Any) -> tuple[Any, Any]:
    """Return the tier of a branch, and the step after it."""
    steps = dict(branch.steps) if isinstance(branch, Pipeline) else {}
    if list(steps) in (["describe", "scale"], ["describe", "context"]):
        tier, last = steps.values()
        return tier, last
    return branch, "passthrough"
