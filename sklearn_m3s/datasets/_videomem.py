"""VideoMem: seven-second clips with short- and long-term scores."""

from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from sklearn_m3s._files import PathLike
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._reading import Folder, read_csv, stem, to_rows

_REQUEST = (
    "request VideoMem from InterDigital at "
    "https://www.interdigital.com/data_sets/video-memorability-dataset"
)
_COLUMNS = {
    "name": "video",
    "scores": "short-term_memorability",
    "long_term_scores": "long-term_memorability",
    "n_annotations": "nb_short-term_annotations",
    "n_long_term_annotations": "nb_long-term_annotations",
}
_TABLES = {
    "dev": ("ground-truth_dev-set.csv", "dev-set_ground-truth.csv", "ground-truth.csv"),
    "test": ("ground-truth_test-set.csv", "test-set_ground-truth.csv"),
}


@check_arguments(**OPTIONS)
def load_videomem(
    root: PathLike,
    *,
    video_folder: PathLike | None = None,
    missing: str = "raise",
    keep_unscored: bool = False,
) -> Bunch:
    r"""Load VideoMem: 10,000 clips of seven seconds with short- and long-term memorability.

    Nothing is downloaded. Request the data set from InterDigital at
    https://www.interdigital.com/data_sets/video-memorability-dataset. The scores of the
    development part, 8,000 videos, are public.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with ``ground-truth_dev-set.csv``, at any depth, and, if you have them,
        ``ground-truth_test-set.csv`` and the titles, ``dev-set_video-captions.txt`` and
        ``test-set_video-captions.txt``.
    video_folder : str, os.PathLike or None, default=None
        Folder of the videos, at any depth. None means below `root`.
    missing : {"raise", "skip"}, default="raise"
        Whether videos without a file raise an error, or are left out with an `M3SWarning`.
    keep_unscored : bool, default=False
        Whether to keep videos without a short-term score. Their score is NaN.

    Returns
    -------
    Bunch
        ``videos`` (list of paths as str, or of arrays), ``names`` (list of str, such as "video3"),
        ``scores`` and ``long_term_scores`` (ndarrays of shape (n_videos,), float64, in [0, 1]),
        ``n_annotations`` and ``n_long_term_annotations`` (counts as ndarrays of shape (n_videos,),
        float64), ``captions`` (list of one list of str per video: its title, with words joined by
        hyphens) and ``split`` (ndarray of shape (n_videos,): "dev" or "test"). Keys that the files
        do not have are absent. An empty cell is NaN.

    Raises
    ------
    FileNotFoundError
        If `root`, the table of the development part, or a video is missing.
    ValueError
        If a table lacks a column, lists a video twice, or has a score outside [0, 1] or no score at
        all. Scores up to 0.05 outside [0, 1] are clipped instead.

    References
    ----------
    Cohendet et al., *VideoMem: Constructing, Analyzing, Predicting Short-Term and Long-Term Video
    Memorability*, ICCV 2019.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_m3s.datasets import load_videomem
    >>> table = "video,short-term_memorability,long-term_memorability\nvideo3.webm,0.9,0.8\n"
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = Path(root, "ground-truth_dev-set.csv").write_text(table)
    ...     Path(root, "video3.webm").touch()
    ...     data = load_videomem(root)
    >>> data.names, data.scores, data.long_term_scores
    (['video3'], array([0.9]), array([0.8]))
    """
    folder = Folder(root, _REQUEST)
    return make_bunch(read_parts(folder), folder, video_folder, missing, keep_unscored)


def read_parts(folder: Folder) -> list[dict[str, Any]]:
    """Return the rows of the development part, and of the test part if there is a table."""
    rows = []
    for split, names in _TABLES.items():
        find = folder.find_optional if split == "test" else folder.find
        path = find(*names)
        if path is None:
            continue
        records = read_csv(path, [_COLUMNS["name"], _COLUMNS["scores"]])
        titles = _titles(folder.find_optional(f"{split}-set_video-captions.txt"))
        for row in to_rows(records, _COLUMNS, split, path):
            captions = {"captions": titles[row["name"]]} if row["name"] in titles else {}
            rows.append(row | captions)
    return rows


def _titles(path: Path | None) -> dict[str, list[str]]:
    """Return the titles by video. A line of the file is a video, white space and a title."""
    if path is None:
        return {}
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    return {stem(pair[0]): [pair[1].strip()] for pair in pairs if len(pair) == 2}
