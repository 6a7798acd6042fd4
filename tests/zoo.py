"""Regressors, scalers and other parts of scikit-learn that a model file can hold."""

import numpy as np
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import (
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    f_regression,
    mutual_info_regression,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVR, LinearSVR, NuSVR
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

KERNEL = ConstantKernel(1.0) * (RBF(3.0) + Matern(2.0)) + WhiteKernel(0.1) + DotProduct()
REGRESSORS = [
    ARDRegression(),
    AdaBoostRegressor(n_estimators=3, random_state=0),
    BaggingRegressor(Ridge(), n_estimators=3, random_state=0),
    BayesianRidge(),
    DecisionTreeRegressor(max_depth=3, random_state=0),
    DummyRegressor(),
    ElasticNet(0.01),
    ElasticNetCV(cv=3, random_state=0),
    ExtraTreeRegressor(max_depth=3, random_state=0),
    ExtraTreesRegressor(5, random_state=0, oob_score=True, bootstrap=True),
    GaussianProcessRegressor(KERNEL, random_state=0, optimizer=None),
    GaussianProcessRegressor(normalize_y=True),
    GradientBoostingRegressor(n_estimators=5, random_state=0),
    GradientBoostingRegressor(loss="huber", n_estimators=5, init="zero", subsample=0.7),
    GradientBoostingRegressor(loss="quantile", n_estimators=5, n_iter_no_change=3),
    HistGradientBoostingRegressor(max_iter=5, random_state=0),
    HistGradientBoostingRegressor(loss="absolute_error", max_iter=5, early_stopping=True),
    HistGradientBoostingRegressor(loss="quantile", quantile=0.8, max_iter=5, max_features=0.5),
    HistGradientBoostingRegressor(loss="poisson", max_iter=5),
    HistGradientBoostingRegressor(loss="gamma", max_iter=5),
    HuberRegressor(max_iter=1000),
    KNeighborsRegressor(3),
    KNeighborsRegressor(3, algorithm="ball_tree", weights="distance", p=1),
    KNeighborsRegressor(3, algorithm="kd_tree", metric="chebyshev"),
    KNeighborsRegressor(3, algorithm="brute"),
    KernelRidge(kernel="rbf"),
    Lasso(0.01),
    LassoCV(cv=3),
    LinearRegression(),
    LinearRegression(positive=True),
    LinearSVR(random_state=0),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=2000, random_state=0),
    MLPRegressor(
        hidden_layer_sizes=(5,),
        solver="lbfgs",
        max_iter=2000,
        random_state=np.random.RandomState(0),
    ),
    MLPRegressor(
        hidden_layer_sizes=(5,), solver="sgd", max_iter=2000, early_stopping=True, random_state=0
    ),
    NuSVR(),
    RandomForestRegressor(5, random_state=0),
    RandomForestRegressor(3, random_state=np.random.RandomState(0)),
    Ridge(),
    RidgeCV(np.logspace(-1, 3, 5)),
    SGDRegressor(random_state=0),
    SVR(),
    SVR(kernel="linear", C=0.1),
    StackingRegressor(
        [("ridge", RidgeCV(np.logspace(-1, 6, 15))), ("svr", SVR(C=0.1, epsilon=0.05))],
        final_estimator=LinearRegression(positive=True),
        cv=3,
    ),
    TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp),
    TransformedTargetRegressor(SVR(), transformer=QuantileTransformer(n_quantiles=10)),
    VotingRegressor([("ridge", Ridge()), ("forest", RandomForestRegressor(3, random_state=0))]),
    make_pipeline(SelectKBest(f_regression, k=3), Ridge()),
    make_pipeline(PCA(3), KMeans(4, n_init=1, random_state=0), Ridge()),
]
SCALERS = [
    FeatureUnion([("pca", PCA(2)), ("all", StandardScaler())]),
    MaxAbsScaler(),
    MinMaxScaler(),
    Normalizer(),
    PCA(3, whiten=True, random_state=0),
    PolynomialFeatures(2),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    RobustScaler(),
    SelectKBest(mutual_info_regression, k=2),
    SelectPercentile(f_regression, percentile=70),
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    StandardScaler(),
    TruncatedSVD(2, random_state=0),
    VarianceThreshold(),
    make_pipeline(SimpleImputer(), RobustScaler(), PCA(2)),
]
CLUSTERERS = [DBSCAN(2.0), KMeans(4, n_init=1, random_state=0)]
