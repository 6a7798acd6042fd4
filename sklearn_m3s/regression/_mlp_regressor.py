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
from sklearn.utils import Tags, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sklearn_m3s._device import limit_forked_threads, resolve_device
from sklearn_m3s._doc_link import DocLinkMixin
from sklearn_m3s._validation import check_scores
from sklearn_m3s.regression._losses import (
    ColumnLoss,
    MSEToSpearmanLoss,
    PenalizedMSELoss,
    WeightedMSELoss,
)
from sklearn_m3s.regression._network import ACTIVATIONS, MLP, OUTPUT_ACTIVATIONS
from sklearn_m3s.regression._training import (
    EarlyStopping,
    EnsembleNet,
    LearningRateSchedule,
    LossSchedule,
    Rows,
    TensorBatches,
    get_state,
    move_net,
    set_state,
    to_tensors,
)

# Read-only arrays are copied, since torch warns about them.
_FEATURES: dict[str, Any] = {
    "dtype": np.float32,
    "order": "C",
    "force_writeable": True,
    "ensure_all_finite": "allow-nan",
}
_PREDICTION_ROWS = 4096
# Parameters of the network and of its training. partial_fit takes them from its first call.
_SHAPE = ["activation", "output_activation", "n_networks", "input_dropout", "dropout"]
_TRAINING = [
    "loss",
    "penalty_scale",
    "penalty_power",
    "learning_rate",
    "lr_step",
    "lr_gamma",
    "weight_decay",
    "max_epochs",
]


