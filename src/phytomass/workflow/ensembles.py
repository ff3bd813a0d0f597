"""The map of an ensemble in a project: how many members, what they learn, what zones are summed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass import tables
from phytomass.accounting import ALL, OUTSIDE, read_zones
from phytomass.experiments import FittedModel
from phytomass.mapping import (
    Division,
    EnsembleMap,
    MapDraws,
    PixelErrors,
    predict_ensemble_map,
)
from phytomass.mapping.map_draws import COMMON
from phytomass.models import ModelSettings, record_of
from phytomass.validation import LocalBand, reliability
from phytomass.workflow.engine import Context
from phytomass.workflow.fitting import BEFORE, MapReads, map_area, map_rules, map_tags, walking_in
from phytomass.workflow.inputs import stack_in
from phytomass.workflow.names import SHARED_DRAWS

Array = NDArray[np.float64]
LEVEL = 0.9


def dates_of(reads: MapReads) -> dict[str, tuple[str, str]]:
    """Return the maps by name: of which stack, and what its walk is called."""
    dates = {"agb": ("predictors", "map")}
    if reads.two_dates:
        dates["agb_before"] = (BEFORE, "map, earlier date")
    return dates


def shared_draws(reads: MapReads) -> Array | None:
    """Return the draws of what the plots share (plots, draws), Mg/ha; None where there are none."""
    if not (reads.results.folder / SHARED_DRAWS).exists():
        return None
    plots = [str(plot) for plot in reads.samples().samples.plot_id]
    return np.asarray(reads.results.draws(SHARED_DRAWS).take(plots).values, np.float64)


def members_for(reads: MapReads, model: ModelSettings, shared: Array | None) -> int:
    """Return how many members the map's model has: those asked for, or those that pay for it."""
    if reads.map.members is not None:
        return reads.map.members
    known = record_of(model.name)
    trees = model.parameters.get("n_estimators", known.defaults.get("n_estimators"))
    count = known.members
    if model.name == "random_forest" and isinstance(trees, int):
        count = max(min(count, trees // 2), 2)
    return count if shared is None else min(count, shared.shape[1])


def held_out_of(reads: MapReads, fitted: FittedModel, split: str) -> pd.DataFrame:
    """Return the predictions of the map's model by the split that chose, plots it had not seen."""
    table = reads.results.table("predictions")
    own = (table["model"] == fitted.model) & (table["predictors"] == fitted.predictors_set)
    return table[own & (table["split"] == split)]


def reliability_of(held_out: pd.DataFrame) -> pd.DataFrame:
    """Return bias and coverage by class (`reliability.csv`)."""
    predicted, observed, plots = (held_out[n] for n in ("predicted", "observed", "plot_id"))
    return pd.DataFrame(
        reliability(predicted, observed, plots, LEVEL),
        columns=list(tables.table("reliability").columns),
    )


def errors_of(held_out: pd.DataFrame, shared: Array | None) -> PixelErrors:
    """Return what is known of single pixels."""
    band = LocalBand.fit(held_out["predicted"], held_out["observed"], LEVEL)
    if shared is None:
        return PixelErrors(band)
    mean = shared.mean(axis=0)
    return PixelErrors(band, float(mean.std(ddof=1) / mean.mean()))


def write_ensemble_maps(
    reads: MapReads, context: Context, fitted: FittedModel, errors: PixelErrors
) -> dict[str, EnsembleMap]:
    """Write the maps of all dates with their uncertainty, and the sums of their draws."""
    zones, dates, found = _zones(reads), dates_of(reads), {}
    for name, (stack, what) in dates.items():
        others = [one for key, (one, _) in dates.items() if key != name]
        found[f"{name}.tif"] = predict_ensemble_map(
            fitted.estimator,
            fitted.members.estimators if fitted.members else (),
            stack_in(reads.results, stack),
            fitted.predictors,
            map_area(reads, stack),
            context.folder / f"{name}.tif",
            errors=errors,
            zones=zones,
            other=(stack_in(reads.results, others[0]), map_area(reads, others[0]))
            if others
            else None,
            rules=map_rules(reads, fitted),
            tags=map_tags(reads, fitted, stack),
            walking=walking_in(context, name, what),
        )
    _write_sums(reads, context, fitted, zones, found)
    return found


def _write_sums(
    reads: MapReads,
    context: Context,
    fitted: FittedModel,
    zones: Division,
    found: dict[str, EnsembleMap],
) -> None:
    members = fitted.members
    assert members is not None  # noqa: S101  # whoever calls has seen it
    plots = tuple(map(str, reads.samples().samples.plot_id))
    draws = MapDraws(zones.names, plots, members.at_plots, members.drawn, members.learned)
    for name, one in found.items():
        draws = draws.having(name, one.sums)
        if len(found) > 1:
            draws = draws.having(COMMON + name, one.common)
    draws.save(context.folder / "zone_draws.zarr")


def _zones(reads: MapReads) -> Division:
    if reads.zones is None:
        return Division((ALL,))
    grid = stack_in(reads.results).grid
    zones = read_zones(reads.root / reads.zones.path, reads.zones.column, grid)
    return Division((*zones.names, OUTSIDE), zones.labels)
