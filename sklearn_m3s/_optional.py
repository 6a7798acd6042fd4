"""Optional libraries, imported where they are used."""

import importlib
from types import ModuleType


def import_optional(name: str, extra: str) -> ModuleType:
    """Return a module of an optional library.

    Parameters
    ----------
    name : str
        Full name of the module, such as ``"matplotlib.pyplot"``.
    extra : str
        The extra of this package that installs the library.

    Raises
    ------
    ImportError
        If the library is not installed. The message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise ImportError(
            f'{library} is required but not installed: pip install "sklearn-m3s[{extra}]"'
        ) from error
