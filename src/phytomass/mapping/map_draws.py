"""Sums of a map under each draw: what totals, and their intervals, are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from phytomass.draws import whole_store
from phytomass.errors import InputError
from phytomass.grid import Block

Array = NDArray[np.float64]
COMMON = "common/"
"""Before the name of a map: its sums over the pixels that the map of the other date has too."""
PER_MEMBER = ("at_plots", "drawn", "learned")
PER_ZONE = {"sums": ("member", "zone"), "points": ("zone",), "pixels": ("zone",)}


@dataclass(frozen=True, eq=False)
class Division:
    """The zones whose sums are gathered on the way.

    Parameters
    ----------
    names : tuple of str
        Of the zones.
    labels : callable
        Block → position of each pixel's zone in `names`; -1, as the last, for none.
    """

    names: tuple[str, ...] = ("all",)
    labels: Callable[[Block], NDArray[np.int64]] | None = None

    def of(self, block: Block) -> NDArray[np.int64]:
        """Return positions in `names`, shape (rows, cols)."""
        if self.labels is None:
            return np.zeros((block.rows, block.cols), np.int64)
        found = self.labels(block)
        return np.where(found < 0, len(self.names) - 1, found)


@dataclass(frozen=True, eq=False)
class MapSums:
    """Sums over the pixels of a map, by zone: before predictions below zero are set to zero.

    Parameters
    ----------
    members : array, shape (members, zones)
        Of each member, Mg/ha.
    points : array, shape (zones,)
        Of the model of the map, Mg/ha.
    pixels : array of int, shape (zones,)
        How many there are.
    """

    members: Array
    points: Array
    pixels: NDArray[np.int64]

    @classmethod
    def gathered(
        cls, notes: Iterable[Mapping[str, Any]], members: int, zones: int
    ) -> tuple[MapSums, MapSums]:
        """Add up what was noted of the blocks: all pixels, and those that the other map has too."""
        sums = np.zeros((2 * zones, members))
        points, pixels = np.zeros(2 * zones), np.zeros(2 * zones, np.int64)
        for note in notes:
            for code, count, point, own in note["sums"]:
                pixels[code] += count
                points[code] += point
                sums[code] += own
        alone = [slice(1, None, 2), slice(0, None, 2)]
        both, rest = (cls(sums[one].T, points[one], pixels[one]) for one in alone)
        whole = (both.members + rest.members, both.points + rest.points, both.pixels + rest.pixels)
        return cls(*whole), both


@dataclass(frozen=True, eq=False)
class MapDraws:
    """Sums of the maps of a model under each draw, with what its members learned.

    Member k is of draw k of the errors that plots share, and of bootstrap k of their sites; zones
    and dates have the same members, so that sums and differences keep their correlation.

    Parameters
    ----------
    zones : tuple of str
        Names of the zones: ``all`` alone where there are none, else ``outside zones`` as the last.
    plots : tuple of str
        The plots that the model was trained on.
    sums, points, pixels : mapping of str to array
        Map (``agb.tif``, ``agb_before.tif``) → as in `MapSums`; with ``common/`` before the name,
        over the pixels that both dates have.
    at_plots : array, shape (members, plots)
        What each member predicts for each plot, Mg/ha.
    drawn : array of int, shape (members, plots)
        How often each plot is in the bootstrap of each member.
    learned : array, shape (members, plots)
        Biomass of the plots under the draw, Mg/ha.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> one = np.ones((2, 1))
    >>> draws = MapDraws(("all",), ("P1",), one, one.astype(int), one)
    >>> draws = draws.having("agb.tif", MapSums(one * 50, np.array([50.0]), np.array([1])))
    >>> with TemporaryDirectory() as folder:
    ...     draws.save(Path(folder) / "zone_draws.zarr")
    ...     again = MapDraws.open(Path(folder) / "zone_draws.zarr")
    >>> again.zones, again.sums["agb.tif"].tolist()
    (('all',), [[50.0], [50.0]])
    """

    zones: tuple[str, ...]
    plots: tuple[str, ...]
    at_plots: Array
    drawn: NDArray[np.int64]
    learned: Array
    sums: Mapping[str, Array] = field(default_factory=dict)
    points: Mapping[str, Array] = field(default_factory=dict)
    pixels: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def having(self, name: str, found: MapSums) -> MapDraws:
        """Return the same with the sums of one more map."""
        return MapDraws(
            self.zones,
            self.plots,
            self.at_plots,
            self.drawn,
            self.learned,
            {**self.sums, name: found.members},
            {**self.points, name: found.points},
            {**self.pixels, name: found.pixels},
        )

    def save(self, path: Path) -> None:
        """Write them as a Zarr store, whole or not at all."""
        with whole_store(path) as root:
            about = {"zones": self.zones, "plots": self.plots, "maps": list(self.sums)}
            root.attrs.update({key: list(names) for key, names in about.items()})
            for name in PER_MEMBER:
                _put(root, name, getattr(self, name), ("member", "plot"))
            for name in self.sums:
                for part, dims in PER_ZONE.items():
                    _put(root, f"{name}/{part}", getattr(self, part)[name], dims)

    @classmethod
    def open(cls, path: Path) -> MapDraws:
        """Open what `save` wrote.

        Raises
        ------
        InputError
            If it is not there, or not whole.
        """
        try:
            root = zarr.open_group(path, mode="r")
            about: dict[str, Any] = dict(root.attrs)
            zones, plots = (tuple(map(str, about[key])) for key in ("zones", "plots"))
            found = cls(zones, plots, *(_got(root, name) for name in PER_MEMBER))
            for name in about["maps"]:
                one = MapSums(*(_got(root, f"{name}/{part}") for part in PER_ZONE))
                found = found.having(name, one)
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"cannot be read ({error})",
                where=path.name,
                remedy="delete it and run: phytomass map",
            ) from error
        return found


def _put(group: Any, name: str, values: Any, names: tuple[str, ...]) -> None:
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, dimension_names=names)
    array[...] = values


def _got(group: Any, name: str) -> Any:
    return np.asarray(group[name][...])
