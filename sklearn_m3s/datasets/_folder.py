"""What lies below the root of a data set, found by name."""

import os
from pathlib import Path

VIDEOS = (".mp4", ".webm", ".mov", ".avi", ".mkv", ".npy")
IMAGES = (".jpg", ".jpeg", ".png")


class Folder:
    """The files below a folder; hidden ones and what archives of macOS add are left out.

    Parameters
    ----------
    root : str or os.PathLike
        The folder.
    request : str
        How to get the data set, for messages.
    """

    def __init__(self, root, request):
        self.root = Path(root)
        self.request = request
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.root} is no folder: {request}")
        self._paths = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
            for name in names:
                if not name.startswith("."):
                    stem, suffix = os.path.splitext(name)
                    self._paths.setdefault(stem + suffix.lower(), []).append(Path(folder, name))

    def find(self, *names, optional=False):
        """Return the path of the file that has the first of these names that is there.

        Raises
        ------
        FileNotFoundError
            If there is none, unless it is `optional`: then None is returned.
        ValueError
            If there are several of one name.
        """
        for name in names:
            paths = self._paths.get(name, [])
            if len(paths) > 1:
                raise ValueError(f"{_listed(paths)} have one name: pass the folder of one as root")
            if paths:
                return paths[0]
        if optional:
            return None
        expected = " or ".join(names)
        raise FileNotFoundError(
            f"{expected} is neither in {self.root} nor in a folder below it: pass the folder of "
            f"the data set as root; {self.request}"
        )

    def find_media(self, stems, suffixes):
        """Return the path of a video or image by its names without ending, or None.

        The first of `stems` that is there wins, and of its files the first of `suffixes`.

        Raises
        ------
        ValueError
            If several files are called so.
        """
        for stem in stems:
            for suffix in suffixes:
                paths = self._paths.get(stem + suffix, [])
                if len(paths) > 1:
                    raise ValueError(f"{_listed(paths)} have one name: choose by video_folder")
                if paths:
                    return paths[0]
        return None


def _listed(paths):
    return f"{len(paths)} files ({', '.join(map(str, sorted(paths)[:3]))})"
