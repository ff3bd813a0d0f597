"""The results folder as one immutable value: every file that is there, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from phytomass import tables
from phytomass.errors import InputError, Problem
from phytomass.walk.kinds import named

RASTERS = ("agb", "agb_before", "agb_change", "agb_uncertainty", "predictors")
DOCUMENTS = ("map_model", "model_choice", "provenance", "stac_item")


@dataclass(frozen=True, eq=False)
class Results:
    """What a results folder holds; what is not there is None.

    Parameters
    ----------
    folder : Path
        The folder.
    trees, rejected_rows, plots, plot_statistics, … : DataFrame or None
        The tables of those names; `predictors` is the table, `rasters["predictors"]` the raster.
    rasters : dict of str to Path
        The rasters that are there: `agb`, `agb_before`, `agb_change`, `agb_uncertainty`, `predictors` (a GeoTIFF, or
        the folder of a Zarr store).
    documents : dict of str to dict
        The JSON files that are there, see `DOCUMENTS`.
    """

    folder: Path
    trees: pd.DataFrame | None = None
    rejected_rows: pd.DataFrame | None = None
    suspicious_rows: pd.DataFrame | None = None
    findings: pd.DataFrame | None = None
    plots: pd.DataFrame | None = None
    plot_statistics: pd.DataFrame | None = None
    field_error: pd.DataFrame | None = None
    error_shares: pd.DataFrame | None = None
    draw_counts: pd.DataFrame | None = None
    predictors: pd.DataFrame | None = None
    correlations: pd.DataFrame | None = None
    illumination: pd.DataFrame | None = None
    model_comparison: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    class_shares: pd.DataFrame | None = None
    elevation_profile: pd.DataFrame | None = None
    estimates: pd.DataFrame | None = None
    reliability: pd.DataFrame | None = None
    truth_comparison: pd.DataFrame | None = None
    sensor_comparison: pd.DataFrame | None = None
    plots_left_out: pd.DataFrame | None = None
    model_tables: pd.DataFrame | None = None
    model_distance: pd.DataFrame | None = None
    rasters: dict[str, Path] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def map_model(self) -> dict[str, Any]:
        """What `map_model.json` says, or nothing."""
        return self.documents.get("map_model", {})

    @property
    def provenance(self) -> dict[str, Any]:
        """What `provenance.json` says, or nothing."""
        return self.documents.get("provenance", {})

    @property
    def project(self) -> dict[str, Any]:
        """The project's settings as `provenance.json` keeps them, or nothing."""
        project = self.provenance.get("project", {})
        return project if isinstance(project, dict) else {}


SHOWN = tuple(f.name for f in fields(Results) if f.name not in ("folder", "rasters", "documents"))
"""Names of the tables that the report reads."""


def read_results(folder: str | Path) -> Results:
    """Read a results folder; every file in it may be absent.

    Parameters
    ----------
    folder : str or Path
        The folder that `phytomass run` writes.

    Raises
    ------
    InputError
        If the folder is missing, or a file in it cannot be read or lacks a column; all problems
        are named at once.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            "no such folder",
            where=str(folder),
            remedy="run `phytomass run` first, or check the path",
        )
    problems: list[Problem] = []
    found = {name: _table(folder, name, problems) for name in SHOWN}
    documents = {name: _document(folder, name, problems) for name in DOCUMENTS}
    if problems:
        raise InputError.of(problems)
    rasters = {name: folder / f"{name}.tif" for name in RASTERS}
    rasters["predictors"] = named(folder, "predictors") or rasters["predictors"]
    return Results(
        folder,
        **found,
        rasters={name: path for name, path in rasters.items() if path.exists()},
        documents={name: content for name, content in documents.items() if content is not None},
    )


def _table(folder: Path, name: str, problems: list[Problem]) -> pd.DataFrame | None:
    if not (folder / tables.table(name).file).is_file():
        return None
    try:
        return tables.table(name).completed(tables.read(folder, name))
    except InputError as error:
        problems.extend(error.problems)
        return None


def _document(folder: Path, name: str, problems: list[Problem]) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), f"is not valid JSON ({error})", "run `phytomass run`"))
        return None
    if isinstance(content, dict):
        return content
    problems.append(Problem(str(path), "is not a JSON object", "run `phytomass run`"))
    return None
