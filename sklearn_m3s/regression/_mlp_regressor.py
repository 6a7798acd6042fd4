"""The regressor h of M3-S, a scikit-learn estimator trained by skorch."""

from collections.abc import Sequence
from copy import deepcopy
from inspect import signature
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sklearn_m3s._device import resolve_device
from sklearn_m3s.regression._losses import MSEToSpearmanLoss, PenalizedMSELoss, WeightedMSELoss
from sklearn_m3s.regression._network import ACTIVATIONS, MLP, OUTPUT_ACTIVATIONS
from sklearn_m3s.regression._training import (
    LearningRateSchedule,
    LossSchedule,
    TensorBatches,
    WeightedNet,
    move_net,
)

# torch warns about read-only arrays, so copy them.
_FEATURES = {"dtype": np.float32, "order": "C", "force_writeable": True}
_PREDICTION_ROWS = 4096


class MLPRegressor(RegressorMixin, BaseEstimator):
    """Multi-layer perceptron from features to scores, the regressor h of M3-S.

    By default it has two hidden layers, Mish activations and a sigmoid output. Adam trains it on
    mini-batches, with a learning rate that decreases in steps. The defaults are those of the paper
    (sections 5 and 6).

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(512, 64)
        Width of each hidden layer. Empty for a linear model.
    activation : {"mish", "relu", "gelu", "tanh", "identity"}, default="mish"
        Activation after each hidden layer.
    output_activation : {"sigmoid", "identity"}, default="sigmoid"
        ``"sigmoid"`` requires and predicts scores in [0, 1]. ``"identity"`` allows any real number.
    loss : {"mse", "penalized_mse", "mse_to_spearman"} or torch.nn.Module, default="mse"
        Mean squared error, :class:`PenalizedMSELoss`, :class:`MSEToSpearmanLoss`, or a module.
        A module is called with the (n,) predictions and the (n,) targets of a batch, and with the
        keyword `sample_weight` if weights were given to `fit`. It is copied before training.
    penalty_scale, penalty_power : float, default=2 and 4
        α and k of ``loss="penalized_mse"``.
    learning_rate : float, default=1e-3
        Initial learning rate.
    lr_step : int, default=5
        Number of epochs after which the learning rate is multiplied by `lr_gamma`.
    lr_gamma : float, default=0.2
        Factor of the learning rate.
    weight_decay : float, default=1e-5
        L2 penalty that Adam adds to the gradients.
    batch_size : int, default=32
        Rows per training step. The last batch of an epoch holds the remaining rows.
    max_epochs : int, default=20
        Number of passes over the training data, N_ep in the paper.
    device : str, default="auto"
        Device to train on. ``"auto"`` selects CUDA if available, then MPS, then the CPU. After
        training, the network is moved to the CPU. It predicts there, and pickles load anywhere.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights and of the order of the rows. With an int, results on a CPU
        are reproducible. torch's global generator is not used.
    warm_start : bool, default=False
        If True, `fit` starts from the weights of the previous fit. The optimizer and the schedules
        are reset.
    verbose : int, default=0
        If positive, skorch prints one line per epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNetRegressor
        The trained net. ``net_.module_`` is the network, ``net_.history`` the log of its epochs.
    loss_curve_ : list of float
        Training loss of each epoch: the mean of its batches, weighted by their rows.
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all are strings.

    Notes
    -----
    The network is trained in float32 and evaluated in float64, so that the prediction of a row
    does not depend on the other rows of the call. The output bias is initialised to the mean
    training score, so that no epoch is spent on learning it. Standardise features of unequal
    scale first.

    References
    ----------
    Dumont, Hevia, Fosco: Modular Memorability, CVPR 2023, sections 5 and 6.

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
        hidden_layer_sizes: Sequence[int] | np.ndarray = (512, 64),
        *,
        activation: str = "mish",
        output_activation: str = "sigmoid",
        loss: str | torch.nn.Module = "mse",
        penalty_scale: float = 2,
        penalty_power: float = 4,
        learning_rate: float = 1e-3,
        lr_step: int = 5,
        lr_gamma: float = 0.2,
        weight_decay: float = 1e-5,
        batch_size: int = 32,
        max_epochs: int = 20,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ) -> None:
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
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for `max_epochs` epochs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, converted to float32.
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
            If scores are outside [0, 1] and the output is a sigmoid, if `sample_weight` is given
            and the loss is a module without such a parameter, if the device is not available, or
            if the training diverges.
        """
        warm = self.warm_start and hasattr(self, "net_")
        data = self._check_data(X, y, sample_weight, not warm, self.output_activation)
        net = self._build_net(*data)
        if warm:
            self._copy_weights(net)
        else:
            self.loss_curve_: list[float] = []
        self.net_ = net
        return self._train(data, self.max_epochs)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one more epoch. `max_epochs` calls are equivalent to one `fit`.

        The parameters of the first call apply. Changes take effect at the next `fit`. The learning
        rate and the mixture of ``loss="mse_to_spearman"`` follow the number of epochs trained, and
        keep their last value from `max_epochs` on. The mean score of ``loss="penalized_mse"`` is
        that of the first call.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`, which also has the errors.

        Returns
        -------
        self : MLPRegressor
            Fitted estimator.
        """
        first = not hasattr(self, "net_")
        # The net keeps the output that it was built with.
        output = self.output_activation if first else self.net_.module_.output_activation
        data = self._check_data(X, y, sample_weight, first, output)
        if first:
            self.net_ = self._build_net(*data)
            self.loss_curve_ = []
        return self._train(data, 1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict scores.

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

    def _check_data(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, reset: bool, output: str
    ) -> tuple[np.ndarray, ...]:
        """Return X, y and, if given, the weights, as float32."""
        X, y = validate_data(self, X, y, y_numeric=True, reset=reset, **_FEATURES)
        y = y.astype(np.float32)
        if output == "sigmoid" and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                f"y ranges from {y.min():g} to {y.max():g}, but a sigmoid output only reaches "
                "[0, 1]: rescale the scores, or use output_activation='identity'."
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
            raise ValueError("sample_weight is all zeros: at least one weight must be positive.")
        return X, y, weight

    def _build_net(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> WeightedNet:
        """Return an untrained net on the CPU."""
        sizes: list[Any] = list(self.hidden_layer_sizes)
        if not all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes):
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
            optimizer__fused=resolve_device(self.device).startswith(("cpu", "cuda")) or None,
            lr=self.learning_rate,
            batch_size=self.batch_size,
            iterator_train=TensorBatches,
            iterator_train__generator=generator,
            train_split=None,
            callbacks=[LossSchedule(self.max_epochs), lr_schedule],
            verbose=self.verbose,
        ).initialize()

    def _build_criterion(self, center: float) -> torch.nn.Module:
        """Return a new criterion. Its penalised losses without a centre get `center`."""
        if isinstance(self.loss, torch.nn.Module):
            criterion = deepcopy(self.loss)
        elif self.loss == "penalized_mse":
            criterion = PenalizedMSELoss(self.penalty_scale, power=self.penalty_power)
        else:
            criterion = MSEToSpearmanLoss() if self.loss == "mse_to_spearman" else WeightedMSELoss()
        for module in criterion.modules():
            if isinstance(module, PenalizedMSELoss) and module.center is None:
                module.center = center
        return criterion

    def _copy_weights(self, net: WeightedNet) -> None:
        """Copy the weights of the fitted net to a new one."""
        try:
            net.module_.load_state_dict(self.net_.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True needs the hidden_layer_sizes of the last fit, but they changed: "
                "restore them, or use warm_start=False."
            ) from error

    def _train(self, data: tuple[np.ndarray, ...], n_epochs: int) -> Self:
        device = resolve_device(self.device)
        dataset = torch.utils.data.TensorDataset(*(torch.from_numpy(a).to(device) for a in data))
        move_net(self.net_, device)
        try:
            self.net_.fit_loop(dataset, epochs=n_epochs)
        finally:
            move_net(self.net_, "cpu")
        self.loss_curve_ += self.net_.history[-n_epochs:, "train_loss"]
        self.n_iter_ = len(self.loss_curve_)
        if not np.isfinite(self.loss_curve_[-1]):
            del self.net_  # a network of NaN must not predict or be trained further
            raise ValueError(
                f"Training diverged: the loss of epoch {self.n_iter_} is {self.loss_curve_[-1]}. "
                "Standardise the features (StandardScaler) or lower learning_rate."
            )
        return self
