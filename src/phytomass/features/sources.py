"""The sources of a stack, opened together: how its layers are computed, and what they must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Proj

from phytomass.errors import InputError, Problem, gathered
from phytomass.features.layers import Layer, layers_of
from phytomass.features.limits import study_limits
from phytomass.grid import BLOCK, Block, cells_at
from phytomass.imagery import (
    MEASURES,
    AnnouncedReader,
    BlockReader,
    Elevation,
    PredictorSettings,
    Prepared,
    ProductReader,
    aspect_components,
    evaluate,
    fetched_files,
    files_of,
    find_index,
    glcm,
    open_elevation,
    open_source,
    slope_deg,
)
from phytomass.walk.lattice import Lattice

Array = NDArray[np.float64]
MOST_HELD = 2**27
"""Bytes of all dates that a worker holds at a time; more where one block needs more."""
MOST_TURNED = 10.0
"""Degrees between the grid's north and true north that directions may be wrong by."""


@dataclass(frozen=True)
class WholeGrid:
    """What blocks must know of the whole grid: found once, then handed to every worker.

    Parameters
    ----------
    scenes : mapping of str to Prepared
        Source key → fits and speckle filter of its scenes.
    limits : mapping of str to (float, float)
        Predictor → values of its lowest and highest grey level.
    """

    scenes: Mapping[str, Prepared] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass
