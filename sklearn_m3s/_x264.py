"""Options of x264 with which equal frames give equal bytes."""

_BLOCK = 128  # pixels: x264's look-ahead takes 8 macroblocks of 16 at a time


def x264_options(width: int, options: dict[str, str]) -> dict[str, str]:
    """Return options for frames of a width, changed where the result would vary.

    Where rows do not fill its blocks, the look-ahead by macroblock trees reads memory that x264
    never wrote, so that equal frames give other bytes from time to time. It is switched off there.
    """
    if width % _BLOCK == 0:
        return options
    parameters = [*filter(None, [options.get("x264-params")]), "mbtree=0"]
    return options | {"x264-params": ":".join(parameters)}