class MLPRegressor(DocLinkMixin, RegressorMixin, BaseEstimator):
    """Multi-layer perceptron from features to scores, the regressor h of M3-S.

    By default it has two hidden layers, Mish activations and a sigmoid output. Adam trains it on
    mini-batches, with a learning rate that decreases in steps. The defaults are those of the paper
    (sections 5 and 6). An ensemble of networks with dropout and early stopping ranks better; see
    `recipe` of :func:`~sklearn_m3s.make_m3s`.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(512, 64)
        Number of units of each hidden layer. An empty tuple gives a linear model.
    activation : {"mish", "relu", "gelu", "tanh", "identity"}, default="mish"
        Activation after each hidden layer.
    output_activation : {"sigmoid", "identity"}, default="sigmoid"
        ``"sigmoid"`` requires and predicts scores in [0, 1]. ``"identity"`` allows any real number.
    loss : {"mse", "penalized_mse", "mse_to_spearman"} or torch.nn.Module, default="mse"
        Mean squared error, :class:`~sklearn_m3s.regression.PenalizedMSELoss`,
        :class:`~sklearn_m3s.regression.MSEToSpearmanLoss`, or a module.
        A module is called with the (n,) predictions and the (n,) targets of a batch, and with the
        keyword `sample_weight` if weights were given to `fit`. It is copied before training. With
        several scores, each score has its own copy, which is called with the rows that have this
        score. Parameters and buffers of the module are kept between calls of `partial_fit`.
    penalty_scale : float, default=2
        Factor α ≥ 0 of ``loss="penalized_mse"``.
    penalty_power : float, default=4
        Exponent k > 0 of ``loss="penalized_mse"``.
    learning_rate : float, default=1e-3
        Initial learning rate, above 0.
    lr_step : int, default=5
        Number of epochs after which the learning rate is multiplied by `lr_gamma`.
    lr_gamma : float, default=0.2
        Factor of the learning rate, above 0.
    weight_decay : float, default=1e-5
        L2 penalty ≥ 0 that Adam adds to the gradients.
    batch_size : int or "auto", default=32
        Number of rows per training step. The last batch of an epoch has the remaining rows.
        ``"auto"`` is a sixteenth of the rows, but at least 32 and at most 256.
    max_epochs : int, default=20
        Number of passes over the training data, N_ep in the paper.
    dropout : float, default=0
        Share of the hidden units that are left out at each step, in [0, 1).
    input_dropout : float, default=0
        Share of the features that are left out at each step, in [0, 1).
    n_networks : int, default=1
        Number of networks, trained side by side from different initial weights on the same batches.
        The prediction is their mean.
    early_stopping : bool, default=False
        Whether to hold out rows for each network, and to keep the weights of the epoch with the
        best Spearman rank correlation on the held-out rows. With several scores, the mean of their
        correlations counts.
    validation_fraction : float, default=0.2
        Share of the rows that are held out for each network, in (0, 1), with
        ``early_stopping=True``. The networks have different held-out rows if there are enough rows.
    n_iter_no_change : int, default=10
        Number of epochs without a better rank correlation after which training stops, with
        ``early_stopping=True``.
    device : str, default="auto"
        Device to train on. ``"auto"`` selects CUDA if available, then MPS, then the CPU. After
        training, the network is moved to the CPU. It predicts there, so a pickle can be loaded on
        any computer.
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
    network_ : dict
        The trained networks and the state of the training, as arrays and plain values.
    net_ : skorch.NeuralNetRegressor
        The trained net, built from `network_` at each access. ``net_.module_`` has the networks,
        and ``net_.history`` has the log of the epochs. The ``train_loss`` in this log is the sum
        over the networks.
    loss_curve_ : list of float
        Training loss of each epoch: the mean over the networks and the batches, weighted by the
        number of rows of the batches.
    n_iter_ : int
        Number of epochs trained.
    validation_scores_ : list of float or None
        Rank correlation on held-out rows after each epoch. -1 if it is undefined. None without
        early stopping.
    best_validation_score_ : float or None
        Highest of the `validation_scores_`, which belongs to the kept weights. None without early
        stopping.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all are strings.

    Notes
    -----
    The network is trained in float32 and evaluated in float64, so that the prediction of a row
    does not depend on the other rows of the call. The output bias is initialised to the mean
    training score, so that no epoch is spent on learning it. Features of unequal scale should be
    standardised first.

    Rows of features with NaN are missing items, such as videos that cannot be read. `fit` leaves
    them out, and `predict` returns NaN for them, without a warning.

    With several scores, such as short-term and long-term memorability, one network has one output
    per score. The loss is the mean of the losses of the scores, each over the rows of the batch
    that have this score.

    After a call of `fit` or `predict`, forked processes run torch with one thread. With more,
    OpenMP would wait there for threads of the parent.

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

    Two scores, one of which is missing:

    >>> both = np.column_stack([y, 1 - y])
    >>> both[0, 1] = np.nan
    >>> MLPRegressor(max_epochs=10, random_state=0).fit(X, both).predict(X[:3]).shape
    (3, 2)
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
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "n_networks": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
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
        batch_size: int | str = 32,
        max_epochs: int = 20,
        dropout: float = 0,
        input_dropout: float = 0,
        n_networks: int = 1,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
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
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.n_networks = n_networks
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for `max_epochs` epochs, or until early stopping.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, converted to float32. Rows with NaN are left out.
        y : array-like of shape (n_samples,) or (n_samples, n_scores)
            Scores, in [0, 1] with ``output_activation="sigmoid"``. NaN in a matrix is a missing
            score. Rows without any score are left out. A vector must not contain NaN.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights ≥ 0 of the rows, within each batch.

        Returns
        -------
        self : MLPRegressor
            Fitted estimator.

        Raises
        ------
        ValueError
            If scores are outside [0, 1] and the output is a sigmoid, if no row or no score of a
            column is left, if `sample_weight` is given and the loss is a module without such a
            parameter, if the device is not available, if the training diverges, or if early
            stopping leaves no row to train on.
        """
        warm = self.warm_start and hasattr(self, "network_")
        data = self._check_data(X, y, sample_weight, not warm, self.output_activation)
        settings = self._settings(*data)
        net = self._build_net(settings)
        if warm:
            self._copy_weights(net)
        return self._train(settings, net, data, self.max_epochs, self.loss_curve_ if warm else [])

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
        X : array-like of shape (n_samples, n_features)
            Features, as for `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_scores)
            Scores, as for `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights ≥ 0 of the rows, within each batch.

        Returns
        -------
        self : MLPRegressor
            Fitted estimator.

        Raises
        ------
        ValueError
            With ``early_stopping=True``, if `y` has another number of scores than in the first
            call, or in the cases of `fit`.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: use fit.")
        if not hasattr(self, "network_"):
            data = self._check_data(X, y, sample_weight, True, self.output_activation)
            settings = self._settings(*data)
            return self._train(settings, self._build_net(settings), data, 1, [])
        shape = self.network_["shape"]
        data = self._check_data(X, y, sample_weight, False, shape["output_activation"])
        n_outputs = None if data[1].ndim == 1 else data[1].shape[1]
        if n_outputs != shape["n_outputs"]:
            raise ValueError(
                f"y has {_n_columns(n_outputs)}, but had {_n_columns(shape['n_outputs'])} in the "
                "first call: pass the same scores, or use fit."
            )
        return self._train(self.network_, self.net_, data, 1, self.loss_curve_)

    def predict(
        self, X: ArrayLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Rows with NaN are allowed.
        return_std : bool, default=False
            Whether to also return the standard deviation of the networks.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_scores), float64
            In [0, 1] with ``output_activation="sigmoid"``. NaN for rows with NaN. The shape is
            that of `y` in `fit`.
        std : ndarray of the shape of `scores`, float64
            Standard deviation of the predictions of the networks. Only with ``return_std=True``. It
            measures the disagreement of the networks, not the size of their errors.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        ValueError
            If `X` is not a matrix with as many columns as in `fit`, or contains infinity.
        """
        check_is_fitted(self, "network_")
        limit_forked_threads()
        features: np.ndarray = validate_data(self, X, reset=False, **_FEATURES)
        complete = np.flatnonzero(~np.isnan(features).any(axis=1))
        shape = self.network_["shape"]
        with torch.device("meta"):  # allocates no weights, since they are replaced below
            module = MLP(**shape).eval()
        weights = to_tensors(self.network_["weights"], torch.float64)
        module.load_state_dict(weights, assign=True)
        n_outputs = [] if shape["n_outputs"] is None else [shape["n_outputs"]]
        scores = np.full((shape["n_networks"], len(features), *n_outputs), np.nan)
        with torch.inference_mode():
            for first in range(0, len(complete), _PREDICTION_ROWS):
                rows = complete[first : first + _PREDICTION_ROWS]
                scores[:, rows] = module(torch.from_numpy(features[rows]).double()).numpy()
        return (scores.mean(axis=0), scores.std(axis=0)) if return_std else scores.mean(axis=0)

    @property
    def net_(self) -> EnsembleNet:
        """The trained net, built from `network_`."""
        net = self._build_net(self.network_)
        set_state(net, self.network_)
        return net

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    def _check_data(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, reset: bool, output: str
    ) -> tuple[np.ndarray, ...]:
        """Return X, y and, if given, the weights, as float32, without rows that lack X or y."""
        rules = {"ensure_2d": False, "ensure_all_finite": False, "dtype": None}
        X, y = validate_data(self, X, y, reset=reset, validate_separately=(_FEATURES, rules))
        y = check_scores(y, multioutput=True).astype(np.float32)
        check_consistent_length(X, y)
        data = [X, y]
        if sample_weight is not None:
            if isinstance(self.loss, torch.nn.Module) and (
                "sample_weight" not in signature(self.loss.forward).parameters
            ):
                raise ValueError(
                    f"sample_weight was given, but loss={self.loss!r} does not take it: add "
                    "sample_weight=None to its forward method, or fit without weights."
                )
            data.append(
                _check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
            )
        known = ~np.isnan(y.reshape(len(y), -1))
        kept = known.any(axis=1) & ~np.isnan(X).any(axis=1)
        if not kept.any():
            raise ValueError(
                f"Each of the {len(X)} rows has NaN in X or no score in y: pass at least one row "
                "with all features and a score."
            )
        if sample_weight is not None and not data[2][kept].any():
            raise ValueError(
                "sample_weight is all zeros for the rows that have all features and a score: pass "
                "at least one positive weight for them."
            )
        counted = kept if sample_weight is None else kept & (data[2] > 0)
        if len(empty := np.flatnonzero(~known[counted].any(axis=0))):
            raise ValueError(
                f"y has no score in the columns {empty.tolist()} for the rows without NaN in X and "
                "with a positive weight: remove these columns, or add scores."
            )
        low, high = np.nanmin(y[kept]), np.nanmax(y[kept])
        if output == "sigmoid" and (low < 0 or high > 1):
            raise ValueError(
                f"y ranges from {low:g} to {high:g}, but a sigmoid output only reaches "
                "[0, 1]: rescale the scores, or use output_activation='identity'."
            )
        return tuple(data if kept.all() else (array[kept] for array in data))

    def _settings(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> dict[str, Any]:
        """Return the settings of an untrained net, from the parameters and the data."""
        sizes: list[Any] = list(self.hidden_layer_sizes)
        if not all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be integers of at least 1, got {sizes}.")
        automatic = min(max(len(X) // 16, 32), 256)
        return {
            **{name: getattr(self, name) for name in _TRAINING},
            "seed": check_random_state(self.random_state).randint(np.iinfo(np.int32).max),
            "batch_size": automatic if self.batch_size == "auto" else self.batch_size,
            "mean": _mean_score(y, sample_weight),
            "shape": {
                "n_features": X.shape[1],
                "hidden_layer_sizes": [int(size) for size in sizes],
                "n_outputs": None if y.ndim == 1 else y.shape[1],
                **{name: getattr(self, name) for name in _SHAPE},
            },
        }

    def _build_net(self, settings: dict[str, Any]) -> EnsembleNet:
        """Return an untrained net on the CPU."""
        generator = torch.Generator().manual_seed(settings["seed"])
        network = MLP(**settings["shape"], generator=generator)
        network.start_at(settings["mean"])
        n_epochs = settings["max_epochs"]
        lr_schedule = LearningRateSchedule(n_epochs, settings["lr_step"], settings["lr_gamma"])
        return EnsembleNet(
            network,
            criterion=_build_criterion(settings),
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=settings["weight_decay"],
            lr=settings["learning_rate"],
            batch_size=settings["batch_size"],
            iterator_train=TensorBatches,
            iterator_train__generator=generator,
            train_split=None,
            callbacks=[LossSchedule(n_epochs), lr_schedule],
            verbose=self.verbose,
        ).initialize()

    def _copy_weights(self, net: EnsembleNet) -> None:
        """Copy the weights of the fitted net to a new one."""
        try:
            net.module_.load_state_dict(to_tensors(self.network_["weights"]))
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True needs the hidden_layer_sizes, n_networks and number of scores of "
                "the last fit, but they changed: restore them, or use warm_start=False."
            ) from error

    def _hold_out(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the rows that each network holds out, of shape (n_networks, n_held_out)."""
        rows = np.arange(len(X)) if sample_weight is None else np.flatnonzero(sample_weight)
        n_held_out = max(1, round(self.validation_fraction * len(rows)))
        if n_held_out >= len(rows):
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of {len(rows)} rows leaves no row "
                "to train on: pass more rows, a smaller fraction, or early_stopping=False."
            )
        order = check_random_state(self.random_state).permutation(rows)
        # The shuffled rows are a circle. Each network holds out the next part of it, so all rows
        # are held out about equally often.
        starts = n_held_out * np.arange(self.n_networks)
        return order[(starts[:, None] + np.arange(n_held_out)) % len(rows)]

    def _train(
        self,
        settings: dict[str, Any],
        net: EnsembleNet,
        data: tuple[np.ndarray, ...],
        n_epochs: int,
        losses: list[float],
    ) -> Self:
        """Train a net, and store the result. `losses` are the losses of earlier epochs."""
        limit_forked_threads()
        device = resolve_device(self.device)
        held_out = (
            torch.from_numpy(self._hold_out(*data)).to(device) if self.early_stopping else None
        )
        rows = Rows(*(torch.from_numpy(array).to(device) for array in data), held_out=held_out)
        stopping = EarlyStopping(rows, self.n_iter_no_change) if self.early_stopping else None
        move_net(net, device)
        network = net.module_
        for _ in range(n_epochs):
            net.fit_loop(rows, epochs=1)
            losses = [*losses, float(net.history[-1, "train_loss"]) / network.n_networks]
            if stopping is not None and stopping.is_over(network):
                break
        if not np.isfinite(losses[-1]):
            self.__dict__.pop("network_", None)  # predict must not use an earlier fit
            raise ValueError(
                f"Training diverged: the loss of epoch {len(losses)} is {losses[-1]}. "
                "Standardise the features (StandardScaler) or lower learning_rate."
            )
        if stopping is not None:
            stopping.restore(network)
        move_net(net, "cpu")
        self.network_ = {**settings, **get_state(net)}
        self.loss_curve_ = losses
        self.n_iter_ = len(losses)
        self.validation_scores_ = stopping.scores if stopping else None
        self.best_validation_score_ = max(stopping.scores) if stopping else None
        return self


