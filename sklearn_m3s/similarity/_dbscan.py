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
PERPLEXITY = 12.0


class DBSCANSimilarity(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Which dense group of training videos a video belongs to, as one-hot columns.

    The similarity g(r, c) of M3-S, c the training rows: they are reduced by PCA, embedded by
    t-SNE and clustered by DBSCAN; a classifier then learns the clusters from the principal
    components, to label rows that were not seen in training. A row in no cluster (noise, label
    -1) is a row of zeros, in training and, as a class of its own, for the classifier.

    .. note::
        ``fit_transform(X)`` is not ``fit(X).transform(X)``: the former encodes the labels that
        DBSCAN gave to the training rows (or to the sample of them that stands for the context),
        the latter those that the classifier predicts for them.
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
        it is cloned. None is scikit-learn's t-SNE to 3 dimensions in 500 iterations, of angle 0.8
        and perplexity 12, or a third of the other training rows where that is less, with a warning.
        Under 600 rows its learning rate is n_samples / 12 and its early exaggeration 4:
        scikit-learn's own settings scatter few rows at random, or draw them into one point. On CUDA
        it is computed without approximation, so without angle: see `device`.
        ``"passthrough"`` clusters the components themselves.
    classifier : None or classifier, default=None
        What learns the labels from the components, by `fit` and `predict`; it is cloned. None is
        a multi-layer perceptron with one hidden layer of 100 units on standardised components.
    random_state : int, RandomState instance or None, default=None
        Seeds the PCA, the sample, and the default reducer and classifier; given ones keep their
        own.
    clusterer : None or clusterer, default=None
        What clusters the embedding, by `fit_predict`, with labels below 0 for noise; it is cloned.
        None is DBSCAN with `eps` and `min_samples`, which others do not use. With
        ``reducer="passthrough"``, ``KMeans(200)`` is a context in a fraction of the time.
    context_size : int or None, default=4000
        Training rows that are embedded and clustered, at least 2. Of more, a random sample of this
        size stands for the context, and the others are labelled by the classifier, so that the
        time to fit grows no faster than the number of rows. None takes them all.
    device : str, default="auto"
        Where the default reducer runs: ``"cuda"``, ``"cuda:1"`` and so on, ``"cpu"``, or the first
        that is there. On CUDA its time and memory grow with the square of `context_size`: four
        float32 matrices, 0.3 GB for 4,000 rows, 0.7 GB for 6,400. The CPU stands in for ``"mps"``.
        Devices do not give the same clusters, but much alike ones; what is fitted runs anywhere.

    Attributes
    ----------
    pca_ : PCA
        From columns to components, of all training rows.
    context_indices_ : ndarray of shape (n_context,), int64
        The training rows that were embedded and clustered, ascending.
    embedding_ : ndarray of shape (n_context, n_dimensions)
        These rows as the clusterer saw them, by default in 3 dimensions; zeros where they are all
        the same.
    eps_ : float
        The `eps` used; NaN with another clusterer.
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
        "clusterer": [None, HasMethods(["fit_predict"])],
        "context_size": [None, Interval(Integral, 2, None, closed="left")],
        "device": [str],
    }

    def __init__(
        self,
        n_components=10,
        eps="auto",
        min_samples=5,
        reducer=None,
        classifier=None,
        random_state=None,
        clusterer=None,
        context_size=4000,
        device="auto",
    ):
        self.n_components = n_components
        self.eps = eps
        self.min_samples = min_samples
        self.reducer = reducer
        self.classifier = classifier
        self.random_state = random_state
        self.clusterer = clusterer
        self.context_size = context_size
        self.device = device

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
            `X` is not a finite matrix, a parameter is out of range, or the device is not available.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self.pca_ = fit_pca(X, self.n_components, seed)
        components = self._components(X)
        self.context_indices_ = _sample(len(X), self.context_size, seed)
        context = components[self.context_indices_]
        alike = not np.ptp(X[self.context_indices_], axis=0).any()  # t-SNE divides by variance
        self.embedding_ = np.zeros_like(context) if alike else self._embed(context, seed)
        labels = self._cluster()
        self.classifier_ = self._make_classifier(labels, seed).fit(context, labels)
        if len(labels) < len(X):
            self.labels_ = self.classifier_.predict(components)
            self.labels_[self.context_indices_] = labels
        else:
            self.labels_ = labels
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
            `X` is not a finite matrix, a parameter is out of range, or the device is not available.
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
        return _one_hot(self.classifier_.predict(self._components(X)), self.n_clusters_)

    def _components(self, X):
        # In float32 Adam, which trains the classifier, meets denormal numbers: 3 times as slow.
        return self.pca_.transform(X).astype(np.float64)

    def _embed(self, components, seed):
        if self.reducer == "passthrough":
            return components
        reducer = self.reducer
        if reducer is None:
            reducer = _default_tsne(components.shape, seed, self.device)
        return np.asarray(clone(reducer).fit_transform(components))

    def _cluster(self):
        """Return the labels of the embedded rows: clusters from 0, noise -1."""
        self.eps_ = np.nan
        if self.clusterer is not None:
            labels = clone(self.clusterer).fit_predict(self.embedding_)
        else:
            automatic = self.eps == "auto"
            self.eps_ = _auto_eps(self.embedding_, self.min_samples) if automatic else self.eps
            labels = DBSCAN(eps=self.eps_, min_samples=self.min_samples).fit_predict(
                self.embedding_
            )
        clusters = np.unique(labels[labels >= 0])
        self.n_clusters_ = len(clusters)
        if not self.n_clusters_:
            warnings.warn(
                f"no clusters were found in {len(labels)} training rows (eps={self.eps_:.3g}, "
                f"min_samples={self.min_samples}), so {type(self).__name__} gives no columns. Use "
                "a larger eps, a smaller min_samples, or more videos.",
                M3SWarning,
                stacklevel=2,
            )
        return np.where(labels < 0, -1, np.searchsorted(clusters, labels))

    def _make_classifier(self, labels, seed):
        if (labels == labels[0]).all():
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


