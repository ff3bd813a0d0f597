"""The ways of keeping plots aside, one record each: a new one is a record here and its test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phytomass.validation.splits import GroupHoldout, RepeatedGroupKFold, SpatialBlockKFold

if TYPE_CHECKING:
    from phytomass.validation.settings import ValidationSettings


class Plots(NamedTuple):
    """Easting and northing (n, 2) in metres, biomass (n,), and site (n,) of the plots."""

    coordinates: NDArray[np.float64]
    y: NDArray[np.float64]
    groups: NDArray[np.str_]


class Deal(NamedTuple):
    """What is never divided (n,), the splitter of it, and the split in words."""

    units: NDArray[np.str_]
    splitter: GroupHoldout | RepeatedGroupKFold
    note: str


@dataclass(frozen=True)
class SplitKind:
    """One way of keeping plots aside.

    Parameters
    ----------
    deal : callable
        From plots, settings and a seed to a `Deal`.
    folds : callable
        From the settings to the folds of one repeat.
    repeats : callable
        From the settings to the repeats.
    apart : bool
        Whether training and test are promised to lie apart: training plots whose patch overlaps
        one of a test plot are then left out.
    """

    deal: Callable[[Plots, ValidationSettings, int], Deal]
    folds: Callable[[ValidationSettings], int]
    repeats: Callable[[ValidationSettings], int] = lambda _: 1
    apart: bool = False


def _holdout(plots: Plots, settings: ValidationSettings, seed: int) -> Deal:
    share = f"{100 * settings.test_share:.0f} %"
    note = f"{share} of the plots kept for the test, once, by {_sites(plots.groups)}"
    return Deal(plots.groups, GroupHoldout(settings.test_share, seed), note)


def _kfold(plots: Plots, settings: ValidationSettings, seed: int) -> Deal:
    splitter = RepeatedGroupKFold(settings.n_splits, settings.n_repeats, seed)
    folds = f"{settings.n_splits} random folds of {_sites(plots.groups)}"
    return Deal(plots.groups, splitter, f"{folds}, {settings.n_repeats} times")


def _blocks(plots: Plots, settings: ValidationSettings, seed: int) -> Deal:
    blocks = SpatialBlockKFold(settings.n_splits, settings.block_size_m, seed)
    units, found = blocks.blocks(*plots)
    splitter = RepeatedGroupKFold(settings.n_splits, 1, seed)
    return Deal(units, splitter, f"{settings.n_splits} folds of {found}")


def _sites(groups: NDArray[np.str_]) -> str:
    sites = len(np.unique(groups))
    return f"{sites} sites" if sites < len(groups) else f"{sites} plots"


SPLITS: Mapping[str, SplitKind] = MappingProxyType(
    {
        "holdout_by_site": SplitKind(_holdout, lambda _: 1),
        "repeated_kfold": SplitKind(_kfold, lambda s: s.n_splits, lambda s: s.n_repeats),
        "spatial_blocks": SplitKind(_blocks, lambda s: s.n_splits, apart=True),
    }
)
"""By the name that a project file gives them: once `test_share` of the plots, whole sites; random
folds of whole sites, repeated; folds of square blocks of land."""

if TYPE_CHECKING:
    SplitName = str
else:  # a project file is checked against the names
    SplitName = Literal[tuple(SPLITS)]
"""A way of keeping plots aside: see `SPLITS`."""

SPLIT_NAMES: tuple[SplitName, ...] = tuple(SPLITS)
