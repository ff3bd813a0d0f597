"""Patch networks with scikit-learn's interface."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from phytomass.errors import InputError
from phytomass.models.patch_cnn.architecture import (
    DENSE,
    TILE,
    Architecture,
    Family,
    Kind,
    check_architecture,
)
from phytomass.models.patch_cnn.door import device_of, require_torch
from phytomass.models.patch_cnn.learned import Learned
from phytomass.models.patch_cnn.patches import Patches, as_patches, centre_of
from phytomass.models.patch_cnn.targets import Transform
from phytomass.models.training import Training
from phytomass.progress import Progress, silent

Array = NDArray[np.float64]


class PatchRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the patch networks: an ensemble of one architecture, trained for few plots.

    Predictors are scaled by mean and SD of the training patches. A missing value (NaN) in a patch
    counts as the training mean of its predictor; the centre of a patch must be complete. Each
    member sees each patch turned and mirrored at random, with noise; predictions are averaged
    over the eight symmetries and the members. X of shape (n, channels) is taken as patches of
    1 × 1; patches larger than `patch` are cropped to their centre.

    Parameters
    ----------
    patch : int, optional
        Side of the patch in pixels, odd; that of X by default.
    family : {"exact", "paper"}
        Unpadded convolutions, which map densely; or padded ones as in the mountain paper, which
        map patch by patch.
    filters, growth, dense : int
        Width of the first block; factor from block to block; fully connected layers (by default
        three, in the family `paper` six).
    pool : bool
        A 3 × 3 maximum pool of stride 1 after the last block (family `exact`).
    dropout, weight_decay, noise : float
        Against over-fitting: see `Architecture` and `Schedule`.
    n_members : int
        Networks in the ensemble, each with its own seed.
    epochs, batch_size, learning_rate
        See `Schedule`.
    symmetries : bool
        Use the eight symmetries in training and prediction.
    early_stopping : bool
        Keep a fifth of the groups aside for each member, another fifth for the next, and keep the
        best epoch by it. Otherwise all plots train to the end of the schedule.
    target : {"none", "log1p", "sqrt"}
        Transform of the target; the way back is corrected for bias (see `Target`).
    likelihood : {"mse", "gaussian"}
        Squared error; or mean and variance by the Gaussian likelihood (`predict_spread`).
    non_negative : bool
        Raise predictions to 0, or to the lowest training target where that is below 0.
    precision : {"fp32", "fp64", "bf16"}
        Of prediction; training is in fp32.
    device : str
        ``auto`` takes CUDA, then MPS, then the CPU.
    n_jobs : int
        Threads that train members; the weights do not depend on it.
    on_interrupt : {"keep", "raise"}
        At Ctrl-C in `fit`: keep the members (or, without a finished one, the epochs) so far and
        set `interrupted_`; or stop.
    random_state : int
        Seed of everything random.

    Attributes
    ----------
    architecture_ : Architecture
        What was built.
    members_ : list of dict
        Weights (float32 arrays) by name.
    scaling_, target_ : Scaling, Target
        How predictors and target are scaled.
    training_hash_ : str
        SHA-256 of patches and targets.
    interrupted_ : bool
        Whether Ctrl-C ended the training.

    Notes
    -----
    The numbers are flat arguments because that is scikit-learn's interface (`get_params`, grids).
    """

    kind: ClassVar[Kind] = "resnet"
    __metadata_request__fit: ClassVar = {"groups": True, "sample_weight": True, "y_draws": True}

    def __init__(
        self,
        patch: int | None = None,
        *,
        family: Family = "exact",
        filters: int = 32,
        growth: int = 2,
        dense: int | None = None,
        pool: bool = False,
        dropout: float = 0.3,
        n_members: int = 5,
        epochs: int = 80,
        batch_size: int = 64,
        learning_rate: float = 4e-3,
        weight_decay: float = 5e-3,
        noise: float = 0.05,
        symmetries: bool = True,
        early_stopping: bool = False,
        target: Transform = "none",
        likelihood: str = "mse",
        non_negative: bool = True,
        precision: str = "fp32",
        device: str = "auto",
        n_jobs: int = 1,
        on_interrupt: str = "keep",
        random_state: int = 0,
    ) -> None:
        self.patch = patch
        self.family = family
        self.filters = filters
        self.growth = growth
        self.dense = dense
        self.pool = pool
        self.dropout = dropout
        self.n_members = n_members
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.noise = noise
        self.symmetries = symmetries
        self.early_stopping = early_stopping
        self.target = target
        self.likelihood = likelihood
        self.non_negative = non_negative
        self.precision = precision
        self.device = device
        self.n_jobs = n_jobs
        self.on_interrupt = on_interrupt
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        y_draws: ArrayLike | None = None,
        progress: Progress = silent,
    ) -> Self:
        """Train the ensemble.

        Parameters
        ----------
        X : array, shape (n, channels, k, k) or (n, channels)
            Patches around the plots, NaN where there are no data.
        y : array, shape (n,)
            Target, Mg/ha.
        sample_weight : array, shape (n,), optional
            Weights, e.g. `weights_from_se`.
        groups : array, shape (n,), optional
            Site or block of each plot, kept whole by inner folds; each plot its own by default.
        y_draws : array, shape (n, draws), optional
            Draws of the target: member k is trained on draw k (again from 0 after the last).
        progress : Progress
            Called per epoch of any member.

        Raises
        ------
        InputError
            For a wrong parameter or patch, a centre without data, or when torch is absent.
        """
        require_torch()
        from phytomass.models.patch_cnn.fitting import check_parameters, train_ensemble

        checked, target = validate_data(
            self, X, y, y_numeric=True, ensure_min_samples=2, **_ALLOWED
        )
        patches = as_patches(checked)
        check_parameters(self)
        net = self._architecture(patches)
        check_architecture(net)
        plots = Training.of(
            centre_of(patches, net.patch),
            target,
            groups,
            y_draws=y_draws,
            sample_weight=sample_weight,
        )
        return self.with_learned(train_ensemble(self, net, plots, progress))

    def with_learned(self, learned: Learned) -> Self:
        """Keep what training gave, or a file; return the network itself, as `fit` does."""
        self.architecture_ = learned.architecture
        self.scaling_, self.target_ = learned.scaling, learned.target
        self.members_, self.interrupted_ = learned.members, learned.interrupted
        self.n_train_, self.training_hash_ = learned.n_train, learned.training_hash
        self.n_features_in_ = learned.architecture.channels
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict patches (n, channels, k, k) or pixels (n, channels): array (n,), Mg/ha."""
        mean, _ = self._moments(self._checked_predict(X))
        return mean

    def predict_spread(self, X: ArrayLike) -> Array:
        """Return the SD of each prediction, array (n,), Mg/ha.

        The spread between members; with `likelihood="gaussian"` also the variance they predict:
        sqrt(mean(s²) + var(mean)).
        """
        _, spread = self._moments(self._checked_predict(X))
        return spread

    def predict_field(self, values: Patches, *, tile: int | None = None, threads: int = 1) -> Array:
        """Predict every pixel of a field that comes with its halo.

        Parameters
        ----------
        values : array, shape (channels, rows + 2 halo, cols + 2 halo)
            Predictors, NaN where there are no data; `halo_` pixels more on each side.
        tile : int, optional
            Side of the tiles that are computed at once; the numbers do not depend on it.
        threads : int
            Threads of torch.

        Returns
        -------
        array, shape (rows, cols)
            Mg/ha: the number of `predict` for the patch around each pixel. Pixels without data
            themselves get a number too: mask them.
        """
        return self._field(values, tile, threads)[0]

    def predict_field_spread(
        self, values: Patches, *, tile: int | None = None, threads: int = 1
    ) -> Array:
        """Return the SD of `predict_field`, as `predict_spread`: array (rows, cols)."""
        return self._field(values, tile, threads)[1]

    @property
    def halo_(self) -> int:
        """Pixels seen on each side of the centre."""
        check_is_fitted(self, "members_")
        return self.architecture_.halo

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags

    def _architecture(self, patches: Patches) -> Architecture:
        seen = int(patches.shape[-1])
        side = seen if self.patch is None else self.patch
        if self.kind == "pixelnet":
            side = 1
        if side > seen:
            raise InputError(
                f"patches of {seen} × {seen} pixels, the network needs {side} × {side}",
                where=self.kind,
                remedy="extract larger patches, or set a smaller `patch`",
            )
        if self.family not in DENSE:
            raise InputError(f"no family {self.family!r}", remedy="use exact or paper")
        return Architecture(
            self.kind,
            self.family,
            int(patches.shape[1]),
            side,
            self.filters,
            self.growth,
            DENSE[self.family] if self.dense is None else self.dense,
            self.dropout,
            self.pool,
            2 if self.likelihood == "gaussian" else 1,
        )

    def _checked_predict(self, X: ArrayLike) -> Patches:
        check_is_fitted(self)
        patches = as_patches(validate_data(self, X, reset=False, **_ALLOWED))
        side = self.architecture_.patch
        if patches.shape[-1] < side:
            raise InputError(
                f"patches of {patches.shape[-1]} pixels, the network was trained on {side}",
                where=self.kind,
            )
        return centre_of(patches, side)

    def _ensemble(self) -> Any:
        require_torch()
        from phytomass.models.patch_cnn.inference import Ensemble

        device = device_of(self.device)
        return Ensemble(self.architecture_, self.members_, device, self.precision, self.symmetries)

    def _moments(self, patches: Patches) -> tuple[Array, Array]:
        return self._back(self._ensemble().patches(self.scaling_.apply(patches)))

    def _field(self, values: Patches, tile: int | None, threads: int) -> tuple[Array, Array]:
        check_is_fitted(self)
        net = self.architecture_
        if values.ndim != 3 or values.shape[0] != net.channels or min(values.shape[1:]) < net.patch:
            raise InputError(
                f"a field of shape {values.shape}; expected {net.channels} predictors and at least "
                f"{net.patch} × {net.patch} pixels, halo included",
                where=self.kind,
            )
        if net.family == "paper":
            windows = np.lib.stride_tricks.sliding_window_view(values, (net.patch,) * 2, (1, 2))
            rows = [self._moments(row.swapaxes(0, 1)) for row in windows.swapaxes(0, 1)]
            return np.stack([m for m, _ in rows]), np.stack([s for _, s in rows])
        scaled = self.scaling_.apply(values[None])[0]
        return self._back(self._ensemble().field(scaled, tile or TILE, threads))

    def _back(self, out: Array) -> tuple[Array, Array]:
        """Turn (members, outputs, …) of the networks into mean and SD in Mg/ha."""
        by_member = self.target_.back(out[:, 0])
        variance = by_member.var(axis=0)
        if out.shape[1] == 2:
            variance = variance + (out[:, 1] * self.target_.slope(out[:, 0]) ** 2).mean(axis=0)
        mean = np.maximum(by_member.mean(axis=0), self.target_.floor)
        return mean, np.sqrt(variance)


_ALLOWED: dict[str, Any] = {
    "allow_nd": True,
    "ensure_all_finite": "allow-nan",
    "dtype": [np.float64, np.float32],
}


class ResNet(PatchRegressor):
    """The mountain paper's residual network: four blocks of two convolutions and a shortcut."""

    kind = "resnet"


class VGG(PatchRegressor):
    """The same eight convolutions as `ResNet`, without shortcuts."""

    kind = "vgg"


class AlexNet(PatchRegressor):
    """Three convolutions, each followed by a maximum pool of stride 1 where the patch allows."""

    kind = "alexnet"


class PixelNet(PatchRegressor):
    """The paper's DNN: the fully connected part on the centre pixel alone."""

    kind = "pixelnet"


_EXAMPLE = """
    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(30, 3, 5, 5)), rng.uniform(0, 200, 30)  # plots, predictors, patch
    >>> net = {name}(filters=4, n_members=2, epochs=2).fit(X, y)  # as many as fit in a second
    >>> net.predict(X[:4]).shape, net.predict_spread(X[:4]).shape
    ((4,), (4,))
    """

for _kind in (ResNet, VGG, AlexNet, PixelNet):
    _rest = str(PatchRegressor.__doc__).partition("\n\n")[2].rstrip()
    _kind.__doc__ = f"{_kind.__doc__}\n\n{_rest}\n{_EXAMPLE.format(name=_kind.__name__)}"
