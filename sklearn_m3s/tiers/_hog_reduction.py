"""The PCA of the HOG in the descriptions of the raw tier."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

from sklearn_m3s._logging import warn_reduced

_NO_VARIANCE = 1e-6


class HogReduction(TransformerMixin, BaseEstimator):
    """Replace the columns of the HOG with their whitened principal components.

    Parameters
    ----------
    descriptors : sequence of str
        Descriptors in the order of the columns. All except ``"hog"`` have one column.
    n_components : int
        Number of components to keep. Fewer are kept, with a warning, if the training rows span
        fewer directions.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    pca_ : PCA or None
        The fitted PCA. None if there were fewer than two training rows, or all were equal.
    """

    def __init__(self, descriptors: Any, n_components: int) -> None:
        self.descriptors = descriptors
        self.n_components = n_components

    def _split(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return the columns before the HOG, those of the HOG, and those after it."""
        first = list(self.descriptors).index("hog")
        return np.split(rows, [first, rows.shape[1] - (len(self.descriptors) - 1 - first)], axis=1)

    def fit(self, rows: np.ndarray, y: None = None) -> "HogReduction":
        """Learn the components from the descriptions of the training videos."""
        self.n_features_in_ = rows.shape[1]
        hog = self._split(rows)[1]
        self.pca_ = _whitening_pca(min(self.n_components, len(hog) - 1, hog.shape[1]), hog)
        if self.pca_ is not None:
            # Whitening would amplify the rounding errors of directions without variance.
            n_directions = int((self.pca_.explained_variance_ > _NO_VARIANCE * hog.var()).sum())
            if n_directions < self.pca_.n_components_:
                self.pca_ = _whitening_pca(n_directions, hog)
        n_kept = self._n_kept()
        if n_kept < self.n_components:
            warn_reduced(
                f"hog_components={self.n_components} is reduced to {n_kept}: the {len(hog)} "
                "training videos do not differ in more directions",
                stacklevel=5,
            )
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return rows with the components in place of the HOG."""
        before, hog, after = self._split(rows)
        components = hog[:, :0] if self.pca_ is None else self.pca_.transform(hog)
        return np.hstack([before, components, after])

    def get_feature_names_out(self, input_features: None = None) -> np.ndarray:
        """Return the names of the descriptors, with numbered components of the HOG."""
        names: list[str] = []
        for name in self.descriptors:
            names += [f"hog{i}" for i in range(self._n_kept())] if name == "hog" else [name]
        return np.asarray(names, dtype=object)

    def _n_kept(self) -> int:
        return 0 if self.pca_ is None else self.pca_.n_components_


def _whitening_pca(n_components: int, rows: np.ndarray) -> PCA | None:
    if n_components < 1:
        return None
    # The seed is fixed, since the components hardly depend on it.
    pca = PCA(n_components, whiten=True, random_state=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # identical rows have no variance
        return pca.fit(rows)
