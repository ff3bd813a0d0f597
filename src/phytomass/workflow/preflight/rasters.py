"""The raster side of a check: every source by itself, then what is made of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError, Problem, gathered
from phytomass.features import (
    check_contents,
    check_stack,
    predictor_sets,
    refuse_truncated,
    source_files,
)
from phytomass.features.layers import Layer, layers_of
from phytomass.grid import grid_of_raster
from phytomass.imagery import (
    CatalogueIndex,
    OwnIndex,
    PredictorSettings,
    RasterSource,
    files_of,
    find_index,
)
from phytomass.workflow.preflight.findings import Findings

TERRAIN = "terrain"


@dataclass
class Seen:
    """What is known of the sources of a stack after each was opened by itself.

    Parameters
    ----------
    bands : dict of str to list of str
        Source that can be opened → its predictors.
    guessed : dict of str to list of str
        Source that cannot be opened → the predictors its settings name.
    unknown : bool
        Whether there is a source whose predictors nobody knows.
    damaged : set of str
        Sources with a file that is cut off: reading it would only say so again.
    layers : list of Layer
        All layers of the stack; empty unless every source can be opened.
    """

    bands: dict[str, list[str]] = field(default_factory=dict)
    guessed: dict[str, list[str]] = field(default_factory=dict)
    unknown: bool = False
    damaged: set[str] = field(default_factory=set)
    layers: list[Layer] = field(default_factory=list)


def parts_of(settings: PredictorSettings) -> dict[str, PredictorSettings]:
    """Return one `predictors` section per source, without what is made of them."""
    bare: dict[str, object] = {"indices": [], "textures": [], "sets": None, "leave_out": []}
    parts = {
        key: settings.model_copy(update={**bare, "rasters": {key: source}, "terrain": None})
        for key, source in settings.rasters.items()
    }
    if settings.terrain is not None:
        parts[TERRAIN] = settings.model_copy(update={**bare, "rasters": {}})
    return parts


def check_sources(
    findings: Findings, settings: PredictorSettings, root: Path, grid: GeoBox | None
) -> Seen:
    """Open every source by itself, and check indices, textures and sets on what they give.

    Parameters
    ----------
    findings : Findings
        Gets the problems.
    settings : PredictorSettings
        The `predictors` section of one date.
    root : Path
        The project's folder.
    grid : GeoBox or None
        The project's grid; without one each source is read on its own.
    """
    seen = Seen()
    for key, part in parts_of(settings).items():
        layers, whole = _opened(findings, part, root, grid)
        seen.damaged |= set() if whole else {key}
        if layers is not None:
            seen.bands[key] = [layer.name for layer in layers]
            findings.sizes.n_reads += len(layers) * max(len(source_files(part, root)), 1)
        elif key != TERRAIN:
            seen.guessed[key] = _announced(settings.rasters[key])
            seen.unknown |= not seen.guessed[key] or _names_wrong_bands(part, key, root, grid)
    _check_made(findings, settings, seen)
    if len(seen.bands) == len(parts_of(settings)):
        bands = {key: names for key, names in seen.bands.items() if key in settings.rasters}
        seen.layers = findings.attempt(lambda: layers_of(settings, bands)) or []
    _check_sets(findings, settings, seen)
    return seen


def _opened(
    findings: Findings, part: PredictorSettings, root: Path, grid: GeoBox | None
) -> tuple[list[Layer] | None, bool]:
    """Look for the files of one source; return its layers, and whether no file is cut off."""
    before = len(findings.problems)
    for where, pattern in _patterns(part):
        findings.attempt(partial(files_of, pattern, root, where))
    if len(findings.problems) > before:
        return None, True
    files = findings.attempt(partial(source_files, part, root))
    if files is None:
        return None, True
    before = len(findings.problems)
    for file in files:
        findings.attempt(partial(refuse_truncated, file))
    whole = len(findings.problems) == before
    if grid is None:
        grid = next(_grids(files), None)
    if grid is None:
        return None, whole
    return findings.attempt(partial(check_stack, part, root, grid)), whole


def _names_wrong_bands(part: PredictorSettings, key: str, root: Path, grid: GeoBox | None) -> bool:
    """Tell whether a source opens without its list of bands: what it would give is not known.

    A mapping names its predictors itself, so only what they are made of is missing.
    """
    source = part.rasters[key]
    if not isinstance(source.bands, list) or grid is None:
        return False
    bare = part.model_copy(update={"rasters": {key: source.model_copy(update={"bands": None})}})
    try:
        check_stack(bare, root, grid)
    except InputError:
        return False
    return True


def _patterns(part: PredictorSettings) -> Iterable[tuple[str, str]]:
    """Give every path or pattern of a source, so that each missing one is a problem."""
    for key, source in part.rasters.items():
        patterns = [source.files] if isinstance(source.files, str) else source.files
        yield from ((f"predictors.rasters.{key}", pattern) for pattern in patterns)


def _grids(files: Sequence[Path]) -> Iterator[GeoBox]:
    for file in files:
        try:
            yield grid_of_raster(file)
        except InputError:
            continue  # told when the source is opened


def _announced(source: RasterSource) -> list[str]:
    """Return the predictors that the settings of a source name."""
    if source.bands is None:
        return list(source.record.predictors) if source.record is not None else []
    return [str(name) for name in source.bands]


def _check_made(findings: Findings, settings: PredictorSettings, seen: Seen) -> None:
    """Check each index and each texture by itself, on the bands that there are or should be."""
    bands: Mapping[str, Sequence[str]] = {
        key: names for key, names in {**seen.bands, **seen.guessed}.items() if key != TERRAIN
    }
    for wanted in settings.indices:
        if findings.attempt(partial(find_index, wanted)) is None or seen.unknown:
            continue
        one = settings.model_copy(update={"indices": [wanted], "textures": []})
        findings.attempt(partial(layers_of, one, bands))
    for texture in settings.textures if not seen.unknown else ():
        good = [index for index in settings.indices if _is_made(settings, index, bands)]
        one = settings.model_copy(update={"indices": good, "textures": [texture]})
        findings.attempt(partial(layers_of, one, bands))


def _is_made(
    settings: PredictorSettings,
    index: str | OwnIndex | CatalogueIndex,
    bands: Mapping[str, Sequence[str]],
) -> bool:
    problems: list[Problem] = []
    one = settings.model_copy(update={"indices": [index], "textures": []})
    with gathered(problems):
        layers_of(one, bands)
    return not problems


def _check_sets(findings: Findings, settings: PredictorSettings, seen: Seen) -> None:
    """Check every name of every predictor set, and of `leave_out`."""
    if not seen.layers:
        return
    sets = findings.attempt(lambda: predictor_sets(settings, seen.layers))
    findings.sizes.n_layers = len(seen.layers)
    findings.sizes.sets = {name: len(names) for name, names in (sets or {}).items()}
    if sets is not None:
        return
    for key, names in (settings.sets or {}).items():
        for name in names:
            one = settings.model_copy(update={"sets": {key: [name]}, "leave_out": []})
            findings.attempt(partial(predictor_sets, one, seen.layers))
    for name in settings.leave_out:
        one = settings.model_copy(update={"sets": None, "leave_out": [name]})
        findings.attempt(partial(predictor_sets, one, seen.layers))


def check_values(
    findings: Findings,
    settings: PredictorSettings,
    root: Path,
    grid: GeoBox,
    plots: pd.DataFrame,
    seen: Seen,
) -> pd.DataFrame:
    """Read as much as shows whether the layers have data; return their values at the plots.

    All sources are read together; if that shows a problem, each by itself, so that one which
    cannot be read hides no other.

    Parameters
    ----------
    findings, settings, root, grid, seen
        As in `check_sources`, and what it returned.
    plots : DataFrame
        plot_id, easting, northing, all on the grid.
    """
    problems: list[Problem] = []
    if seen.layers and not seen.damaged:
        together: pd.DataFrame | None = None
        with gathered(problems):
            together = check_contents(settings, root, grid, plots)
        if together is not None:
            return together
    before = len(findings.problems)
    values = []
    for key, part in parts_of(settings).items():
        if key in seen.bands and key not in seen.damaged:
            own = [i for i in settings.indices if _is_of(i, seen.bands[key])]
            whole = part.model_copy(update={"indices": own})
            found = findings.attempt(partial(check_contents, whole, root, grid, plots))
            values += [found] if found is not None else []
    if len(findings.problems) == before:
        findings.problems += problems  # it shows only where sources meet, as in an index
    return pd.concat(values, axis=1) if values else pd.DataFrame(index=plots.index)


def _is_of(index: str | OwnIndex | CatalogueIndex, names: Sequence[str]) -> bool:
    """Tell whether an index is made of the bands of one source."""
    problems: list[Problem] = []
    needed: frozenset[str] | set[str] = frozenset()
    with gathered(problems):
        needed = find_index(index).bands
    return not problems and needed <= set(names)
