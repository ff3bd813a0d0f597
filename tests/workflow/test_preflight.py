"""What a check says before anything is computed: all of it, in one pass."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer

from phytomass.grid import grid_from_bounds
from phytomass.workflow import Findings, check_project, load_project
from tests.cli.test_bad_images import as_cog
from tests.cli.test_bad_input import run
from tests.conftest import write_raster
from tests.workflow.small import write_project
from tests.workflow.test_real_images import TILE, tile_project

GRID = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 502_000, 3_801_000))
BANDS = ["B3", "B4", "B8", "B11"]
LAND, SEA = [0.06, 0.04, 0.30, 0.15], [0.05, 0.03, 0.01, 0.005]


def trees_of(plots: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (plot, "Pinus roxburghii", 8.0 + i, 7.0 + i) for plot in plots["plot_id"] for i in range(3)
    ]
    return pd.DataFrame(rows, columns=["plot_id", "species", "dbh_cm", "height_m"])


class Small:
    """A small project of two dates of one optical source, elevation, trees and a mask; all good."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(1)
        self.ground = np.asarray(LAND)[:, None, None] * rng.uniform(0.9, 1.1, (4, *GRID.shape))
        self.elevation = rng.normal(900, 20, GRID.shape)
        self.plots = pd.DataFrame({"plot_id": [f"P{i}" for i in range(40)]})
        self.plots["easting"] = rng.uniform(500_010, 501_990, 40)
        self.plots["northing"] = rng.uniform(3_800_010, 3_800_990, 40)
        self.trees = trees_of(self.plots)
        self.mask = np.ones(GRID.shape, np.uint8)
        self.content: dict[str, Any] = {
            "name": "Small",
            "period": "2020",
            "grid": {"crs": "EPSG:32643", "resolution": 10, "bounds": list(GRID.boundingbox)},
            "inventory": {
                "plots": {"path": "plots.csv"},
                "trees": {"path": "trees.csv"},
                "plot_area_ha": 0.1,
            },
            "predictors": {
                "rasters": {
                    "s2": {"files": "s2_*.tif", "sensor": "optical", "composite": "median"},
                    "s1": {
                        "files": "s1.tif",
                        "sensor": "sar",
                        "decibel": True,
                        "bands": ["VV", "VH"],
                    },
                },
                "terrain": {"dem": "dem.tif", "derive": ["elevation"]},
                "indices": ["NDVI"],
            },
            "mask": {"path": "mask.tif", "values": [1]},
            "models": ["mlr"],
            "allometry": {"fallback": "chave2014"},
        }

    def write(self) -> Path:
        for day in (1, 2):
            image = self.ground.astype(np.float32)
            write_raster(self.folder / f"s2_{day}.tif", image, GRID, BANDS)
        power = np.random.default_rng(1).normal(-12, 2, (2, *GRID.shape)).astype(np.float32)
        write_raster(self.folder / "s1.tif", power, GRID, ["VV", "VH"])
        write_raster(self.folder / "dem.tif", self.elevation.astype(np.float32), GRID)
        write_raster(self.folder / "mask.tif", self.mask, GRID)
        self.plots.to_csv(self.folder / "plots.csv", index=False)
        self.trees.to_csv(self.folder / "trees.csv", index=False)
        write_project(self.folder, self.content)
        return self.folder

    def check(self) -> Findings:
        return check_project(load_project(self.write()))


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def text(problems: list[Any]) -> str:
    return "\n".join(map(str, problems))


def listed(found: str, messages: list[str]) -> None:
    missing = [m for m in messages if not re.search(m, found)]
    assert not missing, f"{missing} in\n{found}"


def test_a_good_project_has_nothing_to_say(small: Small) -> None:
    found = small.check()
    assert (found.problems, found.warnings, found.notes) == ([], [], [])


def spoilt_everywhere(small: Small) -> list[str]:
    """Make one mistake in every input; return what must be said of each."""
    predictors = small.content["predictors"]
    predictors["rasters"]["s2"]["bands"] = {"B3": "B3", "B4": "B4", "B8": "NIR"}
    predictors["terrain"]["dem"] = "elevation.tif"
    predictors["indices"] = ["NDVI", "NDVJ"]
    predictors["textures"] = [{"of": "B9"}]
    small.content["mask"]["values"] = [7]
    small.content["zones"] = {"path": "zones.gpkg"}
    small.content["allometry"] = {"fallback": None}
    small.trees["species"] = "Nomen nescio"
    small.trees["height_m"] = small.trees["height_m"].astype(object)
    small.trees.loc[3, "height_m"] = -4.0
    small.plots.loc[5, "easting"] = 400_000.0
    return [
        r"s2_1\.tif.*no band 'NIR'",
        r"predictors\.terrain: no such file: elevation\.tif",
        r"NDVJ",
        r"predictors\.textures: no predictor 'B9'",
        r"mask\.tif.*hides everything",
        r"zones\.gpkg.*no such file",
        r"no equation",
        r"trees\.csv, row 5, column height_m: negative",
        r"1 of 40 plots lie outside the rasters: P5",
        r"s1\.tif.*another grid",
    ]


