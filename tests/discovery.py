"""Find the estimators of the package, without a list to maintain."""

import importlib
import inspect
import pkgutil

import sklearn_m3s
from sklearn_m3s.tiers import VideoTransformer


def all_modules():
    """Return every module of the package, imported."""
    names = pkgutil.walk_packages(sklearn_m3s.__path__, "sklearn_m3s.")
    return [importlib.import_module(found.name) for found in names]


def all_estimators(base):
    """Return the exported classes derived from `base`, by name."""
    found = {
        member
        for module in all_modules()
        for member in (getattr(module, name) for name in getattr(module, "__all__", ()))
        if inspect.isclass(member)
        and issubclass(member, base)
        and member is not base
        # An abstract class, or one with the constructor of scikit-learn.
        and member is not VideoTransformer
        and "__init__" in vars(member)
    }
    return sorted(found, key=lambda cls: cls.__name__)


def public_objects():
    """Yield (name, object) for all exports of the modules of the package."""
    for module in (sklearn_m3s, *all_modules()):
        if not module.__name__.rsplit(".", 1)[-1].startswith("_"):
            for name in getattr(module, "__all__", ()):
                yield f"{module.__name__}.{name}", getattr(module, name)
