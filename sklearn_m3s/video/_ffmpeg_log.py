"""Errors that FFmpeg only logs while it continues to read."""


def report_errors() -> None:
    """Let this process warn of every error that FFmpeg reports of a video.

    FFmpeg continues after most errors, and reports them only in its log. The worker processes of
    the tiers listen to this log. Elsewhere it stays silent, as PyAV leaves it: all threads share
    it, and a decoder that logs from its own threads can wait for the interpreter forever. So call
    this only in a process that does nothing but read videos.

    Examples
    --------
    >>> from sklearn_m3s.video import report_errors
    >>> report_errors()  # doctest: +SKIP
    """
    import av.logging

    av.logging.set_level(av.logging.ERROR)
    # Otherwise, a message that the previous video had as well would be dropped.
    av.logging.set_skip_repeated(False)
