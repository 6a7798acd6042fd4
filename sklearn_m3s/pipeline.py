"""Put the M3-S model together as a plain scikit-learn pipeline, and take it apart again."""

import os
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_m3s.regression import MLPRegressor
from sklearn_m3s.similarity import DBSCANSimilarity
from sklearn_m3s.tiers import EventUnderstanding, RawPerception, SceneParsing, TierUnion

__all__ = ["ModelParts", "make_m3s", "take_apart"]

_TIERS = {"raw": RawPerception, "scene": SceneParsing, "event": EventUnderstanding}
_WITH_CONTEXT = ("scene", "event")


def make_m3s(
    raw: BaseEstimator | str | None = "default",
    *,
    scene: BaseEstimator | str | None = "default",
    event: BaseEstimator | str | None = "default",
    similarity: BaseEstimator | dict[str, BaseEstimator | None] | str | None = "default",
    regressor: BaseEstimator | str | None = "default",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    device: str = "auto",
    memory: str | joblib.Memory | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Assemble the M3-S model, m = h(g(r, c) + r), as a pipeline of two steps.

    The first step, ``tiers``, is a `TierUnion`: a `FeatureUnion` that decodes each file once. Its
    branches are ``raw`` (``describe`` → ``scale``), ``scene`` and ``event`` (``describe`` →
    ``context``), where ``context`` is a `FeatureUnion` of ``features`` (a `StandardScaler`) and
    ``similarity``. The second step, ``regressor``, predicts the memorability score.

    Parameters
    ----------
    raw, scene, event : transformer, None or "default"
        From videos to a matrix. By default `RawPerception`, `SceneParsing` and
        `EventUnderstanding`. None leaves the branch out.
    similarity : transformer, dict, None or "default"
        From the features of a deep tier to its similarity with the training videos, the context
        c. One transformer serves both deep tiers. A dict has the keys ``"scene"`` and ``"event"``;
        a tier without a key has no similarity. By default `DBSCANSimilarity`.
    regressor : regressor, None or "default"
        From the features to the score. By default `MLPRegressor`. None returns a pipeline of
        features.
    cache : str or os.PathLike, default=None
        A folder that keeps the rows of each video, so that no fold, candidate or run decodes a
        video twice.
    n_jobs : int, default=None
        Workers that read videos.
    device : str, default="auto"
        Where networks run.
    memory : str or object with the joblib.Memory interface, default=None
        Passed to the outer `Pipeline`.
    random_state : int, RandomState instance or None, default=None
        Seed of every part that takes one.
    verbose : bool, default=False
        Whether the tiers show progress bars and the regressor prints its losses.

    Returns
    -------
    Pipeline
        Unfitted, with clones of the given parts.

    Raises
    ------
    ValueError
        If no tier is left, or `similarity` is a dict with other keys.

    See Also
    --------
    take_apart : The parts of such a model.

    Notes
    -----
    `cache`, `n_jobs`, `device`, `random_state` and `verbose` go into the parts that `make_m3s`
    makes itself. Of a given part they replace only parameters whose value is None:
    ``KMeans(random_state=None)`` gets the seed, ``SceneParsing(device="auto")`` keeps its device.

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
    >>> model.set_params(tiers__scene__context__similarity__eps=1.25)["regressor"]
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
    if isinstance(random_state, np.random.RandomState):  # each part has its own generator
        random_state = random_state.randint(np.iinfo(np.int32).max)
    shared = {
        "cache": cache,
        "n_jobs": n_jobs,
        "device": None if device == "auto" else device,
        "random_state": random_state,
        "verbose": verbose or None,
    }
    branches = []
    for name, part in {"raw": raw, "scene": scene, "event": event}.items():
        tier = _part(part, _TIERS[name], shared)
        if tier is not None:
            context = _similarity(similarity, name, shared) if name in _WITH_CONTEXT else None
            branches.append((name, _branch(name, tier, context)))
    if not branches:
        raise ValueError("raw, scene and event are all None: keep at least one of them")
    steps = [("tiers", TierUnion(branches))]
    head = _part(regressor, MLPRegressor, shared)
    if head is not None:
        steps.append(("regressor", head))
    return Pipeline(steps, memory=memory)


def _branch(name: str, tier: BaseEstimator, similarity: BaseEstimator | None) -> Pipeline:
    if name not in _WITH_CONTEXT:
        return Pipeline([("describe", tier), ("scale", StandardScaler())])
    context = [("features", StandardScaler())]
    if similarity is not None:
        context.append(("similarity", similarity))
    return Pipeline([("describe", tier), ("context", FeatureUnion(context))])


def _similarity(given: Any, tier_name: str, shared: dict[str, Any]) -> BaseEstimator | None:
    if isinstance(given, dict):
        unknown = sorted(set(given) - set(_WITH_CONTEXT))
        if unknown:
            raise ValueError(f"similarity has the keys {unknown}: use {list(_WITH_CONTEXT)}")
        given = given.get(tier_name)
    return _part(given, DBSCANSimilarity, shared)


def _part(given: Any, default: type, shared: dict[str, Any]) -> BaseEstimator | None:
    """Return a clone of a part, or a new one, with the shared keywords that it leaves open."""
    if given is None:
        return None
    is_new = isinstance(given, str) and given == "default"
    part = default() if is_new else clone(given)
    fill = {
        name: shared[name]
        for name, value in part.get_params(deep=False).items()
        if shared.get(name) is not None and (is_new or value is None)
    }
    return part.set_params(**fill)


class ModelParts(NamedTuple):
    """The parts of a model, as `take_apart` returns them.

    Parameters
    ----------
    tiers : dict of str to transformer
        From videos to features, by the name of the branch. Branches that are left out or set to
        ``"drop"`` are absent.
    scalers : dict of str to transformer, "passthrough" or "drop"
        From the features of a tier to its columns in the model.
    contexts : dict of str to transformer or None
        From the features of a tier to its similarity with the training videos, for the branches
        with a context. None where the similarity is left out or set to ``"drop"``.
    regressor : regressor or None
        From all columns to the score. None where there is none.

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
        As `make_m3s` returns it, fitted or not. Parts may have been exchanged, or set to
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
    >>> parts = take_apart(make_m3s(event=None))
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
    steps = dict(model.steps) if isinstance(model, Pipeline) else {}
    union = steps.get("tiers")
    if list(steps) not in (["tiers"], ["tiers", "regressor"]) or not isinstance(
        union, FeatureUnion
    ):
        raise ValueError(
            f"model is {model!r:.80}, but has to be a pipeline of the steps 'tiers' (a "
            "FeatureUnion) and, if any, 'regressor', as make_m3s returns it"
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
    """Return the tier of a branch and what follows it."""
    steps = dict(branch.steps) if isinstance(branch, Pipeline) else {}
    if list(steps) in (["describe", "scale"], ["describe", "context"]):
        tier, last = steps.values()
        return tier, last
    return branch, "passthrough"
