"""Save a fitted model as one file of plain data, and load it again."""

import io
import json
import platform
import re
import warnings
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

import sklearn_m3s
from sklearn_m3s._files import PathLike, written_aside
from sklearn_m3s._optional import import_optional
from sklearn_m3s.exceptions import M3SWarning, ModelError
from sklearn_m3s.io._card import LIMITS, check_card, measured, readme, today, weights_of
from sklearn_m3s.io._known_types import full_name, trusted_types
from sklearn_m3s.io._probe import check_probe, parts_of, write_probe
from sklearn_m3s.io._reference_set import ReferenceSet, read_reference, write_reference
from sklearn_m3s.io._schema import SchemaCheck, without_repeats
from sklearn_m3s.io._stored import Packing, Unpacking
from sklearn_m3s.io._zip_file import ModelZip, ModelZipWriter, open_model
from sklearn_m3s.tiers._encoder import Encoder

_FORMAT = 1
_LIBRARIES = ("scikit-learn", "numpy", "scipy", "torch", "skops", "av")
_KEYS = {"format", "version", "class", "columns", "weights", "modules", "card"}
_COMMIT = re.compile("[0-9a-f]{40}")


def save_model(
    model: Any,
    path: PathLike,
    *,
    card: Mapping[str, Any] | None = None,
    reference: ReferenceSet | None = None,
) -> None:
    """Save a fitted model as one file that contains data and no code.

    The file is a zip archive of JSON and arrays. `load_model` runs no code from it. Saving and
    loading need skops, which the extra ``io`` installs.

    Parameters
    ----------
    model : Pipeline or PredictionIntervals
        A fitted model from `make_m3s` or `make_m3s_from_features`, the `best_estimator_` of a
        search over one, or `PredictionIntervals` of these.
    path : str or os.PathLike
        The file to write, usually with the suffix ``.m3s``. An existing file is replaced once the
        new one is complete.
    card : dict of str to JSON values, default=None
        Description of the model: ``"title"``, ``"data"``, ``"limits"`` and any other keys. Missing
        entries are added if they are known: the number of videos, the cross-validated rank
        correlation, the weights, the versions and the date.
    reference : ReferenceSet, default=None
        Training videos with which a report compares new videos; see `make_reference_set`.

    Raises
    ------
    ImportError
        If skops is not installed.
    ModelError
        If the model is not fitted, is of another kind, or has a part that a model file cannot
        contain. `trusted_types` lists the possible parts.
    WeightsError
        If the pretrained weights of a tier are not found, so that their digest is unknown.

    See Also
    --------
    load_model : Load a saved model.

    Notes
    -----
    The file contains the names, the settings and the weight digests of the tiers' networks, not the
    networks themselves. Your own modules and functions are not saved either: pass them to
    `load_model`. The parameters `cache` and `memory` name folders of this computer, so they are
    saved as None. State that only a later ``partial_fit`` or ``warm_start=True`` would use is left
    out, such as the state of optimizers.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import load_model, make_m3s_from_features, save_model
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> model = make_m3s_from_features({"raw": slice(0, 5)}, regressor=Ridge()).fit(X, X[:, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.m3s")
    >>> save_model(model, path, card={"data": "60 rows of noise"})
    >>> bool((load_model(path).predict(X) == model.predict(X)).all())
    True
    """
    skops = import_optional("skops.io", "io")
    try:
        check_is_fitted(getattr(model, "estimator_", model))
    except (NotFittedError, TypeError) as error:
        raise ModelError(f"model is not fitted: call fit before save_model ({error})") from error
    parts = parts_of(model)
    packing = Packing({id(getattr(t, "model", None)): name for name, t in parts.tiers.items()})
    packed = packing.pack(model)
    weights = weights_of(parts.tiers)
    _pin_weights(parts_of(packed).tiers, weights)
    try:
        dumped = skops.dumps(packed)
    except Exception as error:  # skops raises errors of many classes
        raise ModelError(
            f"skops cannot save the model: {error!s:.300}. For your own use, save it with "
            "joblib.dump"
        ) from error
    about = _about(model, card, reference, weights, packing.modules)
    target = Path(path)
    with written_aside(target) as aside:
        with zipfile.ZipFile(aside, "w") as archive:
            file = ModelZipWriter(archive)
            file.write("README.md", readme(about["card"], type(model).__name__))
            file.write("model.json", json.dumps(about, indent=1, allow_nan=False))
            _write_schema(dumped, file)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as about missing column names
                write_probe(model, file)
            if reference is not None:
                write_reference(reference, file)
        with open_model(aside) as written:
            _unpack(written, packing.modules)


