"""The map of an ensemble: the mean, four layers of uncertainty, and sums under each draw, at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from phytomass.features import PredictorStack, check_patch
from phytomass.grid import Block
from phytomass.imagery import MappedArea, Mask
from phytomass.mapping.dense import halo_of
from phytomass.mapping.engines import Ensemble, Regressor, Spread, ensemble_for
from phytomass.mapping.identity import print_of
from phytomass.mapping.made import Walking, at_work, made_map
from phytomass.mapping.map_draws import Division, MapSums
from phytomass.mapping.predict import (
    AGB,
    MapCounts,
    MapRules,
    Sources,
    counted_in,
    seen_windows,
    usable,
)
from phytomass.validation import LocalBand
from phytomass.walk.journal import Journal
from phytomass.walk.store import Band

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PixelErrors:
    """What is known of single pixels beside the members.

    Parameters
    ----------
    band : LocalBand
        Where observations lay about held-out predictions.
    shared : float
        Relative standard deviation of the errors that all plots share; 0 where it is unknown.
    """

    band: LocalBand
    shared: float = 0.0

    @property
    def bands(self) -> tuple[Band, ...]:
        """The layers, each with what it holds and leaves out."""
        level = f"{self.band.level:.0%}"
        shared = (
            "the errors that plots share" if self.shared else "no error of the plots themselves"
        )
        told = {
            "se": f"standard error of the mean: sampling of sites and {shared}",
            "sd": "standard deviation of a new observation: se and the local scatter of residuals",
            "low90": f"lower bound of a pixel's biomass, {level}, from held-out residuals and {shared}",
            "high90": f"upper bound of a pixel's biomass, {level}, from held-out residuals and {shared}",
        }
        return tuple(Band(name, "Mg/ha", {"holds": text}) for name, text in told.items())

    def layers(self, spread: Spread, minimum: float | None) -> NDArray[np.float32]:
        """Return se, sd, low90 and high90 of some pixels, shape (4, some)."""
        half = float(norm.ppf((1 + self.band.level) / 2)) * self.shared * np.abs(spread.point)
        low, high = self.band.interval(spread.point, half)
        sd = np.sqrt(spread.variance + self.band.scatter(spread.point) ** 2)
        if minimum is not None:
            low, high = np.maximum(low, minimum), np.maximum(high, minimum)
        return np.array([np.sqrt(spread.variance), sd, low, high], np.float32)


@dataclass(frozen=True, eq=False)
class EnsembleMap:
    """What became of the pixels of an ensemble's map, and their sums.

    Parameters
    ----------
    counts : MapCounts
    sums : MapSums
        Over all pixels of the map.
    common : MapSums
        Over those that the map of the other date has too; of nothing, where there is no other.
    """

    counts: MapCounts
    sums: MapSums
    common: MapSums


@dataclass(frozen=True, eq=False)
class Request:
    """How blocks are predicted: what each worker is sent once."""

    ensemble: Ensemble
    errors: PixelErrors
    rules: MapRules
    zones: Division


def predict_ensemble_map(
    model: Regressor,
    members: Sequence[Regressor],
    stack: PredictorStack,
    names: Sequence[str],
    mask: MappedArea | Mask | None,
    target: str | Path,
    *,
    errors: PixelErrors,
    zones: Division | None = None,
    other: tuple[PredictorStack, MappedArea | Mask | None] | None = None,
    rules: MapRules | None = None,
    tags: dict[str, str] | None = None,
    walking: Walking | None = None,
) -> EnsembleMap:
    """Write the map of an ensemble, and beside it its uncertainty, as Cloud-Optimised GeoTIFFs.

    One walk, as in `predict_map`, gives `agb.tif`, `agb_uncertainty.tif` (bands se, sd, low90,
    high90; Mg/ha) and the sums of all members by zone. The members of a forest are its trees, so
    that this costs little more than the map alone; other models are predicted once per member.

    Parameters
    ----------
    model : Regressor
        That of the map; for a forest the members' mean takes its place.
    members : sequence of Regressor
        Fitted as `fit_members` does.
    stack, names, mask, target, rules, tags, walking
        As in `predict_map`.
    errors : PixelErrors
        What is known of single pixels.
    zones : Division, optional
        Zones that are summed apart.
    other : (PredictorStack, mask), optional
        Predictors and mask of another date, for the sums over the pixels that both have.

    Raises
    ------
    InputError, WorkersError, DiskFullError
        As `predict_map`.
    """
    halo = halo_of(model)
    check_patch(2 * halo + 1, stack.grid)
    with stack.reader(names) as reader:
        ensemble = ensemble_for(model, members, names, list(seen_windows(reader, halo)))
    sources = Sources.of(stack, names, mask)
    rival = None if other is None else Sources.of(other[0], names, other[1])
    sent = Request(ensemble, errors, rules or MapRules(), zones or Division())
    prints = [None if one is None else one.prints() for one in (sources, rival)]
    request = {"model": print_of(sent), "sources": prints}
    bands = (AGB, *errors.bands)
    with made_map(
        Path(target),
        stack.grid,
        bands,
        tags or {},
        request,
        _part,
        (sent, sources, rival),
        walking or Walking(),
    ) as notes:
        counts = counted_in(note["counts"] for note in notes)
        sums = MapSums.gathered(notes, ensemble.count, len(sent.zones.names))
    return EnsembleMap(counts, *sums)


def _part(
    journal: Journal,
    asked: Request,
    sources: Sources,
    rival: Sources | None,
    part: Sequence[Block],
) -> int:
    with at_work(journal), sources.open() as (reader, inside), _mapped(rival) as also:
        for block in part:
            around = reader.read_around(block, asked.ensemble.halo)
            layers, note = _block(asked, around, inside(block), block, also(block))
            journal.keep(block, layers, note)
    return len(part)


def _block(
    asked: Request, around: Any, inside: Flags, block: Block, also: Flags
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return all layers of a block, and what is to be noted of it."""
    use, counts = usable(around, asked.ensemble.halo, inside)
    layers = np.full((1 + len(asked.errors.bands), *inside.shape), np.nan, np.float32)
    sums: dict[int, list[Any]] = {}
    if use.any():
        codes = (2 * asked.zones.of(block) + also)[use]
        found = np.empty((len(layers), int(use.sum())), np.float32)
        for spread in asked.ensemble.spread(around, use):
            counts += asked.rules.counted(spread.point)
            found[1:, spread.pixels] = asked.errors.layers(spread, asked.rules.minimum)
            found[0, spread.pixels] = asked.rules.limited(spread.point)
            _add(sums, codes[spread.pixels], spread)
        layers[:, use] = found
    noted = [[code, n, point, own.tolist()] for code, (n, point, own) in sorted(sums.items())]
    return layers, {"counts": asdict(counts), "sums": noted}


@contextmanager
def _mapped(rival: Sources | None) -> Iterator[Mask]:
    """Open what tells which pixels the map of the other date has."""
    if rival is None:
        yield lambda block: np.zeros((block.rows, block.cols), bool)
        return
    with rival.open() as (reader, inside):
        yield lambda block: usable(reader.read_around(block, 0), 0, inside(block))[0]


def _add(sums: dict[int, list[Any]], codes: NDArray[np.int64], spread: Spread) -> None:
    for code in map(int, np.unique(codes)):
        here = codes == code
        members = spread.members if here.all() else spread.members[:, here]
        total = sums.setdefault(code, [0, 0.0, np.zeros(len(members))])
        total[0] += int(here.sum())
        total[1] += float(spread.point[here].sum())
        total[2] = total[2] + members.sum(axis=1)