def _n_columns(n_outputs: int | None) -> str:
    return "no columns" if n_outputs is None else f"{n_outputs} columns"


def _mean_score(y: np.ndarray, sample_weight: np.ndarray | None) -> float | list[float]:
    """Return the weighted mean of a score, or of each column."""
    if y.ndim == 2:
        known = ~np.isnan(y)
        weights = known * (1 if sample_weight is None else sample_weight[:, None])
        return np.average(np.where(known, y, 0), axis=0, weights=weights).tolist()
    return float(np.average(y, weights=sample_weight))


def _build_criterion(settings: dict[str, Any]) -> torch.nn.Module:
    """Return a new criterion. With several scores, it holds one loss per score."""
    mean = settings["mean"]
    if isinstance(mean, list):
        return ColumnLoss([_build_criterion({**settings, "mean": center}) for center in mean])
    loss = settings["loss"]
    if isinstance(loss, torch.nn.Module):
        criterion = deepcopy(loss)
    elif loss == "penalized_mse":
        criterion = PenalizedMSELoss(settings["penalty_scale"], power=settings["penalty_power"])
    else:
        criterion = MSEToSpearmanLoss() if loss == "mse_to_spearman" else WeightedMSELoss()
    for module in criterion.modules():
        if isinstance(module, PenalizedMSELoss) and module.center is None:
            module.center = mean
    return criterion
