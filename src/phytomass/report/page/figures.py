"""Figures of results as matplotlib figures, for notebooks: to change, to show, to save."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from phytomass import tables
from phytomass.errors import InputError, require_columns
from phytomass.report.content.layers import read_layer
from phytomass.report.content.results import read_results
from phytomass.report.messages import labels
from phytomass.report.messages.saying import say
from phytomass.report.sections.map_figures import biomass_figure, change_figure
from phytomass.report.sections.models_figures import predictions_figure
from phytomass.validation import scores

CANDIDATE = ["model", "predictors", "split"]


def draw_map(
    results: str | Path, plots: pd.DataFrame | None = None, *, change: bool = False
) -> Figure:
    """Draw a biomass map, with the plots on it.

    Parameters
    ----------
    results : str or Path
        A results folder, or a raster of AGB in Mg/ha dry mass, e.g. of `predict_map`.
    plots : DataFrame, optional
        easting, northing (CRS of the map) and agb_mg_ha, and outlier where known; those of the
        results folder if left out.
    change : bool
        Draw the change between two dates: `agb_change.tif` of the folder, or a raster of it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no such folder or map, or the plots lack a column.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from phytomass.features import PredictorStack
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_200, 3_800_200))
    >>> agb = {"agb_mg_ha": np.linspace(0, 180, 400).reshape(20, 20)}
    >>> plots = pd.DataFrame({"easting": [500_055.0], "northing": [3_800_105.0], "agb_mg_ha": [90]})
    >>> with TemporaryDirectory() as folder:
    ...     figure = draw_map(PredictorStack.write(f"{folder}/agb.tif", agb, grid).path, plots)
    ...     figure.savefig(f"{folder}/agb.png")
    >>> figure.axes[0].get_xlabel()
    'Easting, m, EPSG:32643'
    """
    path = Path(results)
    if path.is_dir():
        read = read_results(path)
        name = "agb_change" if change else "agb"
        if name not in read.rasters:
            raise InputError(f"no {name}.tif", where=str(path), remedy="run `phytomass run` first")
        path, plots = read.rasters[name], read.plots if plots is None else plots
    if plots is not None:
        require_columns(plots, ("easting", "northing", "agb_mg_ha"), "plots")
    if not path.exists():
        raise InputError("no such file", where=str(path))
    if change:
        return change_figure(read_layer(path), say("axis.change"))
    return biomass_figure(read_layer(path), plots, say("axis.agb"))


def draw_predictions(
    predictions: pd.DataFrame | str | Path,
    *,
    model: str | None = None,
    predictors: str | None = None,
    split: str | None = None,
) -> Figure:
    """Draw predicted against observed biomass of held-out plots.

    Parameters
    ----------
    predictions : DataFrame, str or Path
        `Comparison.predictions` of `compare`, or the results folder that holds `predictions.csv`.
    model, predictors, split : str, optional
        Which candidate; of those that fit, the one with the lowest RMSE.

    Returns
    -------
    matplotlib.figure.Figure
        With the 1:1 line and the least-squares line of predicted on observed; R² and RMSE are
        the means over the repeats of the split.

    Raises
    ------
    InputError
        If there is no such candidate, file or column.

    Examples
    --------
    >>> rows = pd.DataFrame({"observed": [20.0, 60.0, 100.0], "predicted": [35.0, 60.0, 85.0]})
    >>> rows = rows.assign(model="mlr", predictors="both", split="spatial_blocks", repeat=0)
    >>> draw_predictions(rows).axes[0].get_title(loc="left")
    'Multiple linear, optical + SAR, spatial blocks'
    """
    table = predictions
    if not isinstance(table, pd.DataFrame):
        table = tables.read(table, "predictions")
    require_columns(table, (*CANDIDATE, "repeat", "observed", "predicted"), "predictions")
    wanted = {"model": model, "predictors": predictors, "split": split}
    for column, name in wanted.items():
        known = table[column].unique()
        table = table if name is None else table[table[column] == name]
        if table.empty:
            what, remedy = f"no {column} {name!r}", f"there are {', '.join(map(str, known))}"
            raise InputError(what, where="predictions", remedy=remedy)
    found = {key: _scores(rows) for key, rows in table.groupby(CANDIDATE, sort=False)}
    best = min(found, key=lambda key: found[key]["rmse"])
    rows = table[(table[CANDIDATE] == list(best)).all(axis=1)]
    words = (labels.model(best[0]), labels.predictor_set(best[1]), labels.split(best[2]))
    top = 1.04 * float(rows[["observed", "predicted"]].max().max())
    return predictions_figure(rows, found[best], top, ", ".join(words))


def _scores(rows: pd.DataFrame) -> dict[str, float]:
    """Return R² and RMSE of a candidate, pooled in a repeat and averaged over repeats."""
    repeats = [scores(one["observed"], one["predicted"]) for _, one in rows.groupby("repeat")]
    return {name: float(np.mean([one[name] for one in repeats])) for name in ("r2", "rmse")}
