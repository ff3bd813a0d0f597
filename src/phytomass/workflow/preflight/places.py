"""Where the plots lie: on the rasters, in the study area and the mask, on land."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import Problem
from phytomass.features import listed
from phytomass.grid import cells_at
from phytomass.imagery import Mask, MaskSettings, PredictorSettings, RasterSource, open_mask
from phytomass.imagery.products.sensors import find_sensor
from phytomass.imagery.readers.mask import area_mask
from phytomass.inventory import Survey
from phytomass.walk.lattice import Lattice
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import Findings
from phytomass.workflow.preflight.guesses import other_reading

MANY = 0.1
"""Share of the plots outside mask or study area from which that looks wrong."""

WET, DARK = 0.1, 0.15
"""Water: (green − near infrared) / (green + near infrared) above the first, near infrared below
the second. Snow is bright, and shadow on plants keeps the sign of plants."""


def plots_on_grid(
    findings: Findings, opened: OpenProject, survey: Survey, grid: GeoBox
) -> pd.DataFrame:
    """Return the plots that lie on the grid; say how many do not, and how they would.

    Parameters
    ----------
    findings : Findings
        Gets the problems.
    opened : OpenProject
        The project.
    survey : Survey
        Of its field sheets.
    grid : GeoBox
        Its grid.
    """
    plots, where = survey.plots, opened.project.inventory.file_of_plots
    columns = ["plot_id", "easting", "northing"]
    if plots is None or not set(columns) <= set(plots.columns):
        return pd.DataFrame(columns=columns)
    if not survey.located:
        _name_reading(findings, survey, grid, where)
        return pd.DataFrame(columns=columns)
    inside = cells_at(grid, *(plots[name].to_numpy(dtype=float) for name in columns[1:]))[2]
    outside = plots.loc[~inside, "plot_id"].astype(str).tolist()
    if outside:
        findings.problems.append(_outside(survey, grid, outside, len(plots), where))
    return plots.loc[inside, columns].reset_index(drop=True)


def _outside(survey: Survey, grid: GeoBox, ids: list[str], n: int, where: str) -> Problem:
    what = f"{len(ids)} of {n} plots lie outside the rasters: {listed(ids)}"
    remedy = "check inventory.plots.crs and the coordinates, or enlarge the rasters"
    guess = None
    if survey.places is not None:
        here = survey.places[survey.places["plot_id"].isin(ids)]
        guess = other_reading(here, survey.crs, grid)
    if guess is None:
        return Problem(where, what, remedy)
    return Problem(where, f"{what}; {guess.words()}", guess.remedy())


def _name_reading(findings: Findings, survey: Survey, grid: GeoBox, where: str) -> None:
    """Of coordinates that cannot be in their CRS, say how they can be read."""
    if survey.places is None:
        return
    guess = other_reading(survey.places, survey.crs, grid)
    if guess is not None:
        what = f"of {guess.total} plots, {guess.words()}"
        findings.problems.append(Problem(where, what, guess.remedy()))


def check_surroundings(
    findings: Findings, opened: OpenProject, grid: GeoBox, plots: pd.DataFrame
) -> None:
    """Say how many plots lie outside the study area and outside the mask.

    Parameters
    ----------
    findings, opened, grid
        As in `plots_on_grid`.
    plots : DataFrame
        Plots on the grid.
    """
    project, root = opened.project, opened.root
    if project.study_area is not None:
        area = root / project.study_area
        inside = findings.attempt(partial(_in_area, area, grid, plots))
        _say_outside(findings, plots, inside, "study area", str(project.study_area))
    hides = [problem.where for problem in findings.problems]
    if project.mask is not None and f"{project.mask.path} (mask)" not in hides:
        where = f"{project.mask.path} (mask)"
        inside = findings.attempt(partial(_in_mask, project.mask, root, grid, plots))
        _say_outside(findings, plots, inside, project.mask.name, where)


def _in_area(area: Path, grid: GeoBox, plots: pd.DataFrame) -> NDArray[np.bool_]:
    return _true_at(area_mask(area, grid), grid, plots)


def _in_mask(
    mask: MaskSettings, root: Path, grid: GeoBox, plots: pd.DataFrame
) -> NDArray[np.bool_]:
    with open_mask(mask, root, grid) as opened:
        return _true_at(opened, grid, plots)


def _true_at(mask: Mask, grid: GeoBox, plots: pd.DataFrame) -> NDArray[np.bool_]:
    """Read a mask at the plots, one window for those of each block."""
    rows, cols, _ = cells_at(
        grid, plots["easting"].to_numpy(dtype=float), plots["northing"].to_numpy(dtype=float)
    )
    found = np.zeros(len(plots), dtype=np.bool_)
    for window, here in Lattice(grid).holding(rows, cols):
        found[here] = mask(window)[rows[here] - window.row, cols[here] - window.col]
    return found


def _say_outside(
    findings: Findings,
    plots: pd.DataFrame,
    inside: NDArray[np.bool_] | None,
    name: str,
    where: str,
) -> None:
    if inside is None or inside.all():
        return
    ids = plots.loc[~inside, "plot_id"].astype(str).tolist()
    what = (
        f"{len(ids)} of {len(plots)} plots lie outside the {name}: {listed(ids)}; models learn "
        "from them, and the map does not cover them"
    )
    many = len(ids) > MANY * len(plots)
    remedy = "check the coordinates, and the values or the place of it" if many else ""
    (findings.warnings if many else findings.notes).append(Problem(where, what, remedy))


def check_ground(
    findings: Findings,
    settings: PredictorSettings,
    plots: pd.DataFrame,
    values: pd.DataFrame,
    where: str,
) -> None:
    """Say how many plots lie on water, at sea level or where there are no data.

    Parameters
    ----------
    findings : Findings
        Gets the warnings.
    settings : PredictorSettings
        The `predictors` section.
    plots : DataFrame
        Plots on the grid.
    values : DataFrame
        Layers at these plots.
    where : str
        The table of plots.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for key, source in settings.rasters.items():
        green, nir = _green_and_nir(source, list(map(str, values.columns)))
        if green in values and nir in values:
            found[f"look like water in {key} (green above near infrared)"] = _wet(
                values[green].to_numpy(), values[nir].to_numpy()
            )
    if settings.terrain is not None and "elevation" in values:
        found["lie at elevation 0, as the sea"] = values["elevation"].to_numpy() == 0
    if settings.missing_at_plots == "drop":
        found["have no data in some predictor and will be dropped"] = (
            values.isna().any(axis=1).to_numpy()
        )
    for what, there in found.items():
        if there.any():
            ids = plots.loc[there, "plot_id"].astype(str).tolist()
            text = f"{len(ids)} of {len(plots)} plots {what}: {listed(ids)}"
            remedy = "check the coordinates and inventory.plots.crs, or leave these plots out"
            findings.warnings.append(Problem(where, text, remedy))


