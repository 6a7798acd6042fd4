"""Classes and functions allowed in a model file, and the attributes of their instances."""

import inspect
from functools import lru_cache
from importlib import import_module

# Attributes of instances besides the constructor's parameters, in the supported versions of
# scikit-learn. A model file with another class or attribute is refused.
_CLASSES = """
sklearn.cluster._agglomerative.AgglomerativeClustering
sklearn.cluster._dbscan.DBSCAN components_ core_sample_indices_ labels_
sklearn.cluster._hdbscan.hdbscan.HDBSCAN
sklearn.cluster._kmeans.KMeans _algorithm _n_features_out _n_init _tol cluster_centers_ inertia_
  labels_ n_iter_
sklearn.cluster._kmeans.MiniBatchKMeans
sklearn.compose._column_transformer.ColumnTransformer _columns _remainder
  _transformer_to_input_indices _transformers_feature_names_out force_int_remainder_cols
  output_indices_ sparse_output_ transformers_
sklearn.compose._column_transformer._RemainderColsList data future_dtype warning_enabled
  warning_was_emitted
sklearn.compose._target.TransformedTargetRegressor _training_dim regressor_ transformer_
sklearn.decomposition._pca.PCA _fit_svd_solver components_ explained_variance_
  explained_variance_ratio_ mean_ n_components_ n_samples_ noise_variance_ singular_values_
sklearn.decomposition._truncated_svd.TruncatedSVD components_ explained_variance_
  explained_variance_ratio_ singular_values_
sklearn.dummy.DummyClassifier _strategy class_prior_ classes_ n_classes_ n_outputs_ sparse_output_
sklearn.dummy.DummyRegressor constant_ n_outputs_
sklearn.ensemble._bagging.BaggingRegressor _max_features _max_samples _n_samples _sample_weight
  _seeds estimator_ estimator_params estimators_ estimators_features_
sklearn.ensemble._forest.ExtraTreesRegressor _n_samples _n_samples_bootstrap _sample_weight
  class_weight estimator estimator_ estimator_params estimators_ n_outputs_ oob_prediction_
  oob_score_
sklearn.ensemble._forest.RandomForestClassifier _n_samples _n_samples_bootstrap _sample_weight
  classes_ estimator estimator_ estimator_params estimators_ n_classes_ n_outputs_
sklearn.ensemble._forest.RandomForestRegressor _n_samples _n_samples_bootstrap _sample_weight
  class_weight estimator estimator_ estimator_params estimators_ n_outputs_
sklearn.ensemble._gb.GradientBoostingRegressor estimators_ init_ max_features_ n_estimators_
  n_trees_per_iteration_ oob_improvement_ oob_score_ oob_scores_ train_score_
sklearn.ensemble._hist_gradient_boosting.binning._BinMapper bin_thresholds_ is_categorical_
  missing_values_bin_idx_ n_bins_non_missing_
sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor
  _baseline_prediction _bin_mapper _is_categorical_remapped _n_features _predictors _preprocessor
  _random_seed _use_validation_data do_early_stopping_ is_categorical_ n_trees_per_iteration_
  train_score_ validation_score_
sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor
sklearn.ensemble._stacking.StackingRegressor _n_feature_outs estimators_ final_estimator_
  named_estimators_ stack_method stack_method_
sklearn.ensemble._voting.VotingRegressor estimators_ named_estimators_
sklearn.ensemble._weight_boosting.AdaBoostRegressor estimator_ estimator_errors_ estimator_params
  estimator_weights_ estimators_
sklearn.feature_selection._univariate_selection.SelectKBest pvalues_ scores_
sklearn.feature_selection._univariate_selection.SelectPercentile pvalues_ scores_
sklearn.feature_selection._variance_threshold.VarianceThreshold variances_
sklearn.gaussian_process._gpr.GaussianProcessRegressor L_ X_train_ _y_train_mean _y_train_std
  alpha_ kernel_ log_marginal_likelihood_value_ y_train_
sklearn.gaussian_process.kernels.ConstantKernel
sklearn.gaussian_process.kernels.DotProduct
sklearn.gaussian_process.kernels.ExpSineSquared
sklearn.gaussian_process.kernels.Exponentiation
sklearn.gaussian_process.kernels.Matern
sklearn.gaussian_process.kernels.Product
sklearn.gaussian_process.kernels.RBF
sklearn.gaussian_process.kernels.RationalQuadratic
sklearn.gaussian_process.kernels.Sum
sklearn.gaussian_process.kernels.WhiteKernel
sklearn.impute._base.MissingIndicator _n_features _precomputed features_
sklearn.impute._base.SimpleImputer _fill_dtype _fit_dtype indicator_ statistics_
sklearn.kernel_ridge.KernelRidge X_fit_ dual_coef_
sklearn.linear_model._base.LinearRegression coef_ intercept_ rank_ singular_ tol
sklearn.linear_model._bayes.ARDRegression X_offset_ X_scale_ alpha_ coef_ intercept_ lambda_
  n_iter_ scores_ sigma_
sklearn.linear_model._bayes.BayesianRidge X_offset_ X_scale_ alpha_ coef_ intercept_ lambda_
  n_iter_ scores_ sigma_
sklearn.linear_model._coordinate_descent.ElasticNet coef_ dual_gap_ intercept_ n_iter_
sklearn.linear_model._coordinate_descent.ElasticNetCV alpha_ alphas_ coef_ dual_gap_ intercept_
  l1_ratio_ mse_path_ n_alphas n_iter_
sklearn.linear_model._coordinate_descent.Lasso coef_ dual_gap_ intercept_ l1_ratio n_iter_
sklearn.linear_model._coordinate_descent.LassoCV alpha_ alphas_ coef_ dual_gap_ intercept_
  mse_path_ n_alphas n_iter_
sklearn.linear_model._huber.HuberRegressor coef_ intercept_ n_iter_ outliers_ scale_
sklearn.linear_model._logistic.LogisticRegression classes_ coef_ intercept_ multi_class n_iter_
sklearn.linear_model._ridge.Ridge coef_ intercept_ n_iter_ solver_
sklearn.linear_model._ridge.RidgeCV _store_cv_results alpha_ best_score_ coef_ intercept_
  store_cv_values
sklearn.linear_model._stochastic_gradient.SGDRegressor C coef_ intercept_ n_iter_ t_
sklearn.manifold._isomap.Isomap
sklearn.manifold._t_sne.TSNE n_iter
sklearn.model_selection._split.GroupKFold
sklearn.model_selection._split.KFold
sklearn.model_selection._split.ShuffleSplit _default_test_size
sklearn.neighbors._classification.KNeighborsClassifier _fit_X _fit_method _y classes_
  effective_metric_ effective_metric_params_ n_samples_fit_ outputs_2d_ radius
sklearn.neighbors._regression.KNeighborsRegressor _fit_X _fit_method _y effective_metric_
  effective_metric_params_ n_samples_fit_ radius
sklearn.neural_network._multilayer_perceptron.MLPClassifier _best_coefs _best_intercepts
  _label_binarizer _no_improvement_count best_loss_ best_validation_score_ classes_ coefs_
  intercepts_ loss loss_ loss_curve_ n_iter_ n_layers_ n_outputs_ out_activation_ t_
  validation_scores_
sklearn.neural_network._multilayer_perceptron.MLPRegressor _best_coefs _best_intercepts
  _coef_indptr _intercept_indptr _no_improvement_count best_loss_ best_validation_score_ coefs_
  intercepts_ loss loss_ loss_curve_ n_iter_ n_layers_ n_outputs_ out_activation_ t_
  validation_scores_
sklearn.pipeline.FeatureUnion _transformers_feature_names_out
sklearn.pipeline.Pipeline
sklearn.preprocessing._data.MaxAbsScaler max_abs_ n_samples_seen_ scale_
sklearn.preprocessing._data.MinMaxScaler data_max_ data_min_ data_range_ min_ n_samples_seen_
  scale_
sklearn.preprocessing._data.Normalizer
sklearn.preprocessing._data.PowerTransformer _scaler lambdas_
sklearn.preprocessing._data.QuantileTransformer n_quantiles_ quantiles_ references_
sklearn.preprocessing._data.RobustScaler center_ scale_
sklearn.preprocessing._data.StandardScaler mean_ n_samples_seen_ scale_ var_
sklearn.preprocessing._function_transformer.FunctionTransformer
sklearn.preprocessing._label.LabelBinarizer classes_ sparse_input_ y_type_
sklearn.preprocessing._polynomial.PolynomialFeatures _max_degree _min_degree _n_out_full
  n_output_features_
sklearn.svm._classes.LinearSVR coef_ intercept_ n_iter_
sklearn.svm._classes.NuSVR _dual_coef_ _effective_probability _gamma _intercept_ _n_support
  _num_iter _probA _probB _sparse class_weight dual_coef_ epsilon fit_status_ intercept_ n_iter_
  probability random_state shape_fit_ support_ support_vectors_
sklearn.svm._classes.SVC _dual_coef_ _effective_probability _gamma _intercept_ _n_support
  _num_iter _probA _probB _sparse class_weight_ classes_ dual_coef_ epsilon fit_status_ intercept_
  n_iter_ nu shape_fit_ support_ support_vectors_
sklearn.svm._classes.SVR _dual_coef_ _effective_probability _gamma _intercept_ _n_support
  _num_iter _probA _probB _sparse class_weight dual_coef_ fit_status_ intercept_ n_iter_ nu
  probability random_state shape_fit_ support_ support_vectors_
sklearn.tree._classes.DecisionTreeClassifier classes_ max_features_ n_classes_ n_outputs_ tree_
sklearn.tree._classes.DecisionTreeRegressor class_weight max_features_ n_outputs_ tree_
sklearn.tree._classes.ExtraTreeRegressor class_weight max_features_ n_outputs_ tree_
sklearn_m3s._block_scaler.BlockScaler mean_ n_samples_seen_ scale_ var_ with_std
sklearn_m3s._block_union.BlockUnion _transformers_feature_names_out
sklearn_m3s._finite_rows.FiniteRows estimator_ estimators_
sklearn_m3s.regression._mlp_regressor.MLPRegressor best_validation_score_ loss_curve_ n_iter_
  network_ validation_scores_
sklearn_m3s.regression._prediction_intervals.PredictionIntervals estimator_ out_of_fold_ quantile_
  y_
sklearn_m3s.similarity._cosine.CosineSimilarity _n_features_out context_ mean_ pca_
sklearn_m3s.similarity._dbscan.DBSCANSimilarity _n_features_out classifier_ context_indices_
  embedding_ eps_ labels_ n_clusters_ pca_
sklearn_m3s.similarity._distance.DistanceSimilarity _n_features_out classes_ pca_ prototypes_
sklearn_m3s.similarity._kde.KDESimilarity _n_features_out bandwidth_ context_ pca_
sklearn_m3s.tiers._clip_encoder.ClipEncoder n_features_out_ reduction_
sklearn_m3s.tiers._event_understanding.EventUnderstanding n_features_out_ reduction_
sklearn_m3s.tiers._frame_encoder.FrameEncoder n_features_out_ reduction_
sklearn_m3s.tiers._hog_reduction.HogReduction pca_
sklearn_m3s.tiers._raw_perception.RawPerception n_features_out_ reduction_
sklearn_m3s.tiers._scene_parsing.SceneParsing n_features_out_ reduction_
sklearn_m3s.tiers._tier_union.TierUnion _transformers_feature_names_out median_duration_
"""
# Attributes that scikit-learn sets on any estimator.
_COMMON = {
    "_metadata_request", "_sklearn_output_config", "_sklearn_version", "feature_names_in_",
    "n_features_in_",
}  # fmt: skip
_STORED = "sklearn_m3s.io._stored.Stored"
FUNCTIONS = {
    *(f"numpy.{name}" for name in ("exp", "expm1", "log", "log1p", "sqrt", "square")),
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.feature_selection._univariate_selection.r_regression",
}
# Numbers and strings: the types of keys and of NumPy's scalars.
SCALARS = {
    *(f"builtins.{name}" for name in ("bool", "float", "int", "str")),
    *(f"numpy.{name}" for name in ("bool", "bool_", "str_", "uint8", "uint32", "uint64")),
    *(f"numpy.{name}{bits}" for name in ("float", "int") for bits in (32, 64)),
}
CONTAINERS = {
    "DictNode": {"builtins.dict", "sklearn.utils._bunch.Bunch"},
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "SliceNode": {"builtins.slice"},
    "DTypeNode": {"numpy.dtype"},
    "NdArrayNode": {"numpy.ndarray", *SCALARS},
    "TypeNode": SCALARS,
    "FunctionNode": FUNCTIONS,
}


