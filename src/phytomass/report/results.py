"""The results folder as one immutable value: every file that is there, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from phytomass.errors import InputError, Problem

REQUIRED: dict[str, tuple[str, ...]] = {
    "trees": ("tree_id", "plot_id", "agb_kg"),
    "suspicious_rows": ("plot_id", "tree_id", "column", "value", "reason", "suggestion"),
    "rejected_rows": ("file", "row", "column", "value", "reason"),
    "findings": ("level", "where", "what", "remedy"),
    "plots": ("plot_id", "easting", "northing", "agb_mg_ha"),
    "plot_statistics": ("pool", "unit", "n", "mean", "sd"),
    "field_error": ("pool", "unit", "n", "mean", "se", "low90", "high90", "low95", "high95"),
    "draw_counts": ("what", "n"),
    "error_shares": ("source", "alone_plot", "alone_mean", "cv_plot_percent", "cv_mean_percent"),
    "predictors": ("name",),
    "illumination": ("source", "scene", "band", "method", "n", "r_before", "r_after"),
    "correlations": ("predictor", "r", "n", "p"),
    "model_comparison": ("model", "predictors", "split", "r2", "rmse"),
    "predictions": ("plot_id", "model", "split", "observed", "predicted"),
    "class_shares": ("low_mg_ha", "high_mg_ha", "area_ha", "area_share"),
    "elevation_profile": ("low_m", "high_m", "area_ha", "mean_mg_ha", "stock_mg"),
    "estimates": ("quantity", "pool", "kind", "value", "unit", "statistic"),
    "sensor_comparison": ("model", "split", "best_single", "r2_both", "r2_single", "verdict"),
    "plots_left_out": ("plot_id",),
    "model_tables": ("publication", "table", "split", "predictors", "model", "label", "r2", "rmse"),
    "truth_comparison": ("model", "r2", "rmse", "map_mean", "truth_mean"),
}
"""Table (file name without `.csv`) → columns the report cannot do without."""

TEXT_COLUMNS = frozenset(
    [
        "tree_id",
        "plot_id",
        "site",
        "species",
        "equation_id",
        "choice",
        "reason",
        "suggestion",
        "what",
        "level",
        "where",
        "remedy",
        "file",
        "column",
        "value_text",
        "pool",
        "unit",
        "name",
        "sensor",
        "kind",
        "formula",
        "source",
        "predictor",
        "model",
        "predictors",
        "split",
        "quantity",
        "zone",
        "statistic",
        "period",
        "method",
        "best_single",
        "verdict",
        "scene",
        "band",
        "date",
        "publication",
        "table",
        "title",
        "label",
        "reference",
        "published_unit",
    ]
)
"""Columns that are text even where every entry looks like a number or says `NA`."""

TEXT_IN: dict[str, frozenset[str]] = {
    "rejected_rows": frozenset({"value", "row"}),
    "suspicious_rows": frozenset({"value"}),
}
"""Columns that are text in one table and numbers in others."""

RASTERS = ("agb", "agb_before", "agb_change", "predictors")
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
        The rasters that are there: `agb`, `agb_before`, `agb_change`, `predictors` (a GeoTIFF, or
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
    truth_comparison: pd.DataFrame | None = None
    sensor_comparison: pd.DataFrame | None = None
    plots_left_out: pd.DataFrame | None = None
    model_tables: pd.DataFrame | None = None
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
    tables = {name: _table(folder, name, problems) for name in REQUIRED}
    documents = {name: _document(folder, name, problems) for name in DOCUMENTS}
    if problems:
        raise InputError.of(problems)
    rasters = {name: folder / f"{name}.tif" for name in RASTERS}
    for stored in (folder / "predictors.zarr", folder / "predictors"):
        if stored.is_dir():
            rasters["predictors"] = stored
    return Results(
        folder,
        **tables,
        rasters={name: path for name, path in rasters.items() if path.exists()},
        documents={name: content for name, content in documents.items() if content is not None},
    )


def _table(folder: Path, name: str, problems: list[Problem]) -> pd.DataFrame | None:
    path = folder / f"{name}.csv"
    if not path.is_file():
        return None
    again = "delete it and run `phytomass run` again"
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), f"cannot be read as a table ({error})", again))
        return None
    absent = [column for column in REQUIRED[name] if column not in raw.columns]
    if absent:
        problems.append(Problem(str(path), f"has no column {', '.join(absent)}", again))
        return None
    text = TEXT_COLUMNS | TEXT_IN.get(name, frozenset())
    kept = {c: raw[c] if c in text else _typed(raw[c]) for c in raw.columns}
    table = pd.DataFrame(kept, columns=raw.columns)
    wrong = [c for c in REQUIRED[name] if c not in text and not is_numeric_dtype(table[c])]
    if wrong:
        what = f"holds something else than numbers in column {', '.join(wrong)}"
        problems.append(Problem(str(path), what, again))
        return None
    return table


def _typed(column: pd.Series[str]) -> pd.Series[Any]:
    """Read a column of text as yes/no or as numbers where it holds nothing else."""
    words = {word.lower() for word in column.unique()}
    if words and words <= {"true", "false"}:
        return column.str.lower() == "true"
    try:
        return pd.to_numeric(column.where(column != ""))
    except ValueError:
        return column


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
