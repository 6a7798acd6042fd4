"""Errors that FFmpeg only logs while it continues to read."""


def report_errors() -> None:
    """Turn on FFmpeg's log, so that every error it reports about a video becomes a warning.

    FFmpeg continues after most errors, and only reports them in its log. The worker processes of
    the tiers read this log. Elsewhere it is off, which is PyAV's default. All threads share the
    log, and a decoder that logs from its own threads can wait for the interpreter forever. So only
    call this function in a process that does nothing but read videos.

    Examples
    --------
    >>> from sklearn_m3s.video import report_errors
    >>> report_errors()  # doctest: +SKIP
    """
    import av.logging

    av.logging.set_level(av.logging.ERROR)
    # Otherwise, a message that the previous video had as well would be dropped.
    av.logging.set_skip_repeated(False)
