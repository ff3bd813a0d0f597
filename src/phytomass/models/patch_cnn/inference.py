"""Running an ensemble: on patches, and densely over fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from phytomass.errors import InputError
from phytomass.models.patch_cnn.architecture import Architecture
from phytomass.models.patch_cnn.door import torch_threads
from phytomass.models.patch_cnn.learned import State
from phytomass.models.patch_cnn.nets import build_network, channels_last, for_inference
from phytomass.models.patch_cnn.training import bounded

Array = NDArray[np.float64]

PRECISIONS = {"fp32": torch.float32, "fp64": torch.float64, "bf16": torch.bfloat16}
PATCHES_AT_ONCE = 1024
SMALLEST_TILE = 16

SYMMETRIES: tuple[tuple[bool, bool, bool], ...] = tuple(
    (a, b, c) for a, b, c in product((False, True), repeat=3)
)
"""The eight symmetries of the square: flip rows, flip columns, then transpose."""


class Ensemble:
    """Members ready to run.

    Parameters
    ----------
    net : Architecture
        Of every member.
    states : sequence of dict
        Weights of the members.
    device : torch.device
        Where they run.
    precision : {"fp32", "fp64", "bf16"}
        Of weights and values.
    symmetries : bool
        Average each member over the eight symmetries of the patch.
    """

    def __init__(
        self,
        net: Architecture,
        states: Sequence[State],
        device: torch.device,
        precision: str,
        symmetries: bool,
    ) -> None:
        if precision not in PRECISIONS:
            raise InputError(
                f"no precision {precision!r}", where="precision", remedy="use fp32, fp64 or bf16"
            )
        self.net, self.device, self.dtype = net, device, PRECISIONS[precision]
        self.ways = SYMMETRIES if symmetries and net.patch > 1 else SYMMETRIES[:1]
        self.networks = [self._load(state) for state in states]

    def _load(self, state: State) -> nn.Sequential:
        with torch.device("meta"):  # no time spent on initial weights
            network = build_network(self.net)
        tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
        network.load_state_dict(tensors, assign=True)
        exact = torch.float64 if self.dtype == torch.float64 else torch.float32
        network = for_inference(network.to(dtype=exact).eval().requires_grad_(False))
        return channels_last(network.to(self.device, self.dtype))

    def patches(self, scaled: Array, threads: int = 1) -> Array:
        """Run on scaled patches (n, channels, k, k): array of shape (members, outputs, n)."""
        n = len(scaled)
        out = np.empty((len(self.networks), self.net.outputs, n))

        def run(start: int, size: int) -> None:
            part = slice(start, min(start + size, n))
            out[:, :, part] = self._run(scaled[part])[:, :, :, 0, 0].transpose(0, 2, 1)

        with torch_threads(threads):
            for start in range(0, n, PATCHES_AT_ONCE):
                smaller(run, start, min(PATCHES_AT_ONCE, n - start))
        return out

    def field(self, scaled: Array, tile: int, threads: int = 1) -> Array:
        """Run over a scaled field (channels, rows + 2 halo, cols + 2 halo).

        Returns
        -------
        array, shape (members, outputs, rows, cols)
            The number of each pixel is that of the patch around it, whatever the tile.
        """
        around = 2 * self.net.halo
        rows, cols = scaled.shape[1] - around, scaled.shape[2] - around
        out = np.empty((len(self.networks), self.net.outputs, rows, cols))
        with torch_threads(threads):
            for row, col in product(range(0, rows, tile), range(0, cols, tile)):
                height, width = min(tile, rows - row), min(tile, cols - col)
                self._tile(scaled, out, (row, col, height, width))
        return out

    def _tile(self, scaled: Array, out: Array, box: tuple[int, int, int, int]) -> None:
        """Run on one tile; where the memory of the device is too small, on its quarters."""
        row, col, height, width = box
        around = 2 * self.net.halo
        part = scaled[None, :, row : row + height + around, col : col + width + around]
        try:
            out[:, :, row : row + height, col : col + width] = self._run(part)[:, 0]
        except torch.OutOfMemoryError as error:
            if max(height, width) <= SMALLEST_TILE:
                raise _no_memory(self.device) from error
        else:
            return
        half = (max(1, height // 2), max(1, width // 2))
        for r, c in product(range(0, height, half[0]), range(0, width, half[1])):
            inner = (row + r, col + c, min(half[0], height - r), min(half[1], width - c))
            self._tile(scaled, out, inner)

    def _run(self, scaled: Array) -> Array:
        """Average over symmetries: (members, n, outputs, rows, cols); variance instead of its log."""
        x = torch.as_tensor(np.ascontiguousarray(scaled), device=self.device).to(self.dtype)
        sums: list[Tensor] = []
        with torch.inference_mode():
            for network in self.networks:
                runs = (_in_way(network, x, way) for way in self.ways)
                sums.append(torch.stack([_as_moments(run.double()) for run in runs]).mean(dim=0))
        result: Array = torch.stack(sums).cpu().numpy()
        return result


def _as_moments(out: Tensor) -> Tensor:
    if out.shape[1] == 1:
        return out
    return torch.cat([out[:, :1], torch.exp(bounded(out[:, 1:]))], dim=1)


def _in_way(network: nn.Sequential, x: Tensor, way: tuple[bool, bool, bool]) -> Tensor:
    """Run on the turned field, and turn the result back."""
    dims = [axis for axis, flip in zip((2, 3), way[:2], strict=True) if flip]
    turned = x.flip(dims) if dims else x
    if way[2]:
        turned = turned.transpose(2, 3)
    out: Tensor = network(turned.contiguous(memory_format=torch.channels_last))
    if way[2]:
        out = out.transpose(2, 3)
    return out.flip(dims) if dims else out


def smaller(run: Callable[[int, int], None], start: int, size: int) -> None:
    """Run on `size` items from `start`; in halves where the device's memory is too small."""
    try:
        run(start, size)
    except torch.OutOfMemoryError as error:
        if size <= 1:
            raise _no_memory(torch.device("cuda")) from error
    else:
        return
    half = size // 2
    smaller(run, start, half)
    smaller(run, start + half, size - half)


def _no_memory(device: torch.device) -> InputError:
    return InputError(
        f"the memory of {device} is too small even for the smallest tiles",
        where="device",
        remedy="free it, use device: cpu, fewer filters, or precision: bf16",
    )
