"""The ways of keeping plots aside, one record each: a new one is a record here and its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError
from phytomass.validation.knndm import distance_matched_folds
from phytomass.validation.splits import GroupHoldout, Indices, RepeatedGroupKFold, SpatialBlockKFold

if TYPE_CHECKING:
    from phytomass.validation.settings import ValidationSettings


class Plots(NamedTuple):
    """Easting and northing (n, 2) in metres, biomass (n,), and site (n,) of the plots.

    `domain` holds the easting and northing (m, 2) of pixels of the map, where it is known.
    """

    coordinates: NDArray[np.float64]
    y: NDArray[np.float64]
    groups: NDArray[np.str_]
    domain: NDArray[np.float64] | None = None


class Splitter(Protocol):
    """What yields training and test positions, as scikit-learn's splitters do."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield (train, test) pairs."""


class Deal(NamedTuple):
    """What is never divided (n,), the splitter of it, and the split in words."""

    units: NDArray[np.str_]
    splitter: Splitter
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
    usual : bool
        Whether projects that list no splits are judged by it.
    needs_domain : bool
        Whether it asks where the pixels of the map lie.
    """

    deal: Callable[[Plots, ValidationSettings, int], Deal]
    folds: Callable[[ValidationSettings], int]
    repeats: Callable[[ValidationSettings], int] = lambda _: 1
    apart: bool = False
    usual: bool = True
    needs_domain: bool = False


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
    units, found = blocks.blocks(*plots[:3])
    splitter = RepeatedGroupKFold(settings.n_splits, 1, seed)
    return Deal(units, splitter, f"{settings.n_splits} folds of {found}")


def _knndm(plots: Plots, settings: ValidationSettings, seed: int) -> Deal:
    if plots.domain is None:
        raise InputError(
            "knndm needs to know where the map predicts",
            where="validation.splits",
            remedy="give positions of its pixels (`domain`), or leave knndm out",
        )
    folds = distance_matched_folds(
        plots.coordinates, plots.domain, plots.groups, settings.n_splits, random_state=seed
    )
    if folds.n_clusters is None:
        how = f"{settings.n_splits} random folds of {_sites(plots.groups)}, which match already"
    else:
        how = f"{settings.n_splits} folds of {folds.n_clusters} clusters of plots"
    distances = "distances from test to training plots against those from the map to plots"
    return Deal(folds.units, folds, f"{how}; {distances}: W = {folds.distance_m:.0f} m")


def _sites(groups: NDArray[np.str_]) -> str:
    sites = len(np.unique(groups))
    return f"{sites} sites" if sites < len(groups) else f"{sites} plots"


SPLITS: Mapping[str, SplitKind] = MappingProxyType(
    {
        "holdout_by_site": SplitKind(_holdout, lambda _: 1),
        "repeated_kfold": SplitKind(_kfold, lambda s: s.n_splits, lambda s: s.n_repeats),
        "spatial_blocks": SplitKind(_blocks, lambda s: s.n_splits, apart=True),
        "knndm": SplitKind(_knndm, lambda s: s.n_splits, usual=False, needs_domain=True),
    }
)
"""By the name that a project file gives them: once `test_share` of the plots, whole sites; random
folds of whole sites, repeated; folds of square blocks of land; folds whose test plots lie as far
from training plots as the pixels of the map from plots."""

if TYPE_CHECKING:
    SplitName = str
else:  # a project file is checked against the names
    SplitName = Literal[tuple(SPLITS)]
"""A way of keeping plots aside: see `SPLITS`."""

SPLIT_NAMES: tuple[SplitName, ...] = tuple(SPLITS)

USUAL_SPLITS: tuple[SplitName, ...] = tuple(name for name in SPLITS if SPLITS[name].usual)
"""Those of projects that list none."""
