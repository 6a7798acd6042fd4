"""Similarity to the training videos as the cluster that a video falls into, one-hot."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.cluster import DBSCAN
from sklearn.dummy import DummyClassifier
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.similarity._reduction import at_most, fit_pca

AUTO_EPS_FACTOR = 1.2
N_DIMENSIONS = 3
PERPLEXITY = 30.0


class DBSCANSimilarity(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Which dense group of training videos a video belongs to, as one-hot columns.

    The similarity g(r, c) of M3-S, c the training rows: they are reduced by PCA, embedded by
    t-SNE and clustered by DBSCAN; a classifier then learns the clusters from the principal
    components, to label rows that were not seen in training. A row in no cluster (noise, label
    -1) is a row of zeros, in training and, as a class of its own, for the classifier.

    .. note::
        ``fit_transform(X)`` is not ``fit(X).transform(X)``: the former encodes the labels that
        DBSCAN gave to the training rows, the latter those that the classifier predicts for them.
        A `Pipeline` does the right thing with each.

    Parameters
    ----------
    n_components : int, default=10
        Principal components kept, at least 1. Reduced, with a warning, to the number of training
        rows or columns where these are fewer.
    eps : "auto" or float, default="auto"
        Largest distance between neighbours of DBSCAN, in units of the embedding, above 0.
        ``"auto"`` is 1.2 times the median distance of a training row to its `min_samples`-th
        neighbour in the embedding, itself counted as the first, as DBSCAN counts (its farthest,
        where there are fewer). The units of t-SNE change with the number of rows and iterations,
        so a number found on one data set is worth little on another.
    min_samples : int, default=5
        Rows within `eps`, itself included, that make a row the core of a cluster, at least 1.
    reducer : None, "passthrough" or estimator, default=None
        What embeds the components of the training rows before clustering, by `fit_transform`;
        it is cloned. None is scikit-learn's t-SNE to 3 dimensions, of perplexity 30, or a third
        of the other training rows where that is less, with a warning. Under 600 rows its
        learning rate is n_samples / 12 and its early exaggeration 4: scikit-learn's own settings
        scatter few rows at random, or draw them into one point. ``"passthrough"`` clusters the
        components themselves.
    classifier : None or classifier, default=None
        What learns the labels from the components, by `fit` and `predict`; it is cloned. None is
        a multi-layer perceptron with one hidden layer of 100 units on standardised components.
    random_state : int, RandomState instance or None, default=None
        Seeds the PCA and the default reducer and classifier; given ones keep their own.

    Attributes
    ----------
    pca_ : PCA
        From columns to components.
    embedding_ : ndarray of shape (n_samples, n_dimensions)
        The training rows as DBSCAN saw them, by default in 3 dimensions; zeros where they are all
        the same.
    eps_ : float
        The `eps` used.
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each training row, from 0, or -1 for noise.
    n_clusters_ : int
        Number of clusters, and of output columns.
    classifier_ : classifier
        From components to labels; a `DummyClassifier` where the training rows share one label.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where these are all strings.

    Warns
    -----
    M3SWarning
        A setting was reduced to fit the data, or no clusters were found and there are no columns.

    References
    ----------
    Dumont, Hevia and Fosco, "Modular Memorability: Tiered Representations for Video Memorability
    Prediction", CVPR 2023, section 5.

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
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "eps": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "reducer": [None, StrOptions({"passthrough"}), HasMethods(["fit_transform"])],
        "classifier": [None, HasMethods(["fit", "predict"])],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=10,
        eps="auto",
        min_samples=5,
        reducer=None,
        classifier=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.eps = eps
        self.min_samples = min_samples
        self.reducer = reducer
        self.classifier = classifier
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)  # the reducer and classifier are not ours
    def fit(self, X, y=None):
        """Cluster the training rows, and learn to label others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, of finite numbers.
        y : None
            Ignored.

        Returns
        -------
        self : DBSCANSimilarity

        Raises
        ------
        ValueError
            `X` is not a finite matrix, or a parameter is out of range.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self.pca_ = fit_pca(X, self.n_components, seed)
        components = self.pca_.transform(X)
        alike = not np.ptp(X, axis=0).any()  # t-SNE would divide by their variance
        self.embedding_ = np.zeros_like(components) if alike else self._embed(components, seed)
        self._cluster()
        self.classifier_ = self._make_classifier(seed).fit(components, self.labels_)
        return self

    def fit_transform(self, X, y=None):
        """Cluster the training rows, and return DBSCAN's own labels of them, one-hot.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, of finite numbers.
        y : None
            Ignored.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_clusters_), float32
            1 in the column of the row's cluster, else 0; noise is a row of zeros.

        Raises
        ------
        ValueError
            `X` is not a finite matrix, or a parameter is out of range.
        """
        self.fit(X)
        return _one_hot(self.labels_, self.n_clusters_)

    def transform(self, X):
        """Return the labels that the classifier predicts, one-hot.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any rows, of finite numbers.

        Returns
        -------
        columns : ndarray of shape (n_samples, n_clusters_), float32
            1 in the column of the row's predicted cluster, else 0; noise is a row of zeros.

        Raises
        ------
        NotFittedError
            `fit` was not called.
        ValueError
            `X` is not a finite matrix with as many columns as in `fit`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return _one_hot(self.classifier_.predict(self.pca_.transform(X)), self.n_clusters_)

    def _embed(self, components, seed):
        if self.reducer == "passthrough":
            return components
        reducer = _default_tsne(components.shape, seed) if self.reducer is None else self.reducer
        return np.asarray(clone(reducer).fit_transform(components))

    def _cluster(self):
        embedding = self.embedding_
        self.eps_ = _auto_eps(embedding, self.min_samples) if self.eps == "auto" else self.eps
        self.labels_ = DBSCAN(eps=self.eps_, min_samples=self.min_samples).fit_predict(embedding)
        self.n_clusters_ = int(self.labels_.max()) + 1
        if not self.n_clusters_:
            warnings.warn(
                f"DBSCAN found no clusters in {len(embedding)} training rows (eps="
                f"{self.eps_:.3g}, min_samples={self.min_samples}), so {type(self).__name__} gives "
                "no columns. Use a larger eps, a smaller min_samples, or more videos.",
                M3SWarning,
                stacklevel=2,
            )

    def _make_classifier(self, seed):
        if (self.labels_ == self.labels_[0]).all():
            return DummyClassifier()  # most classifiers refuse a single class
        if self.classifier is not None:
            return clone(self.classifier)
        mlp = MLPClassifier(learning_rate_init=0.01, tol=1e-3, max_iter=1000, random_state=seed)
        return make_pipeline(StandardScaler(), mlp).set_output(transform="default")

    @property
    def _n_features_out(self):
        return self.n_clusters_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _default_tsne(shape, seed):
    n_rows, n_components = shape
    n_dimensions = at_most(
        N_DIMENSIONS,
        n_components,
        "t-SNE's n_components",
        f"{n_components} component(s) of the PCA",
    )
    limit = max(1.0, (n_rows - 1) / 3)  # t-SNE looks at three neighbours a unit of perplexity
    perplexity = at_most(PERPLEXITY, limit, "t-SNE's perplexity", f"{n_rows} training rows")
    settings = {"perplexity": perplexity, "random_state": seed}
    if n_rows < 600:
        # The defaults are made for more: a rate of at least 50 scatters few rows, and a strong
        # exaggeration draws them together into one point.
        settings |= {"learning_rate": n_rows / 12, "early_exaggeration": 4.0}
    return TSNE(n_dimensions, **settings)


def _auto_eps(embedding, min_samples):
    # A row counts among its own neighbours, as for DBSCAN; but the first is never at a distance.
    n_neighbors = min(max(min_samples, 2), len(embedding))
    neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(embedding)
    distances, _ = neighbors.kneighbors(embedding)
    smallest = np.finfo(np.float64).eps  # DBSCAN wants more than 0, also where most rows are alike
    return max(AUTO_EPS_FACTOR * float(np.median(distances[:, -1])), smallest)


def _one_hot(labels, n_clusters):
    return np.equal.outer(labels, np.arange(n_clusters)).astype(np.float32)
