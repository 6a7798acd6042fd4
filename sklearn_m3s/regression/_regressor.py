"""The regressor h of M3-S as a scikit-learn estimator, trained by skorch."""

from copy import deepcopy
from inspect import signature
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sklearn_m3s._device import check_device
from sklearn_m3s.regression._losses import MSEToSpearmanLoss, PenalizedMSELoss, WeightedMSELoss
from sklearn_m3s.regression._mlp import ACTIVATIONS, MLP, OUTPUT_ACTIVATIONS
from sklearn_m3s.regression._net import TensorBatches, WeightedNet, move_net
from sklearn_m3s.regression._schedule import LearningRateSchedule, LossSchedule

# torch warns of arrays that it may not write to.
_FEATURES = {"dtype": np.float32, "order": "C", "force_writeable": True}
_PREDICTION_ROWS = 4096


class MLPRegressor(RegressorMixin, BaseEstimator):
    """Multi-layer perceptron from features to scores, the regressor h of M3-S.

    Two hidden layers, Mish activations and a sigmoid output, trained by Adam on mini-batches
    with a learning rate that falls by steps. The defaults are those of the paper (sections 5 and
    6).

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(512, 64)
        Width of each hidden layer; empty for a linear model.
    activation : {"mish", "relu", "gelu", "tanh", "identity"}, default="mish"
        Activation after each hidden layer.
    output_activation : {"sigmoid", "identity"}, default="sigmoid"
        "sigmoid" predicts, and asks for, scores in [0, 1]; "identity" takes any real number.
    loss : {"mse", "penalized_mse", "mse_to_spearman"} or torch.nn.Module, default="mse"
        Mean squared error, :class:`PenalizedMSELoss`, :class:`MSEToSpearmanLoss`, or a module
        called with the (n,) predictions and targets of a batch, and with the keyword
        `sample_weight` if that is given to `fit`. A copy of the module is trained, never the
        module itself.
    penalty_scale : float, default=2
        α of ``loss="penalized_mse"``.
    penalty_power : float, default=4
        k of ``loss="penalized_mse"``.
    learning_rate : float, default=1e-3
        Learning rate of the first epochs.
    lr_step : int, default=5
        Number of epochs between two changes of the learning rate.
    lr_gamma : float, default=0.2
        Factor of each change.
    weight_decay : float, default=1e-5
        L2 penalty that Adam adds to the gradients.
    batch_size : int, default=32
        Rows per step; the last batch of an epoch holds what is left.
    max_epochs : int, default=20
        Number of passes over the training data, N_ep in the paper.
    device : str, default="auto"
        Where to train. "auto" is CUDA if there is any, else MPS, else the CPU. Once trained, the
        network is moved to the CPU, where it predicts and from where it can be pickled.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights and of the order of the rows. With an int, results on a CPU
        are the same on every run. torch's global generator is left alone.
    warm_start : bool, default=False
        If True, `fit` starts from the weights of the last fit; the optimizer and the schedules
        start anew.
    verbose : int, default=0
        If positive, skorch prints one line per epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The trained net; ``net_.module_`` is the network, ``net_.history`` the log of its epochs.
    loss_curve_ : list of float
        Training loss of each epoch: the mean of its batches, weighted by their rows.
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where `X` has names that are all strings.

    Notes
    -----
    The network is trained in float32 and evaluated in float64, so that a prediction does not
    depend on the rows that come with it. Its first predictions lie around the mean training
    score, so that no epoch is spent on finding it. Features of unequal scale should be
    standardised first.

    References
    ----------
    T. Dumont, J. Hevia, C. Fosco, "Modular Memorability: Tiered Representations for Video
    Memorability Prediction", CVPR 2023, sections 5 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.regression import MLPRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> y = 1 / (1 + np.exp(-X[:, 0]))
    >>> model = MLPRegressor(max_epochs=10, random_state=0).fit(X, y)
    >>> model.predict(X[:3]).shape
    (3,)
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "output_activation": [StrOptions(set(OUTPUT_ACTIVATIONS))],
        "loss": [StrOptions({"mse", "penalized_mse", "mse_to_spearman"}), torch.nn.Module],
        "penalty_scale": [Interval(Real, 0, None, closed="left")],
        "penalty_power": [Interval(Real, 0, None, closed="neither")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "lr_step": [Interval(Integral, 1, None, closed="left")],
        "lr_gamma": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(512, 64),
        activation="mish",
        output_activation="sigmoid",
        loss="mse",
        penalty_scale=2,
        penalty_power=4,
        learning_rate=1e-3,
        lr_step=5,
        lr_gamma=0.2,
        weight_decay=1e-5,
        batch_size=32,
        max_epochs=20,
        device="auto",
        random_state=None,
        warm_start=False,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.loss = loss
        self.penalty_scale = penalty_scale
        self.penalty_power = penalty_power
        self.learning_rate = learning_rate
        self.lr_step = lr_step
        self.lr_gamma = lr_gamma
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.device = device
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train for `max_epochs` epochs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features; converted to float32.
        y : array-like of shape (n_samples,)
            Scores, in [0, 1] with ``output_activation="sigmoid"``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights ≥ 0 of the rows, within each batch.

        Returns
        -------
        self : MLPRegressor
            Fitted estimator.

        Raises
        ------
        ValueError
            If the scores are outside [0, 1] and the output is a sigmoid, if the loss is a module
            that takes no `sample_weight` and that is given, if the device cannot be used, or if
            the training diverges.
        """
        warm = self.warm_start and hasattr(self, "net_")
        data = self._check_data(X, y, sample_weight, not warm, self.output_activation)
        net = self._build_net(*data)
        if warm:
            self._copy_weights(net)
        else:
            self.loss_curve_ = []
        self.net_ = net
        return self._train(data, self.max_epochs)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one more epoch; `max_epochs` calls amount to one `fit`.

        Parameters are those of the first call: what is set later waits for the next `fit`. The
        learning rate and the mixture of ``loss="mse_to_spearman"`` follow the number of
        epochs trained, and from `max_epochs` on stay at their last value. The mean score of
        ``loss="penalized_mse"`` is that of the first call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features; converted to float32.
        y : array-like of shape (n_samples,)
            Scores, in [0, 1] with ``output_activation="sigmoid"``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights ≥ 0 of the rows, within each batch.

        Returns
        -------
        self : MLPRegressor
            Fitted estimator.

        Raises
        ------
        ValueError
            As `fit`.
        """
        first = not hasattr(self, "net_")
        # A net that is trained on keeps the output that it was built with.
        output = self.output_activation if first else self.net_.module_.output_activation
        data = self._check_data(X, y, sample_weight, first, output)
        if first:
            self.net_ = self._build_net(*data)
            self.loss_curve_ = []
        return self._train(data, 1)

    def predict(self, X):
        """Predict the scores of rows of features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            In [0, 1] with ``output_activation="sigmoid"``.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If `X` is not a finite matrix with as many columns as in `fit`.
        """
        check_is_fitted(self, "net_")
        X = torch.from_numpy(validate_data(self, X, reset=False, **_FEATURES))
        module = deepcopy(self.net_.module_).double().eval()
        with torch.inference_mode():
            chunks = [module(X[rows].double()) for rows in gen_batches(len(X), _PREDICTION_ROWS)]
        return torch.cat(chunks).numpy()

    def _check_data(self, X, y, sample_weight, reset, output):
        """Return the training columns as float32: X and y, and the weights where given."""
        X, y = validate_data(self, X, y, y_numeric=True, reset=reset, **_FEATURES)
        y = y.astype(np.float32)
        if output == "sigmoid" and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                f"y ranges from {y.min():g} to {y.max():g}, but a sigmoid output only reaches "
                "[0, 1]; rescale the scores, or use output_activation='identity'."
            )
        if sample_weight is None:
            return X, y
        if isinstance(self.loss, torch.nn.Module) and (
            "sample_weight" not in signature(self.loss.forward).parameters
        ):
            raise ValueError(
                f"sample_weight was given, but loss={self.loss!r} does not take it: add "
                "sample_weight=None to its forward, or fit without weights."
            )
        weight = _check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
        if not weight.any():
            raise ValueError("sample_weight is all zeros; at least one weight must be positive.")
        return X, y, weight

    def _build_net(self, X, y, sample_weight=None):
        """Return an untrained net on the CPU."""
        sizes = list(self.hidden_layer_sizes)
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be integers above 0, got {sizes}.")
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        generator = torch.Generator().manual_seed(seed)
        network = MLP(X.shape[1], sizes, self.activation, self.output_activation, generator)
        mean = float(np.average(y, weights=sample_weight))
        network.start_at(mean)
        lr_schedule = LearningRateSchedule(self.max_epochs, self.lr_step, self.lr_gamma)
        return WeightedNet(
            network,
            criterion=self._build_criterion(mean),
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=check_device(self.device).startswith(("cpu", "cuda")) or None,
            lr=self.learning_rate,
            batch_size=self.batch_size,
            iterator_train=TensorBatches,
            iterator_train__generator=generator,
            train_split=None,
            callbacks=[LossSchedule(self.max_epochs), lr_schedule],
            verbose=self.verbose,
        ).initialize()

    def _build_criterion(self, center):
        """Return a new criterion, its penalty about the mean score unless it has a centre."""
        if isinstance(self.loss, torch.nn.Module):
            criterion = deepcopy(self.loss)
        elif self.loss == "penalized_mse":
            criterion = PenalizedMSELoss(self.penalty_scale, self.penalty_power)
        else:
            criterion = MSEToSpearmanLoss() if self.loss == "mse_to_spearman" else WeightedMSELoss()
        for module in criterion.modules():
            if isinstance(module, PenalizedMSELoss) and module.center is None:
                module.center = center
        return criterion

    def _copy_weights(self, net):
        """Start a new net from the weights of the present one."""
        try:
            net.module_.load_state_dict(self.net_.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True needs the hidden_layer_sizes of the last fit, but they changed; "
                "restore them, or use warm_start=False."
            ) from error

    def _train(self, data, n_epochs):
        device = check_device(self.device)
        dataset = torch.utils.data.TensorDataset(*(torch.from_numpy(a).to(device) for a in data))
        move_net(self.net_, device)
        try:
            self.net_.fit_loop(dataset, epochs=n_epochs)
        finally:
            move_net(self.net_, "cpu")
        self.loss_curve_ += self.net_.history[-n_epochs:, "train_loss"]
        self.n_iter_ = len(self.loss_curve_)
        if not np.isfinite(self.loss_curve_[-1]):
            del self.net_  # a net of NaN shall neither predict nor be trained on
            raise ValueError(
                f"Training diverged: the loss of epoch {self.n_iter_} is {self.loss_curve_[-1]}. "
                "Standardise the features (StandardScaler) or lower learning_rate."
            )
        return self
