"""Similarity to the training rows as one-hot cluster membership."""

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import DBSCAN
from sklearn.dummy import DummyClassifier
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.similarity._base import BaseSimilarity, RandomState, at_most
from sklearn_m3s.similarity._tsne_settings import tsne_settings

AUTO_EPS_FACTOR = 1.2
N_DIMENSIONS = 3
PERPLEXITY = 12.0
MISSING = -3  # the label of a row with NaN, as in HDBSCAN


class DBSCANSimilarity(BaseSimilarity):
    """Cluster of training rows that a row belongs to, as one-hot columns.

    This is the similarity g(r, c) of M3-S. The context c is the training rows: PCA reduces them,
    t-SNE embeds them and DBSCAN clusters the embedding. A classifier then learns the clusters from
    the principal components. It labels rows that were not seen in training. Noise (label -1)
    becomes a row of zeros. For the classifier, noise is a class like the others.

    Every part can be replaced: `reducer` embeds, `clusterer` clusters, and `classifier` labels.
    This is also the way to use a GPU, a faster method or another library.

    .. note::
        ``fit_transform(X)`` differs from ``fit(X).transform(X)``. The former encodes the labels
        that DBSCAN gave to the training rows (or to a sample of them, see `context_size`). The
        latter encodes the labels that the classifier predicts. A `Pipeline` calls the right one:
        the former to train, the latter to predict.

    Parameters
    ----------
    n_components : int, default=10
        Number of principal components, at least 1. It is reduced, with an `M3SWarning`, to the
        number of training rows or columns if there are fewer.
    eps : "auto" or float, default="auto"
        Largest distance between two neighbours in DBSCAN, in units of the embedding, above 0.
        ``"auto"`` is 1.2 times the median distance from an embedded row to its `min_samples`-th
        neighbour. As in DBSCAN, a row counts as its own first neighbour. With too few rows, the
        farthest row is used. The units of t-SNE depend on the number of rows and iterations, so a
        number tuned on one data set does not suit another.
    min_samples : int, default=5
        Number of rows within `eps`, the row itself included, that make a row the core of a
        cluster, at least 1.
    reducer : None, "passthrough" or estimator, default=None
        Estimator that embeds the components of the training rows by `fit_transform`. It is cloned.
        None means scikit-learn's t-SNE to 3 dimensions with 500 iterations, angle 0.8 and
        perplexity 12. With few rows, the perplexity is reduced, with a warning, to a third of the
        other rows. Under 600 rows, the learning rate is n_samples / 12 and the early exaggeration
        is 4, because scikit-learn's defaults scatter few rows at random or pull them into one
        point. ``"passthrough"`` clusters the components themselves.
    clusterer : None or clusterer, default=None
        Estimator that clusters the embedding by `fit_predict`. Negative labels are noise. It is
        cloned. None means DBSCAN with `eps` and `min_samples`, which other clusterers ignore.
        ``reducer="passthrough"`` with ``clusterer=KMeans(200)`` takes a fraction of the time.
    classifier : None or classifier, default=None
        Classifier that learns the labels from the components. It is cloned. None means a
        multi-layer perceptron with one hidden layer of 100 units on standardised components.
    context_size : int or None, default=4000
        Largest number of training rows that are embedded and clustered, at least 2. If there are
        more, a random sample of this size is the context, and the classifier labels the other rows.
        So the time to fit grows at most linearly with the number of rows. None means all rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the PCA, the sample, the default reducer and the default classifier. Given parts
        keep their own seeds.

    Attributes
    ----------
    pca_ : PCA
        PCA from columns to components, fitted to all training rows.
    context_indices_ : ndarray of shape (n_context,), int64
        Indices of the training rows that were embedded and clustered, in ascending order.
    embedding_ : ndarray of shape (n_context, n_dimensions)
        Embedding of these rows, by default in 3 dimensions. Zeros if the rows are identical.
    eps_ : float
        The `eps` used, or NaN with another clusterer.
    labels_ : ndarray of shape (n_samples,), int64
        Cluster of each training row, from 0. -1 for noise, and -3 for rows with NaN.
    n_clusters_ : int
        Number of clusters and of output columns. If it is 0, `fit` issues an `M3SWarning`.
    classifier_ : classifier
        Classifier from components to labels. A `DummyClassifier` if all training rows have the same
        label.
    n_features_in_, feature_names_in_
        Number and names of the columns seen in `fit`, as in scikit-learn.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, section 5.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn_m3s.similarity import DBSCANSimilarity
    >>> X, _ = make_blobs(60, n_features=4, centers=2, cluster_std=0.1, random_state=0)
    >>> similarity = DBSCANSimilarity(n_components=2, reducer="passthrough", random_state=0)
    >>> similarity.fit_transform(X).shape
    (60, 2)
    >>> similarity.get_feature_names_out()
    array(['dbscansimilarity0', 'dbscansimilarity1'], dtype=object)
    """

    _parameter_constraints = {
        **BaseSimilarity._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "eps": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "reducer": [None, StrOptions({"passthrough"}), HasMethods(["fit_transform"])],
        "clusterer": [None, HasMethods(["fit_predict"])],
        "classifier": [None, HasMethods(["fit", "predict"])],
        "context_size": [None, Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 10,
        *,
        eps: float | str = "auto",
        min_samples: int = 5,
        reducer: BaseEstimator | str | None = None,
        clusterer: BaseEstimator | None = None,
        classifier: BaseEstimator | None = None,
        context_size: int | None = 4000,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.eps = eps
        self.min_samples = min_samples
        self.reducer = reducer
        self.clusterer = clusterer
        self.classifier = classifier
        self.context_size = context_size
        self.random_state = random_state

    def fit_transform(self, X: ArrayLike, y: None = None) -> np.ndarray:
        """Cluster the training rows and return their own labels, one-hot.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. Those with NaN count as missing and are left out.
        y : None
            Ignored.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_clusters), float32
            1 in the column of the row's cluster, 0 elsewhere. Noise is a row of zeros. A row with
            NaN becomes a row of NaN.

        Raises
        ------
        ValueError
            In the cases of `fit`.
        """
        self.fit(X)
        return self._one_hot(self.labels_)

    def _learn(self, X: np.ndarray, y: ArrayLike | None, seed: int, complete: np.ndarray) -> int:
        components = self._components(X)
        sample = _sample(len(X), self.context_size, seed)
        context = components[sample]
        # t-SNE divides by the variance of the rows: identical ones have none.
        identical = not np.ptp(X[sample], axis=0).any()
        self.embedding_ = np.zeros_like(context) if identical else self._embed(context, seed)
        labels = self._cluster()
        self.classifier_ = self._make_classifier(labels, seed).fit(context, labels)
        all_labels = self.classifier_.predict(components) if len(labels) < len(X) else labels
        # The classifier may disagree about rows that it has learned from: they keep their own
        # label.
        all_labels[sample] = labels
        self.labels_ = np.full(len(complete), MISSING)
        self.labels_[complete] = all_labels
        self.context_indices_ = np.flatnonzero(complete)[sample]
        return self.n_clusters_

    def _compare(self, X: np.ndarray) -> np.ndarray:
        return self._one_hot(self.classifier_.predict(self._components(X)))

    def _components(self, X: np.ndarray) -> np.ndarray:
        # In float32, the Adam of the classifier meets denormal numbers, which are slow.
        return self._reduce(X).astype(np.float64)

    def _embed(self, components: np.ndarray, seed: int) -> np.ndarray:
        if isinstance(self.reducer, str):  # "passthrough"
            return components
        reducer = _default_tsne(components.shape, seed) if self.reducer is None else self.reducer
        return np.asarray(clone(reducer).fit_transform(components))

    def _cluster(self) -> np.ndarray:
        """Label the embedded rows: clusters from 0, noise -1."""
        if self.clusterer is None:
            automatic = self.eps == "auto"
            self.eps_ = _auto_eps(self.embedding_, self.min_samples) if automatic else self.eps
            clusterer = DBSCAN(eps=self.eps_, min_samples=self.min_samples)
        else:
            self.eps_ = np.nan
            clusterer = clone(self.clusterer)
        labels = clusterer.fit_predict(self.embedding_)
        clusters = np.unique(labels[labels >= 0])
        self.n_clusters_ = len(clusters)
        if not self.n_clusters_:
            warnings.warn(
                f"no clusters were found in {len(labels)} training rows (eps={self.eps_:.3g}, "
                f"min_samples={self.min_samples}), so {type(self).__name__} returns no columns. "
                "Use a larger eps, a smaller min_samples, or more videos.",
                M3SWarning,
                stacklevel=2,
            )
        return np.where(labels < 0, -1, np.searchsorted(clusters, labels))

    def _make_classifier(self, labels: np.ndarray, seed: int) -> Any:
        if (labels == labels[0]).all():
            return DummyClassifier()  # most classifiers refuse a single class
        if self.classifier is not None:
            return clone(self.classifier)
        mlp = MLPClassifier(learning_rate_init=0.01, tol=1e-3, max_iter=1000, random_state=seed)
        return make_pipeline(StandardScaler(), mlp).set_output(transform="default")

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        columns = np.equal.outer(labels, np.arange(self.n_clusters_)).astype(np.float32)
        columns[labels == MISSING] = np.nan
        return columns

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _sample(n_rows: int, context_size: int | None, seed: int) -> np.ndarray:
    if context_size is None or n_rows <= context_size:
        return np.arange(n_rows)
    return np.sort(np.random.RandomState(seed).choice(n_rows, context_size, replace=False))


def _default_tsne(shape: tuple[int, ...], seed: int) -> TSNE:
    n_rows, n_components = shape
    reason = f"{n_components} component(s) of {n_rows} row(s)"
    n_dimensions = at_most(N_DIMENSIONS, min(shape), "t-SNE's n_components", reason)
    settings = tsne_settings(n_rows, perplexity=PERPLEXITY)
    # Only for the warning: `settings` has the reduced value already.
    at_most(PERPLEXITY, settings["perplexity"], "t-SNE's perplexity", f"{n_rows} training rows")
    # A wide angle and half of the usual iterations take a fraction of the time, and the clusters
    # predict as well: see docs/results.rst.
    return TSNE(n_dimensions, angle=0.8, max_iter=500, random_state=seed, **settings)


def _auto_eps(embedding: np.ndarray, min_samples: int) -> float:
    # As in DBSCAN, a row is its own first neighbour, at distance 0: look at the second at least.
    n_neighbors = min(max(min_samples, 2), len(embedding))
    neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(embedding)
    distances, _ = neighbors.kneighbors(embedding)
    smallest = np.finfo(np.float64).eps  # DBSCAN needs eps above 0 even if most rows are identical
    return max(AUTO_EPS_FACTOR * float(np.median(distances[:, -1])), smallest)