def shift_radar(folder: Path) -> None:
    with rasterio.open(folder / "s1.tif", "r+") as source:
        source.transform = rasterio.Affine(10, 0, 500_005, 0, -10, 3_801_000)


def test_ten_mistakes_are_listed_at_once(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = spoilt_everywhere(small)
    shift_radar(small.write())
    assert run(monkeypatch, "check", str(small.folder)) == 2
    shown = capsys.readouterr()
    listed(shown.err, messages)
    assert shown.err.count("✗") == 10
    assert "10 problems; nothing was computed" in shown.out
    assert "A run would" not in shown.out


def test_without_a_grid_all_else_is_still_told(small: Small) -> None:
    messages = spoilt_everywhere(small)
    small.content["grid"] = {"like": "gird.tif"}
    found = text(small.check().problems)
    on_grid = [m for m in messages if "outside" in m or "hides" in m or "another grid" in m]
    listed(found, [r"gird\.tif.*no such file", *(m for m in messages if m not in on_grid)])
    assert "degrees" not in found


def test_six_mistakes_in_a_project_of_real_tiles(data: Path, tmp_path: Path) -> None:
    content: dict[str, Any] = tile_project(data)
    with rasterio.open(content["grid"]["like"]) as source:
        west, south, east, north = source.bounds
    rng = np.random.default_rng(1)
    plots = pd.DataFrame({"plot_id": range(30), "agb_mg_ha": rng.uniform(10, 90, 30)})
    plots["easting"], plots["northing"] = rng.uniform(south, north, 30), rng.uniform(west, east, 30)
    plots.to_csv(tmp_path / "plots.csv", index=False)
    tiles = data / "sentinel_tiles"
    content["inventory"] = {"plots": {"path": "plots.csv"}}  # 1: easting and northing swapped
    content["predictors"]["rasters"]["sentinel2"]["bands"]["B20"] = 20  # 2: no such band
    others = {"files": str(tiles / "S1RTC/282D_485L_3_3.tif")}
    content["predictors"]["rasters"]["sentinel1"] |= others  # 3: the tile of another place
    content["predictors"]["terrain"]["dem"] = str(tiles / f"DEM/{TILE}.tiff")  # 4: misspelt
    content["predictors"]["indices"].append("NDMY")  # 5: no such index
    content["mask"]["values"] = [77]  # 6: no such class
    write_project(tmp_path, content)
    found = check_project(load_project(tmp_path))
    listed(
        text(found.problems),
        [
            r"30 of 30 plots lie outside.*30 of them lie on the grid with easting and northing swap",
            r"no band 20",
            r"282D_485L_3_3.tif.*another grid",
            r"terrain: no such file.*did you mean '433D_629L_3_1.tif'",
            r"NDMY",
            r"hides everything",
        ],
    )
    assert len(found.problems) == 6


def test_many_species_without_an_equation_are_one_problem(small: Small) -> None:
    names = [f"Nomen nescio{letter}" for letter in "abcdefgh"]
    small.trees["species"] = np.resize(names, len(small.trees))
    (problem,) = small.check().problems
    assert problem.where.startswith("8 species: 'Nomen nescioa', 'Nomen nesciob'")
    assert problem.where.endswith("and 3 more")


def test_values_of_every_source_are_looked_at(small: Small) -> None:
    small.ground *= 10_000
    small.elevation[:] = np.nan
    found = small.check()
    listed(text(found.problems), [r"elevation \(dem\.tif\): no valid pixel", r"NDVI|reflectance|$"])
    small.content["predictors"]["indices"] = ["SAVI"]
    listed(
        text(small.check().problems),
        [r"elevation \(dem\.tif\): no valid pixel", r"SAVI needs reflectance between 0 and 1"],
    )


def test_a_damaged_source_hides_no_other(small: Small) -> None:
    small.ground *= 10_000
    small.content["predictors"]["indices"] = ["SAVI"]
    folder = small.write()
    as_cog(folder / "dem.tif", 1.0)
    content = bytearray((folder / "dem.tif").read_bytes())
    quarter = len(content) // 4
    content[quarter : 3 * quarter] = b"\x07" * (2 * quarter)
    (folder / "dem.tif").write_bytes(content)
    listed(
        text(check_project(load_project(folder)).problems),
        [r"dem\.tif.*cannot be read to its end", r"SAVI needs reflectance between 0 and 1"],
    )


def at_sea(small: Small) -> None:
    """Put the west of the landscape under water, with 20 of the plots or so."""
    half = GRID.shape[1] // 2
    small.ground[:, :, :half] = np.asarray(SEA)[:, None, None]
    small.elevation[:, :half] = 0.0
    small.mask[:, :half] = 0


def test_plots_on_the_sea(small: Small) -> None:
    at_sea(small)
    wet = small.plots["easting"] < 501_000
    found = small.check()
    n = int(wet.sum())
    assert n > 10
    assert found.problems == []
    listed(
        text(found.warnings),
        [
            rf"{n} of 40 plots look like water in s2",
            rf"{n} of 40 plots lie at elevation 0",
            rf"{n} of 40 plots lie outside the forest mask",
        ],
    )


def test_plots_without_data_that_will_be_dropped(small: Small) -> None:
    small.elevation[:, :100] = np.nan
    small.content["predictors"]["missing_at_plots"] = "drop"
    n = int((small.plots["easting"] < 501_000).sum())
    listed(text(small.check().warnings), [rf"{n} of 40 plots have no data in some predictor"])


def test_a_plot_or_two_beside_the_mask_are_only_a_note(small: Small) -> None:
    row = int((3_801_000 - small.plots["northing"][0]) // 10)
    col = int((small.plots["easting"][0] - 500_000) // 10)
    small.mask[row, col] = 0
    found = small.check()
    assert found.warnings == []
    listed(text(found.notes), [r"1 of 40 plots lie outside the forest mask: P0;"])


def moved(small: Small, crs: str, swap: bool = False, n: int = 40) -> None:
    """Give the first n plots in another CRS, or swapped."""
    turn = Transformer.from_crs("EPSG:32643", crs, always_xy=True)
    first = small.plots.index < n
    pair = turn.transform(*(small.plots.loc[first, c].to_numpy() for c in ("easting", "northing")))
    east, north = pair[::-1] if swap else pair
    small.plots.loc[first, "easting"], small.plots.loc[first, "northing"] = east, north


READINGS: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "easting and northing swapped": (
        {"crs": "EPSG:32643", "swap": True},
        None,
        r"40 of 40 plots lie outside.*with easting and northing swapped → swap the columns",
    ),
    "three plots swapped": (
        {"crs": "EPSG:32643", "swap": True, "n": 3},
        None,
        r"3 of 40 plots lie outside.*P0, P1, P2; 3 of them lie on the grid with easting and nor",
    ),
    "longitude and latitude swapped": (
        {"crs": "EPSG:4326", "swap": True},
        "EPSG:4326",
        r"longitude and latitude swapped → swap the columns",
    ),
    "the zone beside": (
        {"crs": "EPSG:32642"},
        None,
        r"40 of them lie on the grid read as EPSG:32642 → set inventory.plots.crs: EPSG:32642",
    ),
    "degrees, and nobody says so": (
        {"crs": "EPSG:4326"},
        None,
        r"read as EPSG:4326 → set inventory.plots.crs: EPSG:4326",
    ),
    "metres that are said to be degrees": (
        {"crs": "EPSG:32643"},
        "EPSG:4326",
        r"read as EPSG:32643 → set inventory.plots.crs: EPSG:32643",
    ),
}


@pytest.mark.parametrize("case", list(READINGS))
def test_coordinates_read_another_way(small: Small, case: str) -> None:
    how, crs, message = READINGS[case]
    moved(small, **how)
    small.content["inventory"]["plots"]["crs"] = crs
    listed(text(small.check().problems), [message])


def test_places_are_not_guessed_where_no_reading_fits(small: Small) -> None:
    small.plots.loc[0, "easting"] = 450_000.0
    (problem,) = small.check().problems
    assert "1 of 40 plots lie outside the rasters: P0" in problem.what
    assert "lie on the grid" not in problem.what


def test_warnings_are_shown_kept_and_first_in_the_report(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small.trees["height_m"] = small.trees["height_m"].astype(object)
    small.trees.loc[7, "height_m"] = "?"
    small.content["errors"] = {"draws": 10}
    small.content["validation"] = {"n_splits": 2, "n_repeats": 1}
    small.write()
    assert run(monkeypatch, "run", str(small.folder), "-j", "1") == 0
    shown = capsys.readouterr().out
    said = "1 trees are rejected, and the biomass of 1 plots is too low by them: P2 33 % of 3 stems"
    assert said in shown.split("plots  trees and plots")[0]
    findings = pd.read_csv(small.folder / "results/findings.csv")
    assert findings["level"].tolist() == ["warning"]
    lost = pd.read_csv(small.folder / "results/rejected_trees.csv")
    assert lost["plot_id"].tolist() == ["P2"]
    page = (small.folder / "results/report.html").read_text(encoding="utf-8")
    assert "limits: warnings before the run;" in page
    assert said in page
    assert run(monkeypatch, "run", str(small.folder), "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said in next(e for e in events if e["event"] == "findings")["warnings"][0]["what"]
    assert {e["status"] for e in events if e["event"] == "finished"} == {"skipped"}
