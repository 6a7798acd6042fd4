"""One pass over a video file for several readers."""

import os

import numpy as np


class SharedVideo(os.PathLike):
    """A video whose frames are decoded once for several readers, one after the other.

    The first to read has its frames as they are decoded; those that the others will want are kept
    on the way. `stream_frames` and `read_clip` take it in place of a path.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    source : PyAVVideo or DecordVideo
        What reads it.

    Attributes
    ----------
    times, share_present
        Those of `source`.
    """

    def __init__(self, path, source):
        self._path = os.fspath(path)
        self._source = source
        self.times = source.times
        self.share_present = source.share_present
        self._sides = {}
        self._kept = None

    def __fspath__(self):
        return self._path

    def keep(self, indices, side):
        """Ask for frames, by index into `times`, to be kept on the way, `side` pixels wide."""
        for index in indices.tolist():
            self._sides.setdefault(index, set()).add(side)

    def frames(self, wanted):
        """Yield (index, draw) as `PyAVVideo.frames` does."""
        if self._kept is None:
            yield from self._decode(wanted)
        elif self._sides.keys() >= set(wanted.tolist()):
            for index in wanted.tolist():
                if index in self._kept:
                    yield index, self._kept[index].__getitem__
        else:
            yield from self._source.frames(wanted)

    def _decode(self, wanted):
        """Decode what anybody wants; yield what the first reader does."""
        kept, mine = {}, set(wanted.tolist())
        for index, draw in self._source.frames(np.union1d(wanted, list(self._sides)).astype(int)):
            if index in self._sides:
                kept[index] = {side: draw(side) for side in self._sides[index]}
            if index in mine:
                yield index, draw
        self._kept = kept  # only now: a reader that stops half-way leaves nothing to rely on
