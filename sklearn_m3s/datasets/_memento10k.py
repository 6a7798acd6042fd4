"""Memento10k: three-second clips with scores, decay, captions and actions."""

from typing import Any

from sklearn.utils import Bunch

from sklearn_m3s._files import PathLike
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._reading import Folder, read_json, to_rows

_REQUEST = "request Memento10k from its authors at http://memento.csail.mit.edu"
_COLUMNS = {"name": "filename", "scores": "mem_score", "decay": "alpha"}


@check_arguments(**OPTIONS)
def load_memento10k(
    root: PathLike,
    *,
    video_folder: PathLike | None = None,
    missing: str = "raise",
    keep_unscored: bool = False,
) -> Bunch:
    """Load Memento10k: 10,000 clips of three seconds with short-term memorability.

    Nothing is downloaded. Request the data set from its authors at http://memento.csail.mit.edu.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with ``memento_train_data.json``, ``memento_val_data.json`` and, if you have
        it, ``memento_test_data.json``, at any depth.
    video_folder : str, os.PathLike or None, default=None
        Folder of the videos, at any depth. None means below `root`. An .mp4 file is preferred. A
        video that only exists as an .npy file, uint8 frames of shape (T, H, W, 3), becomes an array
        that is read from disk on use.
    missing : {"raise", "skip"}, default="raise"
        Whether videos without a file raise an error, or are left out with an `M3SWarning`.
    keep_unscored : bool, default=False
        Whether to keep videos without a score, such as those of the test part, whose scores are
        not public. Their score is NaN.

    Returns
    -------
    Bunch
        ``videos`` (list of paths as str, or of arrays), ``names`` (list of str, without suffix),
        ``scores`` and ``decay`` (ndarrays of shape (n_videos,), float64: ``mem_score``, in [0, 1],
        and ``alpha``), ``captions`` and ``action_labels`` (lists of one list of str per video) and
        ``split`` (ndarray of shape (n_videos,): "train", "val" or "test"). Keys that the files do
        not have are absent.

    Raises
    ------
    FileNotFoundError
        If `root`, the file of the training or validation part, or a video is missing.
    ValueError
        If a file lacks a key, lists a video twice, or has a score outside [0, 1] or no score at
        all. Scores up to 0.05 outside [0, 1] are clipped instead.

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
    rows = [row for split in ("train", "val", "test") for row in _read_part(folder, split)]
    return make_bunch(rows, folder, video_folder, missing, keep_unscored)


def _read_part(folder: Folder, split: str) -> list[dict[str, Any]]:
    withheld = split == "test"
    find = folder.find_optional if withheld else folder.find
    path = find(f"memento_{split}_data.json")
    if path is None:
        return []
    records = read_json(path, ["filename"] if withheld else ["filename", "mem_score"])
    rows = to_rows(records, _COLUMNS, split, path)
    for row, record in zip(rows, records, strict=True):
        for key in {"captions", "action_labels"} & record.keys():
            texts = record[key] or []
            row[key] = [texts] if isinstance(texts, str) else list(texts)
    return rows
