"""Training one member of an ensemble."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from phytomass.models.patch_cnn.architecture import Architecture
from phytomass.models.patch_cnn.door import torch_threads
from phytomass.models.patch_cnn.learned import State
from phytomass.models.patch_cnn.nets import build_network, channels_last, set_generator
from phytomass.models.training import Training

Part = NDArray[np.bool_]


@dataclass(frozen=True)
class Schedule:
    """How a member is trained: AdamW (Adam with L2 in the family `paper`), one cycle of the rate.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the plots; plots per step, fewer where there are few plots.
    learning_rate : float
        Highest rate of the cycle.
    weight_decay : float
        Decoupled weight decay; L2 in the family `paper`.
    noise : float
        SD of the noise added to the scaled predictors.
    symmetries : bool
        Turn and mirror each patch at random, one of eight ways.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    noise: float
    symmetries: bool


def train_member(
    net: Architecture,
    schedule: Schedule,
    plots: Training,
    seed: int,
    device: torch.device,
    report: Callable[[], bool],
    held: Part | None = None,
) -> State:
    """Train one network; the same seed gives the same weights on the same machine.

    Parameters
    ----------
    net : Architecture
        What to train.
    schedule : Schedule
        How.
    plots : Training
        On what: scaled patches, standardised target, weights of mean 1.
    seed : int
        Fixes initial weights, order of plots, symmetries, noise and dropout.
    device : torch.device
        Where.
    report : callable
        Called after each epoch; True means stop here and keep the best so far.
    held : array of bool, shape (n,), optional
        Plots kept aside to choose the best epoch; without any all plots train to the end of the
        schedule.

    Returns
    -------
    dict of str to array
        The weights (float32).
    """
    with torch_threads(1):
        return _Trainer(net, schedule, plots, seed, device, held).run(report)


class _Trainer:
    def __init__(
        self,
        net: Architecture,
        schedule: Schedule,
        plots: Training,
        seed: int,
        device: torch.device,
        held: Part | None = None,
    ) -> None:
        self.net, self.schedule, self.device = net, schedule, device
        self.random = torch.Generator().manual_seed(seed)
        self.network = channels_last(build_network(net, seed).to(device))
        own = torch.Generator(device=device).manual_seed(seed + 1)
        set_generator(self.network, own)
        held = np.zeros(len(plots), dtype=bool) if held is None else held
        self.x, self.z, self.w = self._tensors(plots, ~held)
        self.validation = self._tensors(plots, held) if held.any() else None
        self.steps = _steps(len(self.z), schedule.batch_size)
        self.optimiser = _optimiser(self.network, net, schedule)
        self.rate = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            max_lr=schedule.learning_rate,
            total_steps=max(2, self.steps * schedule.epochs) + 1,
        )

    def _tensors(self, plots: Training, part: Part) -> tuple[Tensor, ...]:
        weight = np.ones(len(plots)) if plots.weight is None else plots.weight
        arrays = (plots.X[part], plots.y[part], weight[part])
        return tuple(
            torch.as_tensor(np.ascontiguousarray(a), dtype=torch.float32, device=self.device)
            for a in arrays
        )

    def run(self, report: Callable[[], bool]) -> State:
        best, best_loss = None, math.inf
        for _ in range(self.schedule.epochs):
            self._epoch()
            if self.validation is not None:
                loss = self._validate(*self.validation)
                if loss < best_loss:
                    best, best_loss = _state(self.network), loss
            if report():
                break
        return best if best is not None else _state(self.network)

    def _epoch(self) -> None:
        self.network.train()
        order = torch.randperm(len(self.z), generator=self.random).to(self.device)
        for part in torch.tensor_split(order, self.steps):
            x = self._augmented(self.x[part]).contiguous(memory_format=torch.channels_last)
            self.optimiser.zero_grad(set_to_none=True)
            loss = _loss(self.network(x), self.z[part], self.w[part])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimiser.step()
            self.rate.step()

    def _validate(self, x: Tensor, z: Tensor, w: Tensor) -> float:
        self.network.eval()
        with torch.inference_mode():
            return float(_loss(self.network(x), z, w))

    def _augmented(self, x: Tensor) -> Tensor:
        n = len(x)
        if self.schedule.symmetries and x.shape[-1] > 1:
            ways = torch.randint(2, (3, n, 1, 1, 1), generator=self.random).to(x.device).bool()
            x = torch.where(ways[0], x.flip(2), x)
            x = torch.where(ways[1], x.flip(3), x)
            x = torch.where(ways[2], x.transpose(2, 3), x)
        if self.schedule.noise > 0:
            noise = torch.randn(x.shape, generator=self.random).to(x.device)
            x = x + self.schedule.noise * noise
        return x


def _steps(n: int, batch_size: int) -> int:
    """Return the steps of an epoch: four where the plots allow eight per step, never fewer than two."""
    wanted = max(math.ceil(n / batch_size), min(4, n // 8))
    return max(1, min(wanted, n // 2))


def _optimiser(
    network: nn.Sequential, net: Architecture, schedule: Schedule
) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if net.family == "paper" else torch.optim.AdamW
    return kind(network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


def _loss(out: Tensor, z: Tensor, w: Tensor) -> Tensor:
    """Return the weighted squared error, or the Gaussian negative log-likelihood of two outputs."""
    square = (out[:, 0, 0, 0] - z) ** 2
    if out.shape[1] == 2:
        log_variance = bounded(out[:, 1, 0, 0])
        square = square * torch.exp(-log_variance) + log_variance
    return (w * square).mean()


def bounded(log_variance: Tensor) -> Tensor:
    """Keep the logarithm of the variance between about -6 and 4, smoothly (standardised target)."""
    return 5 * torch.tanh(log_variance / 5) - 1


def _state(network: nn.Sequential) -> State:
    return {
        name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()
    }
