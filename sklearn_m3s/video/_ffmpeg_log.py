"""Errors that FFmpeg only writes to its log before it reads on."""


def report_errors() -> None:
    """Let this process warn of every error that FFmpeg reports of a video.

    FFmpeg reads on after most errors, and tells of them in its log alone. The worker processes of
    the tiers listen to it. Elsewhere it is silent, as PyAV leaves it: it is one for all threads,
    and a decoder that logs from threads of its own can wait for the interpreter for ever. So call
    this only in a process that does nothing but read videos.

    Examples
    --------
    >>> from sklearn_m3s.video import report_errors
    >>> report_errors()  # doctest: +SKIP
    """
    import av.logging

    av.logging.set_level(av.logging.ERROR)
    # A message counts as repeated if the video before had it, too.
    av.logging.set_skip_repeated(False)
