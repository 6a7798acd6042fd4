"""VideoMem: seven-second clips with short- and long-term scores."""

from sklearn.utils._param_validation import validate_params

from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._folder import Folder
from sklearn_m3s.datasets._tables import read_csv, stem, to_rows

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


@validate_params(OPTIONS, prefer_skip_nested_validation=True)
def load_videomem(root, *, video_folder=None, missing="raise", keep_unscored=False):
    r"""Load VideoMem: 10,000 clips of seven seconds with short- and long-term memorability.

    Nothing is downloaded: InterDigital hands it out on request, at
    https://www.interdigital.com/data_sets/video-memorability-dataset. The scores of 8,000 videos,
    the development part, are public.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with ``ground-truth_dev-set.csv``, at any depth, and, if you have them,
        ``ground-truth_test-set.csv`` and the titles, ``dev-set_video-captions.txt`` and
        ``test-set_video-captions.txt``.
    video_folder : str, os.PathLike or None, default=None
        Where the videos are, at any depth; None means below `root`. A video found as .mp4 is
        preferred to the .webm of the release; one that is there only as .npy, frames of shape
        (T, H, W, 3) in uint8, becomes an array that is read from disk where it is used.
    missing : {"raise", "skip"}, default="raise"
        Whether a video without a file is an error, or left out with a warning.
    keep_unscored : bool, default=False
        Whether to keep rows without a short-term score; it is NaN.

    Returns
    -------
    Bunch
        ``videos`` (list of str, the paths, or of arrays), ``names`` (list of str, such as
        "video3"), ``scores`` and ``long_term_scores`` (ndarrays of shape (n_videos,), float64, in
        [0, 1]), ``n_annotations`` and ``n_long_term_annotations`` (the same, counts),
        ``captions`` (a list of str a video: its title, words joined by hyphens) and ``split``
        (ndarray of shape (n_videos,): "dev" or "test"). What the files do not have is absent; an
        empty cell is NaN.

    Raises
    ------
    FileNotFoundError
        If `root`, the table of the development part, or a video is missing.
    ValueError
        If a table lacks a column, holds a video twice, a score outside [0, 1] or no score at all.

    Warns
    -----
    M3SWarning
        If videos without a file are left out.

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


def read_parts(folder):
    """Return the rows of the development part, and of the test part if it is there."""
    rows = []
    for split, names in _TABLES.items():
        path = folder.find(*names, optional=split == "test")
        if path is None:
            continue
        records = read_csv(path, [_COLUMNS["name"], _COLUMNS["scores"]])
        titles = _titles(folder.find(f"{split}-set_video-captions.txt", optional=True))
        for row in to_rows(records, _COLUMNS, split, path):
            captions = {"captions": titles[row["name"]]} if row["name"] in titles else {}
            rows.append(row | {"stems": [row["name"]]} | captions)
    return rows


def _titles(path):
    """Return the titles by video; a line of the file is a video, white space and its title."""
    if path is None:
        return {}
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    return {stem(pair[0]): [pair[1].strip()] for pair in pairs if len(pair) == 2}
