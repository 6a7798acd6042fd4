"""MediaEval's task Predicting Media Memorability, 2018 to 2021."""

from numbers import Integral
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from sklearn.utils import Bunch
from sklearn.utils._param_validation import Options

from sklearn_m3s._files import PathLike
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.datasets._bunch import OPTIONS, make_bunch
from sklearn_m3s.datasets._reading import Folder, read_csv, to_rows
from sklearn_m3s.datasets._videomem import read_parts

_REQUEST = (
    "request the data of the MediaEval task Predicting Media Memorability from its organisers, "
    "https://multimediaeval.github.io"
)
_COLUMNS = {
    2020: {
        "name": "video_id",
        "scores": "part_1_scores",
        "long_term_scores": "part_2_scores",
        "n_annotations": "ann_1",
        "n_long_term_annotations": "ann_2",
    },
    2021: {
        "name": "video_id",
        "scores": "scores_normalized_short_term",
        "raw_scores": "scores_raw_short_term",
        "long_term_scores": "scores_raw_long_term",
        "decay": "decay_alpha",
        "n_annotations": "annotations_short_term",
        "n_long_term_annotations": "annotations_long_term",
    },
}


@check_arguments(**OPTIONS, year=[Options(Integral, {2018, 2019, 2020, 2021})])
def load_mediaeval(
    root: PathLike,
    *,
    year: int,
    video_folder: PathLike | None = None,
    missing: str = "raise",
    keep_unscored: bool = False,
) -> Bunch:
    r"""Load one year of MediaEval's task Predicting Media Memorability.

    Nothing is downloaded. Participants get the data from the organisers, at
    https://multimediaeval.github.io. The data set of 2018 and 2019 is VideoMem. That of 2020 has
    videos of TRECVid 2019. In 2021 there are two: the same videos with more annotations, and
    Memento10k.

    Parameters
    ----------
    root : str or os.PathLike
        The folder with the tables of scores, at any depth. The tables of 2018 and 2019 are those of
        `load_videomem`, those of 2020 are ``scores_v2.csv`` and ``dev_scores.csv``, and those of
        2021 are ``train_scores.csv`` and ``dev_scores.csv``. In 2021, TRECVid and Memento10k have
        one folder each. Tables of the test part, ``test_scores.csv``, and of captions,
        ``text_descriptions.csv``, are optional.
    year : {2018, 2019, 2020, 2021}
        The year of the task.
    video_folder : str, os.PathLike or None, default=None
        Folder of the videos, at any depth. None means below `root`. From 2020 on, the task
        released links. Save each video under its number (``11.mp4`` or ``00011.mp4``) or under the
        last part of its link.
    missing : {"raise", "skip"}, default="raise"
        Whether videos without a file raise an error, or are left out with an `M3SWarning`.
    keep_unscored : bool, default=False
        Whether to keep videos without a short-term score. Their score is NaN.

    Returns
    -------
    Bunch
        In 2018 and 2019, the result of `load_videomem`. From 2020 on, ``videos`` (list of paths as
        str, or of arrays), ``names`` (list of str, the numbers of the videos), ``scores`` and
        ``long_term_scores`` (ndarrays of shape (n_videos,), float64, in [0, 1]),
        ``n_annotations`` and ``n_long_term_annotations`` (counts as ndarrays of shape (n_videos,),
        float64), ``captions`` (list of one list of str per video) and ``split`` (ndarray of shape
        (n_videos,): "train", "dev" or "test"). In 2021, ``scores`` are corrected for the time
        between two views. The uncorrected ``raw_scores`` and ``decay`` are added. Keys that the
        files do not have are absent, such as the long-term keys of Memento10k. An empty cell is
        NaN.

    Raises
    ------
    FileNotFoundError
        If `root`, a table of the training or development part, or a video is missing.
    ValueError
        If a table lacks a column, lists a video twice, or has a score outside [0, 1] or no score at
        all, or if several files have the same name, for example if `root` contains both data sets
        of 2021. Scores up to 0.05 outside [0, 1] are clipped instead.

    References
    ----------
    García Seco de Herrera et al., *Overview of MediaEval 2020 Predicting Media Memorability Task:
    What Makes a Video Memorable?*, MediaEval 2020.

    Kiziltepe et al., *Overview of the MediaEval 2021 Predicting Media Memorability Task*,
    MediaEval 2021.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_m3s.datasets import load_mediaeval
    >>> header = "video_id,video_url,ann_1,ann_2,part_1_scores,part_2_scores"
    >>> tables = {"scores_v2.csv": "8,,20,7,0.75,0.57", "dev_scores.csv": "34,,13,7,1,0.5"}
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name, row in tables.items():
    ...         _ = Path(root, name).write_text(f"{header}\n{row}")
    ...         Path(root, row.split(",")[0] + ".mp4").touch()
    ...     data = load_mediaeval(root, year=2020)
    >>> data.scores, data.n_annotations, data.split.tolist()
    (array([0.75, 1.  ]), array([20., 13.]), ['train', 'dev'])
    """
    folder = Folder(root, _REQUEST)
    rows = read_parts(folder) if year < 2020 else _read_parts(folder, year)
    return make_bunch(rows, folder, video_folder, missing, keep_unscored)


def _read_parts(folder: Folder, year: int) -> list[dict[str, Any]]:
    columns = _COLUMNS[year]
    rows = []
    for split in ("train", "dev", "test"):
        scores, texts = f"{split}_scores.csv", f"{split}_text_descriptions.csv"
        if year == 2020 and split == "train":
            scores, texts = "scores_v2.csv", "text_descriptions.csv"
        find = folder.find_optional if split == "test" else folder.find
        path = find(scores)
        if path is None:
            continue
        records = read_csv(path, [columns["name"], columns["scores"]])
        captions = _captions(folder.find_optional(texts))
        for row, record in zip(to_rows(records, columns, split, path), records, strict=True):
            if row["name"] in captions:
                row["captions"] = captions[row["name"]]
            rows.append(row | {"stems": _stems(row["name"], record.get("video_url") or "")})
    return rows


def _captions(path: Path | None) -> dict[str, list[str]]:
    """Return the captions by video. A row may hold several, and a video may have several rows."""
    captions: dict[str, list[str]] = {}
    for record in read_csv(path, ["video_id"]) if path else ():
        texts = [
            text for key, text in record.items() if str(key).startswith("description") and text
        ]
        captions.setdefault(record["video_id"].strip(), []).extend(texts)
    return captions


def _stems(number: str, url: str) -> list[str]:
    """Return the possible names of a file: its number, or its link without the server."""
    link = PurePosixPath(urlsplit(url.strip()).path)
    if not link.stem:
        return [number, number.zfill(5)]
    # The links of Memento10k end in folder/name, and its files are called folder_name.
    joined = f"{link.parent.name}_{link.stem}".replace("+", "-")
    return [number, number.zfill(5), link.stem, joined]