def _attributes() -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for word in _CLASSES.split():
        if "." in word:
            attributes = known[word] = set(_COMMON)
        else:
            attributes.add(word)
    return known


ATTRIBUTES = _attributes()


@lru_cache(maxsize=256)
def known_attributes(name: str) -> set[str]:
    """Return the names of all attributes that an instance of a known class may have."""
    if name == _STORED:
        return {"kind", "state"}
    module, _, kind = name.rpartition(".")
    constructor = getattr(import_module(module), kind)
    return ATTRIBUTES[name] | set(inspect.signature(constructor).parameters)


def is_known_class(name: str) -> bool:
    """Return whether a model file may contain instances of a class, given by its full name."""
    return name in ATTRIBUTES or name == _STORED


def full_name(kind: type) -> str:
    """Return the module and the name of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def trusted_types() -> list[str]:
    """Return the full names of all classes, functions and types that a model file can contain.

    They belong to this package, or are the parts of scikit-learn that models use. A model with any
    other type cannot be saved, and a file with one is refused.

    Returns
    -------
    list of str
        The sorted names. The list can be passed as `trusted` to `skops.io.load`.

    Examples
    --------
    >>> from sklearn_m3s.io import trusted_types
    >>> "sklearn.linear_model._ridge.Ridge" in trusted_types()
    True
    """
    return sorted({_STORED, *ATTRIBUTES}.union(*CONTAINERS.values()))
