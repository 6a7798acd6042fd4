"""Errors and warnings of the package. All errors derive from `M3SError`."""

from collections.abc import Iterable

__all__ = ["M3SError", "M3SWarning", "ModelError", "VideoError", "WeightsError"]


class M3SError(Exception):
    """Base class of the errors raised by sklearn_m3s.

    Examples
    --------
    >>> from sklearn_m3s.exceptions import M3SError, VideoError
    >>> issubclass(VideoError, M3SError)
    True
    """


class VideoError(M3SError, ValueError):
    """One or more videos could not be described.

    Parameters
    ----------
    message : str
        Message with the bad video and the cure.
    failures : sequence of (str, str), default=()
        The name of each bad video and the cause, in the order of the input.

    Attributes
    ----------
    failures : list of (str, str)
        The names and causes, as given.

    Examples
    --------
    >>> from sklearn_m3s.exceptions import VideoError
    >>> VideoError("1 of 2 videos failed", [("a.mp4", "empty file")]).failures
    [('a.mp4', 'empty file')]
    """

    def __init__(self, message: str, failures: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message, failures)
        self.failures = list(failures)

    def __str__(self) -> str:
        return str(self.args[0])


class WeightsError(M3SError, RuntimeError):
    """Pretrained weights are missing, damaged, or do not fit their architecture.

    Examples
    --------
    >>> from sklearn_m3s.exceptions import WeightsError
    >>> issubclass(WeightsError, RuntimeError)
    True
    """


class ModelError(M3SError, ValueError):
    """A model file is refused, or a model cannot be saved as one.

    Examples
    --------
    >>> from sklearn_m3s.exceptions import ModelError
    >>> issubclass(ModelError, ValueError)
    True
    """


class M3SWarning(UserWarning):
    """A setting was reduced, a video was left out, or a network is untrained.

    The result is usable.

    Examples
    --------
    >>> import warnings
    >>> from sklearn_m3s.exceptions import M3SWarning
    >>> warnings.simplefilter("ignore", M3SWarning)
    """