def _green_and_nir(source: RasterSource, layers: list[str]) -> tuple[str, str]:
    """Return the predictors that are green and near infrared; empty where that is not known."""
    if source.group != "optical":
        return "", ""
    record = source.record or find_sensor("sentinel-2-l2a")
    names = _names(source, layers)
    wanted = [record.letters.get(letter) for letter in ("G", "N")]
    called = {record.band_called(band): name for name, band in names.items()}
    if source.record is None and not {"B8A", "B11", "B12"} & set(called):
        return "", ""  # B3 and B8 mean other things to other sensors
    green, nir = (called.get(band, "") for band in wanted)
    return green, nir


def _names(source: RasterSource, layers: list[str]) -> dict[str, str]:
    """Return predictor → band as the settings name them."""
    if isinstance(source.bands, dict):
        plain = source.record is None
        return {n: n if plain or isinstance(b, int) else b for n, b in source.bands.items()}
    listed_names: Sequence[str | int] = source.bands or (
        source.record.predictors if source.record is not None else layers
    )
    return {str(name): str(name) for name in listed_names}


def _wet(green: NDArray[np.float64], nir: NDArray[np.float64]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (green - nir) / (green + nir)
    return np.asarray((index > WET) & (nir < DARK) & (green > 0), dtype=np.bool_)
