"""Libraries that only some functions need: imported there, and named with the cure if absent."""

import importlib


def import_optional(name):
    """Return a module of an optional library, or raise an ImportError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise ImportError(
            f'{library} is needed here and not installed: pip install "sklearn-m3s[inspection]"'
        ) from error