class StackSources:
    """The open sources of a stack and how its layers are computed from them."""

    settings: PredictorSettings
    readers: list[BlockReader]
    dem: Elevation | None
    grid: GeoBox
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)

    def block(self, block: Block) -> dict[str, Array]:
        """Compute every layer of one block: name → array (rows, cols), NaN where no data."""
        halo = max((texture.window // 2 for texture in self.settings.textures), default=0)
        around, inner = Lattice(self.grid).around(block, halo)
        wide = self._without_textures(around)
        values = {name: layer[inner] for name, layer in wide.items()}
        for texture in self.settings.textures:
            limits = texture.limits or self._limits(texture.of)
            layers = glcm(wide[texture.of], limits, texture.levels, texture.window)
            for measure in texture.measures:
                values[f"{texture.of}_{measure}"] = layers[MEASURES.index(measure)][inner]
        return values

    @property
    def side(self) -> int:
        """Blocks on a side of the windows to compute: larger ones read less around them."""
        held = max((reader.held_bytes for reader in self.readers), default=0)
        return next((side for side in (4, 2) if held * (side * BLOCK) ** 2 <= MOST_HELD), 1)

    def whole_grid(self) -> WholeGrid:
        """Return all that blocks must know of the whole grid; walks over it where needed."""
        products = [reader for reader in self.readers if isinstance(reader, ProductReader)]
        for texture in self.settings.textures:
            if texture.limits is None:
                self._limits(texture.of)
        return WholeGrid({reader.key: reader.prepared for reader in products}, dict(self.limits))

    def _limits(self, name: str) -> tuple[float, float]:
        """Return 2 % and 98 % of a layer over the whole grid, found once."""
        if not self.limits:
            wanted = {t.of for t in self.settings.textures if t.limits is None}
            self.limits.update(study_limits(self._without_textures, sorted(wanted), self.grid))
        return self.limits[name]

    def _without_textures(self, block: Block) -> dict[str, Array]:
        values: dict[str, Array] = {}
        for reader in self.readers:
            values |= reader.read(block)
        if self.dem is not None:
            values |= self._terrain(self.dem, block)
        for wanted in self.settings.indices:
            index = find_index(wanted)
            values[index.id] = evaluate(index.formula, values)
        return values

    def _terrain(self, dem: Elevation, block: Block) -> dict[str, Array]:
        elevation, east, north = dem.block(block)
        sine, cosine = aspect_components(east, north)
        derived = {
            "elevation": elevation,
            "slope": slope_deg(east, north),
            "aspect_sin": sine,
            "aspect_cos": cosine,
        }
        assert self.settings.terrain is not None  # noqa: S101  # the DEM came from it
        return {name: derived[name] for name in self.settings.terrain.derive}


@contextmanager
def open_sources(
    settings: PredictorSettings, root: Path, grid: GeoBox, known: WholeGrid | None = None
) -> Iterator[StackSources]:
    """Open all sources of a stack on the grid.

    Parameters
    ----------
    settings, root, grid
        As in `build_stack`.
    known : WholeGrid, optional
        What is known of the whole grid already: nothing is read for it then.
    """
    scenes = {} if known is None else known.scenes
    limits = {} if known is None else dict(known.limits)
    with ExitStack() as stack:
        readers = [
            stack.enter_context(open_source(key, source, root, grid, scenes.get(key)))
            for key, source in settings.rasters.items()
        ]
        dem = None
        if settings.terrain is not None:
            dem = stack.enter_context(
                open_elevation(settings.terrain.dem, settings.terrain.resample, root, grid)
            )
        yield StackSources(settings, readers, dem, grid, limits)


def check_stack(settings: PredictorSettings, root: Path, grid: GeoBox) -> list[Layer]:
    """Open every source without reading pixels; return the layers the stack will have.

    Raises
    ------
    InputError
        For missing files or bands, other grids, names that collide, or an index without its bands.
    """
    refuse_turned(settings, grid)
    nothing = WholeGrid(dict.fromkeys(settings.rasters, Prepared()))
    with open_sources(settings, root, grid, nothing) as sources:
        bands = {reader.key: reader.names for reader in sources.readers}
    return layers_of(settings, bands)


def refuse_turned(settings: PredictorSettings, grid: GeoBox) -> None:
    """Raise when directions are needed and the grid's north is not that of the compass.

    Raises
    ------
    InputError
        If an aspect, an illumination or a look direction is wanted on a grid whose northing turns
        away from north by more than `MOST_TURNED`, as on polar grids.
    """
    derived = settings.terrain.derive if settings.terrain is not None else []
    wanted: list[str] = [name for name in derived if name.startswith("aspect")]
    for key, source in settings.rasters.items():
        wanted += [f"{rule} of {key}" for rule in ("slope", "topography") if getattr(source, rule)]
    if not wanted or grid.crs is None or not grid.crs.projected:
        return
    box = grid.boundingbox
    projection = Proj(grid.crs.proj)
    centre = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    turned = projection.get_factors(*projection(*centre, inverse=True)).meridian_convergence
    if not abs(turned) <= MOST_TURNED:
        raise InputError(
            f"north on the grid is {abs(turned):.0f}° from north on the compass, which "
            f"{', '.join(wanted)} would take for each other",
            where="grid.crs",
            remedy="choose the UTM zone of the study area, or leave them out",
        )


def check_contents(
    settings: PredictorSettings, root: Path, grid: GeoBox, plots: pd.DataFrame
) -> pd.DataFrame:
    """Read only as much as shows whether every layer has data, and has it at the plots.

    Parameters
    ----------
    settings, root, grid
        As in `build_stack`.
    plots : DataFrame
        plot_id, easting, northing in the CRS of the grid, all inside it.

    Returns
    -------
    DataFrame, shape (n, predictors)
        The layers at the plots, NaN where there are no data; without columns where scenes have
        not been fetched.

    Raises
    ------
    InputError
        As `build_stack` and `extract_samples`, before anything is computed; with every problem of
        the values at once.
    """
    layers = check_stack(settings, root, grid)
    problems: list[Problem] = []
    waiting = {layer.name for layer in layers}
    with open_sources(settings, root, grid) as sources:
        if any(isinstance(reader, AnnouncedReader) for reader in sources.readers):
            return pd.DataFrame(index=plots.index)  # nothing to see before the catalogue was asked
        for block in Lattice(grid):
            values = sources.block(block)
            if not problems:
                with gathered(problems):
                    refuse_unscaled(settings, values)
            waiting -= {name for name in waiting if np.isfinite(values[name]).any()}
            if not waiting:
                break
        with gathered(problems):
            refuse_empty([layer for layer in layers if layer.name in waiting])
        at_plots = _at_plots(sources, grid, plots, [layer.name for layer in layers])
        if settings.missing_at_plots == "error":
            with gathered(problems):
                refuse_missing(at_plots.drop(columns=sorted(waiting)), plots)
    if problems:
        raise InputError.of(problems)
    return at_plots


def _at_plots(
    sources: StackSources, grid: GeoBox, plots: pd.DataFrame, names: list[str]
) -> pd.DataFrame:
    """Compute the layers in the smallest windows that hold the plots of each block."""
    rows, cols, _ = cells_at(
        grid, plots["easting"].to_numpy(dtype=float), plots["northing"].to_numpy(dtype=float)
    )
    values = np.full((len(plots), len(names)), np.nan)
    for window, here in Lattice(grid).holding(rows, cols):
        seen = sources.block(window)
        for band, name in enumerate(names):
            values[here, band] = seen[name][rows[here] - window.row, cols[here] - window.col]
    return pd.DataFrame(values, columns=names)


def refuse_unscaled(settings: PredictorSettings, values: dict[str, Array]) -> None:
    """Raise when an index needs reflectance and its bands are not between 0 and 1."""
    for index in map(find_index, settings.indices):
        if not index.needs_reflectance:
            continue
        for band in sorted(index.bands):
            seen = values[band][np.isfinite(values[band])]
            if seen.size and float(np.median(seen)) > 2:
                raise InputError(
                    f"{index.id} needs reflectance between 0 and 1, the median here is "
                    f"{np.median(seen):.0f}",
                    where=f"band {band}",
                    remedy="set `scale` of its raster, e.g. 0.0001 for reflectance × 10 000",
                )


def refuse_empty(empty: list[Layer]) -> None:
    """Raise when there are layers without any data; name them and their files."""
    if empty:
        raise InputError(
            "no valid pixel on the whole grid",
            where=", ".join(f"{layer.name} ({layer.source})" for layer in empty),
            remedy="check nodata, keep_where, and that the raster covers the study area",
        )


def refuse_missing(values: pd.DataFrame, plots: pd.DataFrame) -> None:
    """Raise when a predictor has no data at a plot; name predictors and plots.

    Parameters
    ----------
    values : DataFrame, shape (n, predictors)
        Predictors at the plots.
    plots : DataFrame, shape (n, ...)
        With plot_id, in the same order.
    """
    absent = values.isna().to_numpy()
    bad = absent.any(axis=1)
    if bad.any():
        ids = [str(i) for i in plots["plot_id"].to_numpy()[bad]]
        bands = [str(c) for c in values.columns[np.flatnonzero(absent.any(axis=0))]]
        raise InputError(
            f"no data in {', '.join(bands)} at {len(ids)} plots: {listed(ids)}",
            where="predictors at plots",
            remedy="fill the rasters, leave the bands out, or set missing_at_plots: drop",
        )


def listed(ids: list[str], most: int = 8) -> str:
    """Return ids as text, the first few by name.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    text = ", ".join(ids[:most])
    return f"{text} and {len(ids) - most} more" if len(ids) > most else text


def source_files(settings: PredictorSettings, root: Path) -> list[Path]:
    """Return every file that the sources of a stack read, elevation models included.

    Scenes of a catalogue are those that were fetched last; none before.

    Raises
    ------
    InputError
        If a file is missing or a pattern matches nothing.
    """
    found: list[Path] = []
    for key, source in settings.rasters.items():
        where = f"predictors.rasters.{key}"
        found += files_of(source.files, root, where)
        if source.catalog is not None and not source.files:
            found += fetched_files(source, root) or []
        for rule in (source.slope, source.topography):
            if rule is not None:
                found += files_of(rule.dem, root, where)
    if settings.terrain is not None:
        found += files_of(settings.terrain.dem, root, "predictors.terrain")
    return found
