"""A small project of good files, one of which a test spoils, and what `check` says of it then."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from shapely.geometry import box

from phytomass.errors import ProjectFileError
from phytomass.grid import grid_from_bounds
from phytomass.workflow import check_project, load_project
from tests.conftest import write_raster
from tests.workflow.small import write_project

GRID = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_400, 3_800_300))
FILES = {
    "source": "source.tif",
    "elevation": "dem.tif",
    "mask": "mask.tif",
    "truth": "truth.tif",
    "like": "like.tif",
    "zones": "zones.gpkg",
    "study_area": "area.gpkg",
    "plots": "plots.csv",
    "trees": "trees.csv",
    "equations": "equations.csv",
    "densities": "densities.csv",
}
"""Role → the good file that plays it."""

TABLES = ("plots", "trees", "equations", "densities")


def folder(path: Path) -> None:
    """Put a folder in a file's place."""
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """Put a pipe in a file's place."""
    path.unlink()
    os.mkfifo(path)


@cache
def content_of_files() -> dict[str, bytes]:
    """Make the good files once; return their content by role."""
    folder = Path(mkdtemp(prefix="phytomass-good-"))
    rng = np.random.default_rng(1)
    for role in ("source", "elevation", "truth", "like"):
        write_raster(folder / FILES[role], rng.random(GRID.shape).astype(np.float32) + 5, GRID)
    write_raster(folder / FILES["mask"], np.ones(GRID.shape, np.uint8), GRID)
    bounds = GRID.boundingbox
    halves = [
        box(bounds.left, bounds.bottom, bounds.left + 200, bounds.top),
        box(bounds.left + 200, bounds.bottom, bounds.right, bounds.top),
    ]
    zones = geopandas.GeoDataFrame({"name": ["west", "east"]}, geometry=halves, crs="EPSG:32643")
    zones.to_file(folder / FILES["zones"])
    zones.dissolve().to_file(folder / FILES["study_area"])
    plots = pd.DataFrame({"plot_id": [f"P{i}" for i in range(15)]})
    plots["easting"] = rng.uniform(bounds.left + 20, bounds.right - 20, 15)
    plots["northing"] = rng.uniform(bounds.bottom + 20, bounds.top - 20, 15)
    plots.to_csv(folder / FILES["plots"], index=False)
    trees = pd.DataFrame({"plot_id": np.repeat(plots["plot_id"], 4), "species": "Pinus nigra"})
    trees["tree_id"] = [str(i % 4) for i in range(60)]
    trees["dbh_cm"], trees["height_m"] = rng.uniform(10, 40, 60), rng.uniform(8, 20, 60)
    trees.to_csv(folder / FILES["trees"], index=False)
    (folder / FILES["equations"]).write_text(
        "id,taxa,form,a,b,source\nmine,Pinus nigra,power_d,0.1,2.4,me\n"
    )
    (folder / FILES["densities"]).write_text("taxon,wood_density\nPinus nigra,0.45\n")
    return {role: (folder / name).read_bytes() for role, name in FILES.items()}


class Case:
    """A folder with the project, whose files can be spoilt and renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for role, name in FILES.items():
            (folder / name).write_bytes(content_of_files()[role])
        self.content: dict[str, Any] = {
            "name": "Case",
            "period": "2020",
            "grid": {"crs": "EPSG:32643", "resolution": 10, "bounds": list(GRID.boundingbox)},
            "inventory": {
                "plots": {"path": FILES["plots"]},
                "trees": {"path": FILES["trees"]},
                "plot_area_ha": 0.1,
            },
            "allometry": {
                "equations": FILES["equations"],
                "wood_density_table": FILES["densities"],
            },
            "models": [{"name": "mlr"}],
            "predictors": {
                "rasters": {"source": {"files": FILES["source"]}},
                "terrain": {"dem": FILES["elevation"], "derive": ["elevation"]},
            },
            "mask": {"path": FILES["mask"], "values": [1]},
            "zones": {"path": FILES["zones"], "column": "name"},
            "study_area": FILES["study_area"],
            "truth": {"path": FILES["truth"]},
        }

    def path(self, role: str) -> Path:
        """Return the file that plays a role."""
        return self.folder / FILES[role]

    def rename(self, role: str, name: str) -> Path:
        """Let another file play a role; return its path, where nothing lies yet."""
        self.path(role).unlink()
        sections = {
            "source": self.content["predictors"]["rasters"]["source"],
            "elevation": self.content["predictors"]["terrain"],
            "plots": self.content["inventory"]["plots"],
            "trees": self.content["inventory"]["trees"],
            "mask": self.content["mask"],
            "truth": self.content["truth"],
            "zones": self.content["zones"],
            "equations": self.content["allometry"],
            "densities": self.content["allometry"],
        }
        keys = {
            "source": "files",
            "elevation": "dem",
            "equations": "equations",
            "densities": "wood_density_table",
        }
        if role == "study_area":
            self.content["study_area"] = name
        elif role == "like":
            self.content["grid"] = {"like": name}
        else:
            sections[role][keys.get(role, "path")] = name
        return self.folder / name

    def problems(self, role: str = "") -> list[str]:
        """Check the project; return what is wrong with it."""
        if role == "like" and "like" not in self.content["grid"]:
            self.content["grid"] = {"like": FILES["like"]}
        if role == "study_area":
            self.content["grid"] = {"crs": "EPSG:32643", "resolution": 10}
        write_project(self.folder, self.content)
        steps = ["plots"] if role in TABLES else ["stack"] if role else []
        try:
            findings = check_project(load_project(self.folder), steps)
        except ProjectFileError as error:
            return [str(problem) for problem in error.problems]
        return [str(problem) for problem in findings.problems]
