"""Options of x264 that make equal frames give equal bytes."""

_BLOCK = 128  # pixels: x264's look-ahead takes 8 macroblocks of 16 at a time


def x264_options(width: int, options: dict[str, str]) -> dict[str, str]:
    """Return the options, without macroblock trees unless the width is a multiple of 128.

    For other widths, the look-ahead for macroblock trees reads memory that x264 never wrote. Equal
    frames then sometimes give different bytes.
    """
    if width % _BLOCK == 0:
        return options
    parameters = [*filter(None, [options.get("x264-params")]), "mbtree=0"]
    return options | {"x264-params": ":".join(parameters)}