def _pin_weights(tiers: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Make packed tiers require the weights that the model was fitted with."""
    for name, about in weights.items():
        tier, digest = tiers[name], about["identity"].get("weights")
        if about.get("weights") is not None and tier.sha256 is None:
            tier.sha256 = digest
        if isinstance(tier.model, str) and "revision" in vars(tier) and tier.revision is None:
            tier.revision = _commit(tier)


def _commit(tier: Encoder) -> str | None:
    """Return the commit of a Hugging Face repository, or None for other networks."""
    if tier._spec().origin != "hugging_face":
        return None
    from sklearn_m3s.backbones._hugging_face import _find_folder

    folder = _find_folder(tier.model, None).name
    return folder if _COMMIT.fullmatch(folder) else None


def _about(
    model: Any,
    card: Mapping[str, Any] | None,
    reference: ReferenceSet | None,
    weights: dict[str, Any],
    modules: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of model.json."""
    tiers = parts_of(model).tiers
    columns = {name: list(map(str, _names(tier))) for name, tier in tiers.items()}
    known: dict[str, Any] = {}
    if reference is not None:
        known = measured(reference.scores, reference.predictions)
    elif hasattr(model, "out_of_fold_"):
        known = measured(model.y_, model.out_of_fold_)
    needed = {name: full_name(type(module)) for name, module in modules.items()}
    libraries = {"Python": platform.python_version(), "sklearn_m3s": sklearn_m3s.__version__}
    libraries |= {name: version(name) for name in _LIBRARIES}
    known |= {"weights": weights, "modules": needed, "limits": LIMITS, "date": today()}
    return {
        "format": _FORMAT,
        "version": sklearn_m3s.__version__,
        "class": full_name(type(model)),
        "columns": columns,
        "weights": weights,
        "modules": needed,
        "card": known | {"libraries": libraries} | check_card(card),
    }


def _names(tier: Any) -> Any:
    try:
        return tier.get_feature_names_out()
    except (AttributeError, ValueError):  # of a transformer that has no names
        return []


def _write_schema(dumped: bytes, file: ModelZipWriter) -> None:
    """Write the schema of skops with each part once, and the arrays that it refers to."""
    with zipfile.ZipFile(io.BytesIO(dumped)) as archive:
        schema = without_repeats(json.loads(archive.read("schema.json")), set())
        check = SchemaCheck()
        check.check(schema)
        file.write("schema.json", json.dumps(schema))
        for name in sorted(check.arrays):
            file.write(name, archive.read(name))


def load_model(path: PathLike, *, modules: Mapping[str, Any] | None = None) -> Any:
    """Load a model saved by `save_model`.

    No code in the file is run. The file may contain arrays and instances of known classes of this
    package and of scikit-learn (see `trusted_types`), with known attributes. Everything is checked
    before anything is built. Loading needs skops, which the extra ``io`` installs.

    Parameters
    ----------
    path : str or os.PathLike
        The model file.
    modules : dict of str to object, default=None
        Modules and functions that the model was made with, which the file does not contain. The key
        of an encoder's `model` is the name of its tier. Any other key is the name of the parameter,
        such as ``"loss"``.

    Returns
    -------
    Pipeline or PredictionIntervals
        The fitted model. It predicts the same as the saved one.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file cannot be opened.
    ModelError
        If the file is damaged, not a model file, or of a newer format; if it has an unknown class,
        key, version or shape; if `modules` lacks a module; or if the predictions differ from those
        at the time of saving, for example under another version of scikit-learn.

    Warns
    -----
    M3SWarning
        If a network that was passed in `modules` is not the one that the model was fitted with.

    Notes
    -----
    The networks of the tiers are found or fetched when the first video is described. If they are
    missing or differ from those of the fitted model, this raises a `WeightsError`.

    Examples
    --------
    `save_model` has an example of saving and loading. A missing file raises an error:

    >>> from sklearn_m3s import load_model
    >>> load_model("no/such/model.m3s")
    Traceback (most recent call last):
    FileNotFoundError: ...
    """
    with open_model(path) as file:
        return _unpack(file, modules or {})


def _unpack(file: ModelZip, modules: Mapping[str, Any]) -> Any:
    about = _read_about(file)
    needed = about["modules"]
    lacking = {name: kind for name, kind in needed.items() if name not in modules}
    if lacking:
        names = ", ".join(f"{name!r}: ..." for name in lacking)
        kinds = ", ".join(f"{name!r} was a {kind}" for name, kind in lacking.items())
        raise ModelError(
            f"the file does not contain all modules of the model: pass modules={{{names}}} to "
            f"load_model ({kinds})"
        )
    unknown = sorted(set(modules) - set(needed))
    if unknown:
        raise ModelError(f"modules has the unknown names {unknown}: pass only {sorted(needed)}")
    try:
        model = _build(file, about, modules)
    except ModelError as error:
        raise ModelError(f"{error}{_origin(about)}") from error
    _compare_networks(model, about, modules)
    return model


def _build(file: ModelZip, about: dict[str, Any], modules: Mapping[str, Any]) -> Any:
    check = SchemaCheck()
    check.check(file.json("schema.json"))
    for name in check.arrays:
        file.check_array(name)
    skops = import_optional("skops.io", "io")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)  # the predictions are compared
        try:
            packed = skops.load(file.archive.fp, trusted=trusted_types())
            model = Unpacking(modules).unpack(packed)
        except ModelError:
            raise
        except Exception as error:  # mismatched attributes raise errors of many classes
            raise ModelError(
                f"its parts do not fit together: {type(error).__name__}: {error!s:.300}"
            ) from error
        warnings.simplefilter("ignore")  # such as about missing column names
        if full_name(type(model)) != about["class"]:
            raise ModelError(
                f"it claims to be a {about['class']!r:.80}, but is a {full_name(type(model))}"
            )
        check_probe(model, file)
    return model


