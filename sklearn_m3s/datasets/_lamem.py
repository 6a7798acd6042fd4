"""LaMem: images with memorability scores, in five splits."""

from numbers import Integral

from sklearn.utils._param_validation import Interval, validate_params

from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._folder import IMAGES, Folder
from sklearn_m3s.datasets._tables import to_rows

_REQUEST = "get LaMem from its authors at http://memorability.csail.mit.edu"
_COLUMNS = {"name": "file", "scores": "score"}


@validate_params(
    OPTIONS | {"split": [Interval(Integral, 1, 5, closed="both")]},
    prefer_skip_nested_validation=True,
)
def load_lamem(root, split=1, *, video_folder=None, missing="raise", keep_unscored=False):
    """Load LaMem: some 60,000 images with memorability scores.

    Nothing is downloaded: its authors offer it at http://memorability.csail.mit.edu. To the tiers
    an image is a video of one frame.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with ``train_1.txt``, ``val_1.txt`` and ``test_1.txt``, and so on, at any
        depth; a line is a file name and a score.
    split : int, default=1
        Which of the five splits, from 1.
    video_folder : str, os.PathLike or None, default=None
        Where the images are, at any depth; None means below `root`.
    missing : {"raise", "skip"}, default="raise"
        Whether an image without a file is an error, or left out with a warning.
    keep_unscored : bool, default=False
        Whether to keep images whose score is missing; it is NaN.

    Returns
    -------
    Bunch
        ``videos`` (list of str, the paths of the images), ``names`` (list of str, without
        ending), ``scores`` (ndarray of shape (n_images,), float64, in [0, 1]) and ``split``
        (ndarray of shape (n_images,): "train", "val" or "test").

    Raises
    ------
    FileNotFoundError
        If `root`, a file of the split, or an image is missing.
    ValueError
        If an image is listed twice, a score is no number or outside [0, 1].

    Warns
    -----
    M3SWarning
        If images without a file are left out.

    References
    ----------
    Khosla et al., *Understanding and Predicting Image Memorability at a Large Scale*, ICCV 2015.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_m3s.datasets import load_lamem
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for i, part in enumerate(("train", "val", "test")):
    ...         _ = Path(root, f"{part}_1.txt").write_text(f"0000000{i}.jpg 0.{i + 6}")
    ...         Path(root, f"0000000{i}.jpg").touch()
    ...     data = load_lamem(root)
    >>> data.scores.tolist(), data.split.tolist()
    ([0.6, 0.7, 0.8], ['train', 'val', 'test'])
    """
    folder = Folder(root, _REQUEST)
    rows = []
    for part in ("train", "val", "test"):
        path = folder.find(f"{part}_{split}.txt")
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        cells = [line.split() for line in lines if line.strip()]
        records = [{"file": cell[0], "score": cell[1] if cell[1:] else None} for cell in cells]
        rows += [row | {"stems": [row["name"]]} for row in to_rows(records, _COLUMNS, part, path)]
    return make_bunch(rows, folder, video_folder, missing, keep_unscored, IMAGES)
