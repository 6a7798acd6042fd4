"""The logger of the package. The package never configures it."""

import logging
import warnings

from sklearn_m3s.exceptions import M3SWarning

logger = logging.getLogger("sklearn_m3s")


def warn_reduced(message: str, stacklevel: int) -> None:
    """Warn and log that a setting was reduced to fit the data.

    The log has every occurrence, while Python shows a repeated warning only once.
    """
    warnings.warn(message, M3SWarning, stacklevel=stacklevel + 1)
    logger.info(message)
