"""Joining plots and predictors: one row per plot, its id kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phytomass.errors import InputError, require_columns
from phytomass.features.sources import listed, refuse_missing
from phytomass.features.stack import PredictorStack
from phytomass.grid import cells_at
from phytomass.models import Training


@dataclass(frozen=True, eq=False)
class Extraction:
    """The samples, and the plots left out because a predictor has no data there."""

    samples: Training
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
    stack: PredictorStack, plots: pd.DataFrame, *, missing: str = "error", patch: int = 1
) -> Extraction:
    """Read the predictors of the pixel under each plot's centre, and around it.

    Parameters
    ----------
    stack : PredictorStack
        The predictors.
    plots : DataFrame
        plot_id, easting, northing (CRS of the stack), agb_mg_ha, and site where known.
    missing : {"error", "drop"}
        What to do with plots where a predictor has no data.
    patch : int
        Side of the patches to read around the plots, pixels, odd; 1 reads none. Neighbours may
        lack data (NaN); beyond the raster stands its mirror image.

    Returns
    -------
    Extraction
        With `samples`, what models are trained on and judged by, and `left_out`: the plots where
        predictors are missing, and which.

    Raises
    ------
    InputError
        If plots lie outside the stack (all of them are listed), or predictors are missing at
        plots and `missing` is "error", or a patch is larger than the raster.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_030, 3_800_020))
    >>> plots = pd.DataFrame({"plot_id": ["A", "B"], "easting": [500_005.0, 500_025.0],
    ...                       "northing": [3_800_015.0] * 2, "agb_mg_ha": [40.0, 90.0]})
    >>> with TemporaryDirectory() as folder:
    ...     bands = {"NDVI": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]}
    ...     stack = PredictorStack.write(f"{folder}/stack.tif", bands, grid)
    ...     samples = extract_samples(stack, plots).samples
    >>> samples.X.round(2).tolist(), samples.y.tolist(), samples.groups.tolist(), samples.names
    ([[0.1], [0.3]], [40.0, 90.0], ['A', 'B'], ('NDVI',))
    """
    require_columns(plots, ("plot_id", "easting", "northing", "agb_mg_ha"), "plots")
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
    rows, cols, _ = cells_at(stack.grid, easting[keep], northing[keep])
    pixels = values.to_numpy(np.float64)[keep]
    samples = Training(
        X=stack.patches_at(rows, cols, patch) if patch > 1 else pixels,
        y=plots["agb_mg_ha"].to_numpy(dtype=float)[keep],
        groups=plots["site" if "site" in plots else "plot_id"].to_numpy(dtype=str)[keep],
        plot_id=plots["plot_id"].to_numpy(dtype=str)[keep],
        positions=np.column_stack([easting, northing])[keep],
        names=stack.names,
        cells=np.column_stack([rows, cols]),
    )
    reasons = [", ".join(absent.columns[row]) for row in absent.to_numpy()[bad]]
    left_out = pd.DataFrame({"plot_id": plots["plot_id"].to_numpy()[bad], "missing": reasons})
    return Extraction(samples, left_out)