def _sample(n_rows, context_size, seed):
    if context_size is None or n_rows <= context_size:
        return np.arange(n_rows)
    return np.sort(np.random.RandomState(seed).choice(n_rows, context_size, replace=False))


def _default_tsne(shape, seed, device):
    n_rows, n_components = shape
    reason = f"{n_components} component(s) of {n_rows} row(s)"
    n_dimensions = at_most(N_DIMENSIONS, min(shape), "t-SNE's n_components", reason)
    limit = max(1.0, (n_rows - 1) / 3)  # t-SNE looks at three neighbours a unit of perplexity
    perplexity = at_most(PERPLEXITY, limit, "t-SNE's perplexity", f"{n_rows} training rows")
    settings = {"perplexity": perplexity, "max_iter": 500, "random_state": seed}
    if n_rows < 600:
        # The defaults are made for more: a rate of at least 50 scatters few rows, and a strong
        # exaggeration draws them together into one point.
        settings |= {"learning_rate": n_rows / 12, "early_exaggeration": 4.0}
    if device != "cpu":  # torch, which takes its time to import, knows the others
        from sklearn_m3s.similarity._tsne import ExactTSNE, cuda_or_cpu

        device = cuda_or_cpu(device)
    if device == "cpu":
        return TSNE(n_dimensions, angle=0.8, **settings)
    return ExactTSNE(n_dimensions, device=device, **settings)


def _auto_eps(embedding, min_samples):
    # A row counts among its own neighbours, as for DBSCAN; but the first is never at a distance.
    n_neighbors = min(max(min_samples, 2), len(embedding))
    neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(embedding)
    distances, _ = neighbors.kneighbors(embedding)
    smallest = np.finfo(np.float64).eps  # DBSCAN wants more than 0, also where most rows are alike
    return max(AUTO_EPS_FACTOR * float(np.median(distances[:, -1])), smallest)


def _one_hot(labels, n_clusters):
    return np.equal.outer(labels, np.arange(n_clusters)).astype(np.float32)
