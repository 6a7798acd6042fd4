"""Find the estimators of the package, so that no list has to be kept."""

import importlib
import inspect
import pkgutil

import sklearn_m3s


def all_modules():
    """Return every module of the package, imported."""
    names = pkgutil.walk_packages(sklearn_m3s.__path__, "sklearn_m3s.")
    return [importlib.import_module(found.name) for found in names]


def all_estimators(base):
    """Return the public classes below `base` that can be made without arguments, by name."""
    found = {
        member
        for module in all_modules()
        for name, member in vars(module).items()
        if inspect.isclass(member)
        and issubclass(member, base)
        and member.__module__.startswith("sklearn_m3s.")
        and not name.startswith("_")
        and "__init__" in vars(member)
    }
    return sorted(found, key=lambda cls: cls.__name__)