def _origin(about: dict[str, Any]) -> str:
    """Return a note on the scikit-learn version that saved a model, if it differs from this one."""
    libraries = about["card"].get("libraries")
    saved = libraries.get("scikit-learn") if isinstance(libraries, dict) else None
    if saved in (None, version("scikit-learn")):
        return ""
    return (
        f" (it was saved by scikit-learn {saved!s:.20}, and this is {version('scikit-learn')}: "
        "install that version, or fit the model again)"
    )


def _compare_networks(model: Any, about: dict[str, Any], modules: Mapping[str, Any]) -> None:
    for name, tier in parts_of(model).tiers.items():
        is_given = isinstance(tier, Encoder) and name in modules and hasattr(tier.model, "modules")
        if is_given and tier._spec().identity() != about["weights"].get(name, {}).get("identity"):
            warnings.warn(
                f"modules[{name!r}] is not the network that the model was fitted with, or has "
                "other weights, so predictions may be meaningless: pass the original network",
                M3SWarning,
                stacklevel=4,
            )


def _read_about(file: ModelZip) -> dict[str, Any]:
    about = file.json("model.json")
    if not isinstance(about, dict):
        raise ModelError("its model.json is not an object")
    found = about.get("format")
    if type(found) is not int or found < 1:
        raise ModelError(f"its model.json has the format {found!r:.80}")
    if found > _FORMAT:
        raise ModelError(
            f"it has the format {found} of sklearn_m3s {about.get('version')!s:.20}, but this "
            f"version reads {_FORMAT}: update sklearn_m3s"
        )
    wrong = sorted(_KEYS ^ set(about))
    if wrong:
        raise ModelError(f"its model.json has unknown or missing keys {wrong!r:.200}")
    for name in ("columns", "weights", "modules", "card"):
        if not isinstance(about[name], dict):
            raise ModelError(f"{name} in its model.json is not an object")
    return about


def load_card(path: PathLike) -> dict[str, Any]:
    """Return the model card of a model file, without loading the model.

    Parameters
    ----------
    path : str or os.PathLike
        The model file.

    Returns
    -------
    dict of str to JSON values
        The `card` passed to `save_model`, with the entries that it added: ``"n_videos"``,
        ``"spearman"`` and ``"spearman_interval"`` (if there are out-of-fold predictions),
        ``"weights"``, ``"modules"``, ``"limits"``, ``"date"`` and ``"libraries"``. The content of
        the card is not checked, so it is only as reliable as the author of the file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelError
        If the file is damaged or not a model file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import make_m3s_from_features
    >>> from sklearn_m3s.io import load_card, save_model
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> model = make_m3s_from_features({"raw": slice(0, 5)}, regressor=Ridge()).fit(X, X[:, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.m3s")
    >>> save_model(model, path, card={"data": "60 rows of noise"})
    >>> load_card(path)["data"]
    '60 rows of noise'
    """
    with open_model(path) as file:
        return _read_about(file)["card"]


def load_reference(path: PathLike) -> ReferenceSet | None:
    """Return the reference set of a model file, without loading the model.

    Parameters
    ----------
    path : str or os.PathLike
        The model file.

    Returns
    -------
    ReferenceSet or None
        The reference set, or None if the file has none.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelError
        If the file is damaged or not a model file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_m3s import make_m3s_from_features
    >>> from sklearn_m3s.io import load_reference, make_reference_set, save_model
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> model = make_m3s_from_features({"raw": slice(0, 5)}, regressor=Ridge()).fit(X, X[:, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.m3s")
    >>> save_model(model, path, reference=make_reference_set(model, X, X[:, 0]))
    >>> load_reference(path).features["raw"].shape
    (60, 5)
    """
    with open_model(path) as file:
        _read_about(file)
        return read_reference(file)
