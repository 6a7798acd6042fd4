"""Memento10k: three-second clips with scores, decay, captions and actions."""

from sklearn.utils._param_validation import validate_params

from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._folder import Folder
from sklearn_m3s.datasets._tables import read_json, to_rows

_REQUEST = "request Memento10k from its authors at http://memento.csail.mit.edu"
_COLUMNS = {"name": "filename", "scores": "mem_score", "decay": "alpha"}


@validate_params(OPTIONS, prefer_skip_nested_validation=True)
def load_memento10k(root, *, video_folder=None, missing="raise", keep_unscored=False):
    """Load Memento10k: 10,000 clips of three seconds with short-term memorability.

    Nothing is downloaded: its authors hand it out on request, at http://memento.csail.mit.edu.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with ``memento_train_data.json``, ``memento_val_data.json`` and, if you have
        it, ``memento_test_data.json``, at any depth.
    video_folder : str, os.PathLike or None, default=None
        Where the videos are, at any depth; None means below `root`. A video found as .mp4 is
        preferred; one that is there only as .npy, frames of shape (T, H, W, 3) in uint8, becomes
        an array that is read from disk where it is used.
    missing : {"raise", "skip"}, default="raise"
        Whether a video without a file is an error, or left out with a warning.
    keep_unscored : bool, default=False
        Whether to keep videos without a score, as those of the test part whose scores are
        withheld; their scores are NaN.

    Returns
    -------
    Bunch
        ``videos`` (list of str, the paths, or of arrays), ``names`` (list of str, without
        ending), ``scores`` and ``decay`` (ndarrays of shape (n_videos,), float64: ``mem_score``,
        in [0, 1], and ``alpha``), ``captions`` and ``action_labels`` (a list of str a video) and
        ``split`` (ndarray of shape (n_videos,): "train", "val" or "test"). What the files do not
        have is absent.

    Raises
    ------
    FileNotFoundError
        If `root`, a file other than that of the test part, or a video is missing.
    ValueError
        If a file lacks a key, holds a video twice, a score outside [0, 1] or no score at all.
        What overshoots by up to 0.05 is clipped.

    Warns
    -----
    M3SWarning
        If videos without a file are left out.

    References
    ----------
    Newman et al., *Multimodal Memorability: Modeling Effects of Semantics and Decay on Video
    Memorability*, ECCV 2020.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from sklearn_m3s.datasets import load_memento10k
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for part, score in (("train", 0.7), ("val", 0.8)):
    ...         rows = [{"filename": f"{part}.mp4", "mem_score": score, "alpha": -0.001}]
    ...         _ = Path(root, f"memento_{part}_data.json").write_text(json.dumps(rows))
    ...         Path(root, f"{part}.mp4").touch()
    ...     data = load_memento10k(root)
    >>> data.scores.tolist(), data.split.tolist()
    ([0.7, 0.8], ['train', 'val'])
    """
    folder = Folder(root, _REQUEST)
    rows = [row for split in ("train", "val", "test") for row in _read(folder, split)]
    return make_bunch(rows, folder, video_folder, missing, keep_unscored)


def _read(folder, split):
    withheld = split == "test"
    path = folder.find(f"memento_{split}_data.json", optional=withheld)
    if path is None:
        return []
    records = read_json(path, ["filename"] if withheld else ["filename", "mem_score"])
    rows = to_rows(records, _COLUMNS, split, path)
    for row, record in zip(rows, records, strict=True):
        row["stems"] = [row["name"]]
        for key in {"captions", "action_labels"} & record.keys():
            texts = record[key] or []
            row[key] = [texts] if isinstance(texts, str) else list(texts)
    return rows
