"""Three tiers, their context and the regressor, assembled into one plain scikit-learn pipeline."""

import inspect

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_m3s.regression import MLPRegressor
from sklearn_m3s.similarity import DBSCANSimilarity
from sklearn_m3s.tiers import EventUnderstanding, RawPerception, SceneParsing, TierUnion

__all__ = ["make_m3s"]

_TIERS = {"raw": RawPerception, "scene": SceneParsing, "event": EventUnderstanding}
_WITH_CONTEXT = ("scene", "event")


def make_m3s(
    raw="default",
    scene="default",
    event="default",
    similarity="default",
    regressor="default",
    *,
    cache=None,
    device="auto",
    n_jobs=None,
    memory=None,
    random_state=None,
    verbose=False,
):
    """Assemble the M3-S model, m = h(g(r, c) + r), as a pipeline of two steps.

    ``tiers`` is a `TierUnion`, a `FeatureUnion` that decodes each file once, of the branches
    ``raw`` (``describe`` → ``scale``), ``scene`` and ``event`` (``describe`` → ``context``), where
    ``context`` is a `FeatureUnion` of ``features`` (a `StandardScaler`) and ``similarity``.
    ``regressor`` predicts the memorability score.

    Parameters
    ----------
    raw, scene, event : transformer, None or "default"
        From videos to a matrix. By default `RawPerception`, `SceneParsing` and
        `EventUnderstanding`; None leaves the branch out.
    similarity : transformer, dict, None or "default"
        From the embeddings of a deep tier to its similarity with the training videos, the context
        c: one for both deep tiers, or a dict with the keys ``"scene"`` and ``"event"`` (a missing
        key leaves it out there). By default `DBSCANSimilarity`.
    regressor : regressor, None or "default"
        From the features to the score. By default `MLPRegressor`; None returns a pipeline of
        features.
    cache : str or os.PathLike, default=None
        A folder that keeps what the tiers computed of each video: no fold, candidate or run
        decodes a video twice.
    device : str, default="auto"
        Where networks run.
    n_jobs : int, default=None
        Workers that read videos.
    memory : str or object with the joblib.Memory interface, default=None
        Passed to the outer `Pipeline`.
    random_state : int, RandomState instance or None, default=None
        Seed of every part that takes one.
    verbose : bool, default=False
        Whether the tiers show progress bars and the regressor its losses.

    Returns
    -------
    Pipeline
        Unfitted. Given parts are cloned; `cache`, `device`, `n_jobs`, `random_state` and
        `verbose` fill what a part has as a parameter and leaves at its default.

    Raises
    ------
    ValueError
        If no tier is left, or `similarity` is a dict with other keys.

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
    if isinstance(random_state, np.random.RandomState):  # parts shall not share its state
        random_state = random_state.randint(np.iinfo(np.int32).max)
    shared = {
        "cache": cache,
        "device": None if device == "auto" else device,
        "n_jobs": n_jobs,
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


def _branch(name, tier, similarity):
    if name not in _WITH_CONTEXT:
        return Pipeline([("describe", tier), ("scale", StandardScaler())])
    context = [("features", StandardScaler())]
    if similarity is not None:
        context.append(("similarity", similarity))
    return Pipeline([("describe", tier), ("context", FeatureUnion(context))])


def _similarity(given, tier_name, shared):
    if isinstance(given, dict):
        unknown = sorted(set(given) - set(_WITH_CONTEXT))
        if unknown:
            raise ValueError(f"similarity has the keys {unknown}: use {list(_WITH_CONTEXT)}")
        given = given.get(tier_name)
    return _part(given, DBSCANSimilarity, shared)


def _part(given, default, shared):
    """Return a clone of a part, with the shared keywords where it has nothing else."""
    if given is None:
        return None
    part = default() if isinstance(given, str) and given == "default" else clone(given)
    present = part.get_params(deep=False)
    defaults = inspect.signature(type(part)).parameters
    fill = {
        name: value
        for name, value in shared.items()
        if value is not None
        and name in present
        and name in defaults
        and present[name] is defaults[name].default
    }
    return part.set_params(**fill)
