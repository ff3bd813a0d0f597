"""Joining plots and predictors: one row per plot, its id kept."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from phytomass.errors import InputError
from phytomass.features.samples import Samples
from phytomass.features.sources import listed, refuse_missing
from phytomass.features.stack import PredictorStack


@dataclass(frozen=True, eq=False)
class Extraction:
    """The samples, and the plots left out because a predictor has no data there."""

    samples: Samples
    left_out: pd.DataFrame


def plots_outside(
    stack_bounds: tuple[float, float, float, float], plots: pd.DataFrame
) -> list[str]:
    """Return the ids of plots that lie outside (west, south, east, north)."""
    west, south, east, north = stack_bounds
    e, n = plots["easting"], plots["northing"]
    inside = (e >= west) & (e < east) & (n > south) & (n <= north)
    return [str(i) for i in plots.loc[~inside, "plot_id"]]


def extract_samples(
    stack: PredictorStack, plots: pd.DataFrame, *, missing: str = "error"
) -> Extraction:
    """Read the predictors of the pixel under each plot's centre.

    Parameters
    ----------
    stack : PredictorStack
        The predictors.
    plots : DataFrame
        plot_id, easting, northing (CRS of the stack), site, agb_mg_ha.
    missing : {"error", "drop"}
        What to do with plots where a predictor has no data.

    Raises
    ------
    InputError
        If plots lie outside the stack (all of them are listed), or predictors are missing at
        plots and `missing` is "error".
    """
    easting = plots["easting"].to_numpy(dtype=float)
    northing = plots["northing"].to_numpy(dtype=float)
    values, inside = stack.at(easting, northing)
    if not inside.all():
        ids = [str(i) for i in plots.loc[~inside, "plot_id"]]
        raise InputError(
            f"{len(ids)} of {len(plots)} plots lie outside the rasters: {listed(ids)}",
            where="plots",
            remedy="check inventory.plots.crs and the coordinates, or enlarge the rasters",
        )
    if missing == "error":
        refuse_missing(values, plots)
    absent = values.isna()
    bad = absent.any(axis=1).to_numpy()
    keep = ~bad
    samples = Samples(
        X=values[keep].reset_index(drop=True),
        y=plots["agb_mg_ha"].to_numpy(dtype=float)[keep],
        plot_id=plots["plot_id"].to_numpy(dtype=str)[keep],
        group=plots["site"].to_numpy(dtype=str)[keep],
        easting=easting[keep],
        northing=northing[keep],
    )
    reasons = [", ".join(absent.columns[row]) for row in absent.to_numpy()[bad]]
    left_out = pd.DataFrame({"plot_id": plots["plot_id"].to_numpy()[bad], "missing": reasons})
    return Extraction(samples, left_out)
