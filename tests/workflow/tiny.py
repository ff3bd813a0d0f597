"""A project so small that reading all of it takes milliseconds, for spoiling it in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from phytomass.errors import PhytomassError
from phytomass.grid import grid_from_bounds
from phytomass.workflow import check_project, load_project
from tests.conftest import write_raster
from tests.workflow.small import write_project

GRID: GeoBox = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_600, 3_800_400))


def tiny_project() -> dict[str, Any]:
    """Return the settings: every section is there, so that each can be spoiled."""
    return {
        "name": "Tiny",
        "description": "Forty by sixty pixels.",
        "period": "2020",
        "random_state": 7,
        "output": "results",
        "study_area": "area.gpkg",
        "grid": {"crs": "EPSG:32643", "resolution": 10, "bounds": list(GRID.boundingbox)},
        "inventory": {
            "plots": {"path": "plots.csv", "crs": "EPSG:32643", "units": {}, "columns": {}},
            "trees": {"path": "trees.csv"},
            "plot_radius_m": 17.84,
            "outlier_sd": 3.0,
        },
        "allometry": {
            "fallback": "chave2014",
            "groups": {"conifer": "general_conifer_ali"},
            "wood_density": {"Pinus roxburghii": 0.45},
        },
        "errors": {"draws": 100, "off": ["height"], "values": {"height_cv": 0.05}},
        "carbon": {"root_shoot": 0.26, "carbon_fraction": {"value": 0.47, "sd": 0.02}},
        "predictors": {
            "rasters": {
                "s2": {
                    "files": "s2.tif",
                    "sensor": "optical",
                    "scale": 0.0001,
                    "bands": ["B4", "B8"],
                    "keep_where": {"cloud": [0, 20]},
                },
                "s1": {
                    "files": ["s1_a.tif", "s1_b.tif"],
                    "sensor": "sar",
                    "composite": "mean",
                    "decibel": True,
                    "bands": {"VH": 1},
                    "unit": "dB",
                },
            },
            "indices": ["NDVI", {"name": "ratio", "formula": "B8 / (B4 + 1)"}],
            "textures": [{"of": "B8", "window": 3, "measures": ["mean"], "limits": [0, 1]}],
            "terrain": {"dem": "dem.tif", "derive": ["elevation", "slope"]},
            "sets": {"few": ["B4", "B8"]},
        },
        "mask": {"path": "mask.tif", "values": [1]},
        "models": [
            "mlr",
            {"name": "random_forest", "parameters": {"n_estimators": 20}, "grid": {}},
        ],
        "training": {"weights": "none"},
        "validation": {"splits": ["repeated_kfold"], "n_splits": 3, "n_repeats": 1},
        "map": {"classes": [0, 50, 100], "elevation_band_m": 250, "minimum": 0},
        "zones": {"path": "area.gpkg", "column": "name"},
        "earlier": {"period": "2015"},
        "potential": {"carrying_capacity": 180, "years": 40},
        "truth": {"path": "truth.tif", "block_m": [20]},
    }


def make_tiny(folder: Path) -> Path:
    """Write the project and its files; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    clouds = np.zeros((1, *GRID.shape))
    optical = np.concatenate([rng.integers(200, 4000, (2, *GRID.shape)), clouds])
    write_raster(folder / "s2.tif", optical.astype(np.uint16), GRID, ["B4", "B8", "cloud"])
    layers = {"s1_a": -14.0, "s1_b": -15.0, "dem": 900.0, "truth": 80.0}
    for name, level in layers.items():
        values = rng.normal(level, 1, GRID.shape).astype(np.float32)
        write_raster(folder / f"{name}.tif", values, GRID)
    write_raster(folder / "mask.tif", np.ones(GRID.shape, dtype=np.uint8), GRID)
    area = geopandas.GeoDataFrame({"name": ["A"]}, geometry=[box(*GRID.boundingbox)], crs=GRID.crs)
    area.to_file(folder / "area.gpkg")
    plots = pd.DataFrame({"plot_id": [f"P{i}" for i in range(24)]})
    plots["site"] = [f"S{i // 3}" for i in range(24)]
    plots["easting"] = rng.uniform(500_050, 500_550, 24)
    plots["northing"] = rng.uniform(3_800_050, 3_800_350, 24)
    plots.to_csv(folder / "plots.csv", index=False)
    trees = pd.DataFrame({"plot_id": np.repeat(plots["plot_id"], 2), "species": "Pinus roxburghii"})
    trees["tree_id"] = range(len(trees))
    trees["dbh_cm"], trees["height_m"] = rng.uniform(12, 40, 48), rng.uniform(8, 20, 48)
    trees.to_csv(folder / "trees.csv", index=False)
    write_project(folder, tiny_project())
    return folder


def problems_in(folder: Path) -> list[str]:
    """Return what `phytomass check` says of a folder; any error but our own passes through."""
    try:
        found = check_project(load_project(folder)).problems
    except PhytomassError as error:
        found = list(error.problems)
    return [str(problem) for problem in found]
