"""LaMem: images with memorability scores, in five splits."""

from numbers import Integral

from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval

from sklearn_m3s._files import PathLike
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._reading import IMAGES, Folder, to_rows

_REQUEST = "get LaMem from its authors at http://memorability.csail.mit.edu"
_COLUMNS = {"name": "file", "scores": "score"}


@check_arguments(**OPTIONS, split=[Interval(Integral, 1, 5, closed="both")])
def load_lamem(
    root: PathLike,
    *,
    split: int = 1,
    video_folder: PathLike | None = None,
    missing: str = "raise",
    keep_unscored: bool = False,
) -> Bunch:
    """Load LaMem: about 60,000 images with memorability scores.

    Nothing is downloaded. The authors offer the data set at http://memorability.csail.mit.edu.
    Tiers treat an image as a video of one frame.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with ``train_1.txt``, ``val_1.txt``, ``test_1.txt`` and so on, at any depth.
        Each line holds a file name and a score.
    split : int, default=1
        Number of the split, from 1 to 5.
    video_folder : str, os.PathLike or None, default=None
        Folder of the images, at any depth. None means below `root`.
    missing : {"raise", "skip"}, default="raise"
        Whether images without a file raise an error, or are left out with an `M3SWarning`.
    keep_unscored : bool, default=False
        Whether to keep images without a score. Their score is NaN.

    Returns
    -------
    Bunch
        ``videos`` (list of str, the paths of the images), ``names`` (list of str, without
        suffix), ``scores`` (ndarray of shape (n_images,), float64, in [0, 1]) and ``split``
        (ndarray of shape (n_images,): "train", "val" or "test").

    Raises
    ------
    FileNotFoundError
        If `root`, a file of the split, or an image is missing.
    ValueError
        If an image is listed twice, or a score is not a number or outside [0, 1]. Scores up to 0.05
        outside [0, 1] are clipped instead.

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
        rows += to_rows(records, _COLUMNS, part, path)
    return make_bunch(rows, folder, video_folder, missing, keep_unscored, IMAGES)
