"""Models and predictors that `finland_ideas.py` tries and the package does not have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.decomposition import PCA
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from phytomass.draws import seed_of
from phytomass.models.patch_cnn import ResNet
from phytomass.models.patch_cnn.door import torch_threads
from phytomass.models.patch_cnn.learned import State
from phytomass.models.patch_cnn.nets import Dropout, build_network, channels_last
from phytomass.models.patch_cnn.training import _loss, _Trainer
from phytomass.models.training import Training

Array = NDArray[np.float64]
Field = NDArray[np.float32]


def harmonics(field: Field, names: Sequence[str]) -> Field:
    """Fit mean, annual sine and cosine to the months of each band: bands named NAME_MM."""
    found = [re.fullmatch(r"(.+)_(\d\d)", name) for name in names]
    bands = list(dict.fromkeys(match[1] for match in found if match))
    layers = []
    for band in bands:
        own = [(i, int(m[2])) for i, m in enumerate(found) if m and m[1] == band]
        angle = 2 * np.pi * (np.array([month for _, month in own]) - 0.5) / 12
        design = np.column_stack([np.ones(len(own)), np.sin(angle), np.cos(angle)])
        series = field[[i for i, _ in own]].reshape(len(own), -1)
        coefficients = np.linalg.lstsq(design, series, rcond=None)[0]
        layers.append(coefficients.reshape(3, *field.shape[1:]))
    return np.concatenate(layers).astype(np.float32)


def principal(field: Field, components: int) -> Field:
    """Turn the predictors of all pixels into their principal components (no plot is used)."""
    pixels = field.reshape(len(field), -1).T.astype(np.float64)
    complete = np.isfinite(pixels).all(axis=1)
    count = min(components, len(field))
    scaler = StandardScaler().fit(pixels[complete])
    model = PCA(count, svd_solver="full").fit(scaler.transform(pixels[complete]))
    result = np.full((len(pixels), count), np.nan, dtype=np.float32)
    result[complete] = model.transform(scaler.transform(pixels[complete]))
    return result.T.reshape(count, *field.shape[1:])


def gaussian_process(components: int) -> Pipeline:
    """Return a Gaussian process on the leading principal components of its predictors."""
    kernel = ConstantKernel(1.0) * RBF(np.sqrt(components)) + WhiteKernel(0.5)
    return Pipeline(
        [
            ("scale", StandardScaler()),
            ("pca", PCA(components, svd_solver="full")),
            ("same", StandardScaler()),
            ("model", GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)),
        ]
    )


class Kriging(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Kriging of the plots by their coordinates alone, which are the last two predictors."""

    def fit(self, X: Any, y: Array) -> Self:
        kernel = ConstantKernel(1.0) * Matern(20.0, nu=0.5) + WhiteKernel(1.0)
        self.process_ = GaussianProcessRegressor(kernel, normalize_y=True)
        self.process_.fit(np.asarray(X)[:, -2:], y)
        return self

    def predict(self, X: Any) -> Array:
        places = np.asarray(X)[:, -2:]
        parts = np.array_split(places, max(1, len(places) // 4096))
        return np.concatenate([self.process_.predict(part) for part in parts])


class KrigedResiduals(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model that sees patches, plus the kriged residuals of its held-out plots."""

    def __init__(self, base: Any) -> None:
        self.base = base

    def fit(self, X: Any, y: Array) -> Self:
        values, middle = X[:, :-2], X.shape[-1] // 2
        residual = np.empty(len(y))
        for train, test in KFold(5, shuffle=True, random_state=1).split(values):
            fitted = clone(self.base).fit(values[train], y[train])
            residual[test] = y[test] - np.ravel(fitted.predict(values[test]))
        self.base_ = clone(self.base).fit(values, y)
        self.kriging_ = Kriging().fit(X[:, :, middle, middle], residual)
        return self

    def predict(self, X: Any) -> Array:
        middle = X.shape[-1] // 2
        more = self.kriging_.predict(X[:, :, middle, middle])
        return np.ravel(self.base_.predict(X[:, :-2])) + more

    def predict_field(self, values: Any) -> Array:
        h = self.halo_
        own = values[:, h : values.shape[1] - h, h : values.shape[2] - h]
        more = self.kriging_.predict(own.reshape(len(own), -1).T).reshape(own.shape[1:])
        return self.base_[-1].predict_field(values[:-2]) + more

    @property
    def halo_(self) -> int:
        return int(self.base_[-1].halo_)


class TunedResNet(ResNet):
    """`ResNet` with mixup, dropout of whole bands, or weights pre-trained without plots.

    mixup: parameter of Beta(a, a); band_dropout: share of the bands set to their mean;
    pretrain: `centre` (predict the centre pixel from its surroundings) or `bands` (predict the
    whole centre pixel while half of the bands are hidden everywhere); field: all pixels, for it.
    """

    def __init__(
        self,
        patch: int | None = None,
        *,
        growth: int = 2,
        n_members: int = 5,
        dropout: float = 0.3,
        epochs: int = 80,
        learning_rate: float = 4e-3,
        target: Any = "none",
        n_jobs: int = 1,
        random_state: int = 0,
        mixup: float = 0.0,
        band_dropout: float = 0.0,
        pretrain: str = "",
        pretrain_steps: int = 400,
        field: Field | None = None,
    ) -> None:
        super().__init__(
            patch,
            growth=growth,
            n_members=n_members,
            dropout=dropout,
            epochs=epochs,
            learning_rate=learning_rate,
            target=target,
            n_jobs=n_jobs,
            random_state=random_state,
            on_interrupt="raise",
        )
        self.mixup, self.band_dropout = mixup, band_dropout
        self.pretrain, self.pretrain_steps, self.field = pretrain, pretrain_steps, field

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        plain = not (self.mixup or self.band_dropout or self.pretrain)
        if plain:
            super().fit(X, y, groups=groups)
            return self
        members, epochs = self.n_members, self.epochs
        self.n_members = self.epochs = 1  # scaling, shapes and checks are those of the package
        super().fit(X, y, groups=groups)
        self.n_members, self.epochs = members, epochs
        scaled = self.scaling_.apply(X).astype(np.float32)
        target = self.target_.forward(np.asarray(y, dtype=np.float64))
        data = Training.of(scaled, target)
        with ThreadPoolExecutor(self.n_jobs) as pool, torch_threads(1):
            self.members_ = list(pool.map(lambda k: self._member(data, k), range(members)))
        return self

    def _member(self, data: Training, k: int) -> State:
        from phytomass.models.patch_cnn.fitting import _schedule

        seed = seed_of(self.random_state, "member", k)
        trainer = _Changed(self.architecture_, _schedule(self), data, seed, torch.device("cpu"))
        trainer.mixup, trainer.band_dropout = self.mixup, self.band_dropout
        if self.pretrain:
            assert self.field is not None
            trunk = _once(self, self.field, seed)
            trainer.network.load_state_dict(trunk, strict=False)
        return trainer.run(lambda: False)


class _Changed(_Trainer):
    mixup = 0.0
    band_dropout = 0.0

    def _epoch(self) -> None:
        if not self.mixup:
            super()._epoch()
            return
        self.network.train()
        order = torch.randperm(len(self.z), generator=self.random)
        beta = np.random.default_rng(int(order[0]))
        for part in torch.tensor_split(order, self.steps):
            x, z = self._augmented(self.x[part]), self.z[part]
            other = torch.randperm(len(part), generator=self.random)
            share = torch.as_tensor(beta.beta(self.mixup, self.mixup, len(part))).float()
            mixed = share[:, None, None, None] * x + (1 - share[:, None, None, None]) * x[other]
            target = share * z + (1 - share) * z[other]
            self.optimiser.zero_grad(set_to_none=True)
            out = self.network(mixed.contiguous(memory_format=torch.channels_last))
            loss = _loss(out, target, self.w[part])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimiser.step()
            self.rate.step()

    def _augmented(self, x: Tensor) -> Tensor:
        x = super()._augmented(x)
        if self.band_dropout:
            shape = (x.shape[0], x.shape[1], 1, 1)
            x = x * (torch.rand(shape, generator=self.random) >= self.band_dropout)
        return x


_TRUNKS: dict[tuple[Any, ...], dict[str, Tensor]] = {}


def _once(model: TunedResNet, field: Field, seed: int) -> dict[str, Tensor]:
    """Pre-train once for all folds, on the scaling of the first: no plot's biomass is used."""
    key = (id(field), model.pretrain, seed, model.architecture_)
    if key not in _TRUNKS:
        scaled = model.scaling_.apply(field[None])[0].astype(np.float32)
        _TRUNKS[key] = pretrained(model, scaled, seed)
    return _TRUNKS[key]


def pretrained(model: TunedResNet, scaled: Field, seed: int) -> dict[str, Tensor]:
    """Train the convolutions on the unlabelled field; return their weights by name."""
    random = torch.Generator().manual_seed(seed)
    net = replace(model.architecture_, dropout=0.0)
    whole = channels_last(build_network(net, seed))
    trunk = nn.Sequential(*[m for m in whole if not _is_head(m)])
    head = nn.Conv2d(net.widths()[-1], net.channels, 1)
    parameters = [*trunk.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, model.pretrain_steps + 1)
    side, h = 24 + 2 * net.halo, net.halo
    tensor = torch.as_tensor(scaled)
    for _ in range(model.pretrain_steps):
        r = torch.randint(tensor.shape[1] - side, (2,), generator=random)
        c = torch.randint(tensor.shape[2] - side, (2,), generator=random)
        x = torch.stack([tensor[:, i : i + side, j : j + side] for i, j in zip(r, c, strict=True)])
        hidden, asked = _hidden(model.pretrain, x, h, random)
        out = head(trunk(hidden.contiguous(memory_format=torch.channels_last)))
        error = (out - x[:, :, h : side - h, h : side - h]) ** 2
        loss = (error * asked).sum() / (asked.sum() * error.shape[1] / asked.shape[1])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        rate.step()
    return {f"{name}": value.clone() for name, value in trunk.state_dict().items()}


def _hidden(kind: str, x: Tensor, h: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    inner = (x.shape[2] - 2 * h, x.shape[3] - 2 * h)
    if kind == "bands":
        kept = torch.rand((len(x), x.shape[1], 1, 1), generator=random) >= 0.5
        return x * kept / 0.5, torch.ones((len(x), 1, *inner))
    kept = torch.rand((len(x), 1, *x.shape[2:]), generator=random) >= 0.15
    return x * kept, (~kept)[:, :, h : h + inner[0], h : h + inner[1]].float()


def _is_head(module: nn.Module) -> bool:
    return isinstance(module, Dropout | nn.Conv2d | nn.ReLU)
