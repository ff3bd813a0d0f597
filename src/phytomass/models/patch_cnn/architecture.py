"""What a network looks like, without torch: its layers follow from a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from phytomass.errors import InputError

Kind = Literal["resnet", "vgg", "alexnet", "pixelnet"]
Family = Literal["exact", "paper"]

BLOCKS = 4
"""Repeats of the residual block (and of VGG's pair of convolutions) in the mountain paper."""

LARGEST_PATCH = {"resnet": 17, "vgg": 17, "alexnet": 13, "pixelnet": 1}
"""Largest patch of each kind in the family `exact`: every convolution and pool is then 3 × 3."""

TILE = 96
"""Side of the tiles of dense maps: layers that stay in the caches and that the CPU's allocator
keeps (measured, see docs/networks.md)."""

WHOLE = (int, np.integer)

LARGEST = {
    "channels": 4096,
    "patch": 1023,
    "filters": 4096,
    "growth": 8,
    "dense": 32,
    "outputs": 2,
}
"""Largest whole numbers of an architecture: far above any use, far below what fills a memory."""

DENSE = {"exact": 3, "paper": 6}
"""Fully connected layers, the output layer included; the paper has six."""


@dataclass(frozen=True)
class Architecture:
    """A network, fixed by its kind and a few numbers.

    The family ``exact`` has unpadded convolutions, so a patch of `patch` pixels shrinks to one,
    and the same network can run over a whole tile and give each pixel the number its patch gives.
    There are eight places for a kernel in `resnet` and `vgg` (four blocks of two) and six in
    `alexnet` (three convolutions, a maximum pool after each); (patch - 1) / 2 of them are 3 × 3,
    the others 1 × 1. Early places come first, where layers are narrow: first kernels of the
    blocks, then second ones; convolutions of `alexnet`, then its pools. Four blocks (3 × 3, k × k)
    with m second 3 × 3 thus see 9 + 2m pixels.

    The family ``paper`` has padded 3 × 3 convolutions, a maximum pool of stride 1, and mean
    pooling before the fully connected part; it sees whatever patch it is given.

    Parameters
    ----------
    kind : {"resnet", "vgg", "alexnet", "pixelnet"}
        Residual blocks; the same convolutions without shortcuts; three convolutions; none.
    family : {"exact", "paper"}
        See above.
    channels : int
        Predictors.
    patch : int
        Side of the patch, pixels, odd.
    filters : int
        Width of the first block.
    growth : int
        Factor of the width from block to block.
    dense : int
        Fully connected layers, the output included.
    dropout : float
        Share of values dropped before and between fully connected layers while training.
    pool : bool
        A 3 × 3 maximum pool of stride 1 after the last block (`exact`, resnet and vgg); it takes
        one of the 3 × 3 places, so patches are then 3 to 19.
    outputs : int
        1, or 2 for mean and logarithm of the variance.

    Examples
    --------
    >>> net = Architecture("resnet", "exact", channels=15, patch=11)
    >>> net.kernels(), net.widths()
    ([3, 3, 3, 1, 3, 1, 3, 1], [32, 64, 128, 256])
    """

    kind: Kind
    family: Family
    channels: int
    patch: int
    filters: int = 32
    growth: int = 2
    dense: int = 3
    dropout: float = 0.3
    pool: bool = False
    outputs: int = 1

    def kernels(self) -> list[int]:
        """Return the kernel sizes in order: by block for resnet and vgg, by place for alexnet."""
        wide = (self.patch - 1) // 2 - int(self.pool)
        places = 6 if self.kind == "alexnet" else 2 * BLOCKS
        if self.kind == "alexnet":  # conv, pool, conv, pool, conv, pool
            order = [0, 2, 4, 1, 3, 5]
        else:
            order = [2 * b for b in range(BLOCKS)] + [2 * b + 1 for b in range(BLOCKS)]
        kernels = [1] * places
        for place in order[:wide]:
            kernels[place] = 3
        return kernels

    def widths(self) -> list[int]:
        """Return the filters of each block."""
        n = 3 if self.kind == "alexnet" else BLOCKS
        return [self.filters * self.growth**i for i in range(n)]

    def dense_widths(self) -> list[int]:
        """Return the widths of the fully connected layers, the output last."""
        return [max(8, 8 * self.filters >> i) for i in range(self.dense - 1)] + [self.outputs]

    @property
    def halo(self) -> int:
        """Pixels seen on each side of the centre."""
        return self.patch // 2


def check_architecture(net: Architecture, where: str = "") -> None:
    """Raise when the network cannot be built.

    Parameters
    ----------
    net : Architecture
        The network.
    where : str
        For messages; its kind if absent.

    Raises
    ------
    InputError
        For a patch that is even, too large for the kind, or too small for its pool, and for
        numbers out of range.
    """
    _check_numbers(net, where or net.kind)
    pooled = net.pool and net.kind in ("resnet", "vgg")
    largest = LARGEST_PATCH[net.kind] + 2 * int(pooled)
    smallest = 3 if net.pool else 1
    where = where or net.kind
    if net.patch % 2 == 0 or net.patch < smallest:
        raise InputError(
            f"a patch of {net.patch} pixels", where=where, remedy=f"use an odd side from {smallest}"
        )
    if net.family == "exact" and net.patch > largest:
        raise InputError(
            f"a patch of {net.patch} pixels is too large for the family exact",
            where=where,
            remedy=f"use {largest} or less, or set `patch` to crop larger patches",
        )
    if net.pool and not pooled:
        raise InputError("`pool` is for resnet and vgg", where=where)


def _check_numbers(net: Architecture, where: str) -> None:
    if net.kind not in LARGEST_PATCH or net.family not in DENSE:
        raise InputError(
            f"no network of kind {net.kind!r} and family {net.family!r}",
            where=where,
            remedy=f"kinds are {', '.join(LARGEST_PATCH)}; families are {', '.join(DENSE)}",
        )
    for name, most in LARGEST.items():
        number = getattr(net, name)
        if isinstance(number, bool) or not isinstance(number, WHOLE) or not 1 <= number <= most:
            raise InputError(
                f"{name} is {number!r}", where=where, remedy=f"use a whole number from 1 to {most}"
            )
    if not 0 <= net.dropout < 1:
        raise InputError(
            f"dropout is {net.dropout}", where=where, remedy="use a number from 0 to below 1"
        )
