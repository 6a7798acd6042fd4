"""The logger of the package, which is never configured by it."""

import logging
import warnings

from sklearn_m3s.exceptions import M3SWarning

logger = logging.getLogger("sklearn_m3s")


def warn_reduced(message: str, stacklevel: int) -> None:
    """Warn that a setting was reduced to fit the data, and log it: Python shows a warning once."""
    warnings.warn(message, M3SWarning, stacklevel=stacklevel + 1)
    logger.info(message)
