"""What each layer of a stack is, and which layers form a predictor set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from phytomass.errors import InputError, nearest, shown
from phytomass.imagery import PredictorSettings, extra_layers, find_index
from phytomass.settings import distinct_names, layer_name

HARALICK = "grey-level co-occurrence, Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314"
HELPER = "helper"
"""Kind of layers that describe the images (counts, dates, cells): never a predictor by itself."""
TERRAIN = {
    "elevation": ("elevation", "m"),
    "slope": ("slope by Horn's method", "degrees"),
    "aspect_sin": ("sine of the aspect (east is 1, flat is 0)", ""),
    "aspect_cos": ("cosine of the aspect (north is 1, flat is 0)", ""),
}


@dataclass(frozen=True)
class Layer:
    """One predictor: its name, who saw it, how it is computed, where it comes from."""

    name: str
    sensor: str
    kind: str
    formula: str
    source: str
    unit: str

    def row(self) -> dict[str, str]:
        """Return the layer as a row of `predictors.csv`."""
        return asdict(self)


def layers_of(settings: PredictorSettings, bands: Mapping[str, Sequence[str]]) -> list[Layer]:
    """List the layers of a stack in band order.

    Parameters
    ----------
    settings : PredictorSettings
        The `predictors` section.
    bands : mapping of str to sequence of str
        Source key → the predictor names it gives.

    Raises
    ------
    InputError
        If two layers have one name, or an index lacks a band.
    """
    layers: list[Layer] = []
    for key, names in bands.items():
        source = settings.rasters[key]
        helpers = extra_layers(key, source)
        how = f"{source.composite} of valid dates" if source.composite else ""
        for n in names:
            kind, unit = (HELPER, "") if n in helpers else ("band", source.layer_unit)
            layers.append(Layer(n, source.group, kind, how, source.place, unit))
    if settings.terrain is not None:
        for name in settings.terrain.derive:
            how, unit = TERRAIN[name]
            layers.append(Layer(name, "terrain", "terrain", how, settings.terrain.dem, unit))
    for wanted in settings.indices:
        index = find_index(wanted)
        missing = sorted(index.bands - {layer.name for layer in layers})
        if missing:
            raise InputError(
                f"needs {', '.join(missing)}, which no raster gives",
                where=f"index {index.id} (predictors.indices)",
                remedy="name the bands under predictors.rasters.<name>.bands, e.g. {B8: 7}",
            )
        kind = "ratio" if index.sensor == "sar" else "index"
        layers.append(Layer(index.id, index.sensor, kind, index.formula, index.source, index.unit))
    layers += _textures(settings, layers)
    names = [layer.name for layer in layers]
    refuse_names(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"two layers are called {', '.join(twice)}",
            where="predictors",
            remedy="rename one with bands: {new_name: band}",
        )
    return layers


def refuse_names(names: Sequence[str]) -> None:
    """Raise for names of layers that not every store can take.

    Raises
    ------
    InputError
        Naming the first; see `phytomass.settings.layer_name`.
    """
    for name in names:
        try:
            layer_name(name)
        except ValueError as error:
            raise _unusable(f"the layer {shown(name)}: {error}") from error
    try:
        distinct_names(names)
    except ValueError as error:
        raise _unusable(str(error)) from error


def _unusable(what: str) -> InputError:
    return InputError(what, where="predictors", remedy="rename it with bands: {new_name: band}")


def _textures(settings: PredictorSettings, layers: Sequence[Layer]) -> list[Layer]:
    by_name = {layer.name: layer for layer in layers}
    found = []
    for texture in settings.textures:
        if texture.of not in by_name:
            raise InputError(
                f"no predictor {texture.of!r}",
                where="predictors.textures",
                remedy=nearest(texture.of, list(by_name)),
            )
        side = f"{texture.window} × {texture.window} pixels, {texture.levels} grey levels"
        sensor = by_name[texture.of].sensor
        found += [
            Layer(f"{texture.of}_{m}", sensor, "texture", f"{m}, {side}", HARALICK, "")
            for m in texture.measures
        ]
    return found


def predictor_sets(settings: PredictorSettings, layers: Sequence[Layer]) -> dict[str, list[str]]:
    """Return the predictor sets that models are compared on, by name.

    Without `sets` in the project file: optical and sar where there are such layers, both if there
    are both, and all where other layers exist too.

    Raises
    ------
    InputError
        If a set of the project file names an unknown predictor.
    """
    used = [
        layer for layer in layers if layer.name not in settings.leave_out and layer.kind != HELPER
    ]
    names = [layer.name for layer in used]
    unknown = [name for name in settings.leave_out if name not in {la.name for la in layers}]
    for key, wanted in {**(settings.sets or {}), "leave_out": unknown}.items():
        for name in wanted:
            if name not in names:
                raise InputError(
                    f"no predictor {name!r}",
                    where=f"predictors.{'sets.' if key != 'leave_out' else ''}{key}",
                    remedy=nearest(name, names) or f"known are {', '.join(names)}",
                )
    if settings.sets is not None:
        return {key: list(wanted) for key, wanted in settings.sets.items()}
    optical = [layer.name for layer in used if layer.sensor == "optical"]
    sar = [layer.name for layer in used if layer.sensor == "sar"]
    sets = {"optical": optical, "sar": sar}
    if optical and sar:
        sets["both"] = [name for name in names if name in {*optical, *sar}]
    if len(names) > len(optical) + len(sar):
        sets["all"] = names
    return {key: wanted for key, wanted in sets.items() if wanted}
