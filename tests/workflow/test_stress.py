"""The environmental stress E of plots from a raster: read at their coordinates, checked, followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from phytomass import tables
from phytomass.allometry import load_equations
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.inventory import stress_of_plots
from phytomass.workflow import check_project, load_project, run
from tests.workflow.small import write_project

E = np.array([[-0.2, 0.1], [0.4, -9.0]], dtype=np.float32)
"""Four pixels of one degree from 10° E, 2° N; the last has no data."""

LON = {"A": 10.5, "B": 11.5, "C": 10.2, "D": 11.9}
LAT = {"A": 1.5, "B": 1.5, "C": 0.5, "D": 0.1}
OF = {"A": -0.2, "B": 0.1, "C": 0.4}


def raster(path: Path, values: np.ndarray = E, **kind: Any) -> Path:
    profile = {
        **{"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "float32"},
        **{"crs": "EPSG:4326", "transform": from_origin(10, 2, 1, 1), "nodata": -9.0, **kind},
    }
    with rasterio.open(path, "w", **profile) as dataset:
        for band in range(1, profile["count"] + 1):
            dataset.write(values, band)
    return path


def plots(ids: str) -> pd.DataFrame:
    names = list(ids)
    return pd.DataFrame(
        {"plot_id": names, "easting": [LON[p] for p in names], "northing": [LAT[p] for p in names]}
    )


def study(
    folder: Path,
    ids: str = "ABC",
    stress: Any = "stress.tif",
    height: bool = False,
    **allometry: Any,
) -> Path:
    folder.mkdir(exist_ok=True)
    raster(folder / "stress.tif")
    plots(ids).to_csv(folder / "plots.csv", index=False)
    rng = np.random.default_rng(1)
    trees = pd.DataFrame({"plot_id": np.repeat(list(ids), 6), "species": "Melia azedarach"})
    trees["dbh_cm"] = rng.uniform(8, 50, len(trees)).round(1)
    if height:
        trees["height_m"] = (3 * trees["dbh_cm"] ** 0.5).round(1)
    trees.to_csv(folder / "trees.csv", index=False)
    content = {
        "name": "Stress",
        "period": "2020",
        "inventory": {
            "plots": {"path": "plots.csv", "crs": "EPSG:4326"},
            "trees": {"path": "trees.csv"},
            "plot_area_ha": 0.05,
            "missing_height": "keep",
        },
        "allometry": {
            **{"fallback": "chave2014_no_height", "environmental_stress": stress},
            **allometry,
        },
        "errors": {"draws": 300},
    }
    write_project(folder, content)
    return folder


def test_each_plot_has_the_stress_of_its_pixel(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    assert not check_project(load_project(folder)).problems
    run(folder, ["plots"])
    trees = tables.read(folder / "results", "trees")
    expected = trees["plot_id"].map(OF)
    np.testing.assert_allclose(trees["environmental_stress"], expected, rtol=1e-6)
    equation = load_equations()["chave2014_no_height"]
    mass = equation.agb_kg(trees["dbh_cm"], None, trees["wood_density"], expected)
    np.testing.assert_allclose(trees["agb_kg"], mass, rtol=1e-6)


def test_draws_with_a_raster_of_one_value_are_those_with_the_number(tmp_path: Path) -> None:
    """And with different values each plot's draws move by exp(b E), at every draw."""
    found = {}
    for name, values, number in (("number", None, 0.1), ("flat", 0.1, None), ("varied", E, None)):
        folder = study(tmp_path / name, stress=number or "stress.tif")
        if values is not None:
            raster(folder / "stress.tif", np.broadcast_to(values, (2, 2)).astype(np.float32))
        run(folder, ["plots"])
        found[name] = Draws.open(folder / "results" / "plot_draws.zarr")
    flat, number = (np.asarray(found[n].values[:]) for n in ("flat", "number"))
    np.testing.assert_allclose(flat, number, rtol=2e-6)
    moved = np.asarray(found["varied"].values[:]) / number
    factor = np.exp(-0.976 * (np.array([OF[p] for p in found["varied"].ids]) - 0.1))
    np.testing.assert_allclose(moved, np.repeat(factor[:, None], 300, axis=1), rtol=1e-5)


def test_candidates_of_which_one_reads_the_stress_keep_their_ratio(tmp_path: Path) -> None:
    """A draw takes the equation with E or that with heights, each about their geometric mean."""
    folder = study(tmp_path / "study", height=True)
    text = (folder / "project.yaml").read_text()
    off = "[dbh, height, wood_density, parameters, site_effect, residual, plot_area]"
    more = f"errors:\n  off: {off}\n  alternatives: [chave2014]\n"
    (folder / "project.yaml").write_text(text.replace("errors:\n", more))
    run(folder, ["plots"])
    draws = Draws.open(folder / "results" / "plot_draws.zarr")
    trees = tables.read(folder / "results", "trees")
    sizes = (trees["dbh_cm"], trees["height_m"], trees["wood_density"])
    chosen, other = trees["agb_kg"], load_equations()["chave2014"].agb_kg(*sizes)
    ways = pd.DataFrame({"one": chosen * (chosen / other) ** 0.5, "two": (chosen * other) ** 0.5})
    expected = ways.groupby(trees["plot_id"]).sum().loc[list(draws.ids)] / 50  # of 0.05 ha
    values = np.sort(np.asarray(draws.values[:]), axis=1)
    np.testing.assert_allclose(values[:, 0], expected.min(axis=1), rtol=1e-5)
    np.testing.assert_allclose(values[:, -1], expected.max(axis=1), rtol=1e-5)


def test_heights_follow_the_stress_of_the_plot(tmp_path: Path) -> None:
    folder = study(tmp_path / "study", fallback="chave2014", heights={"form": "chave2014"})
    with pytest.warns(match="chave2014 were made for the tropics"):
        run(folder, ["plots"])
    trees = tables.read(folder / "results", "trees")
    ln_d = np.log(trees["dbh_cm"])
    ln_h = 0.893 - trees["plot_id"].map(OF) + 0.760 * ln_d - 0.0340 * ln_d**2 + 0.243**2 / 2
    np.testing.assert_allclose(trees["height_m"], np.exp(ln_h), rtol=1e-6)


def test_another_raster_is_another_result(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    run(folder, ["plots"])
    assert [o.status for o in run(folder, ["plots"])] == ["skipped"]
    raster(folder / "stress.tif", E + np.float32(0.1))
    assert [o.status for o in run(folder, ["plots"])] == ["run"]


@pytest.mark.parametrize(
    ("ids", "change", "says"),
    [
        ("ABCD", {}, r"stress.tif .* no data at the plots D → check the coordinates"),
        ("ABC", {"crs": "EPSG:32643"}, "no data at the plots A, B, C"),
        ("ABC", {"count": 2}, "has 2 bands"),
        ("ABC", {"crs": None}, "no coordinate reference system"),
        ("ABC", {"scale": 1000}, "is -200 at the plot A, and E lies between -1 and 2"),
    ],
)
def test_what_is_wrong_is_found_by_check(
    ids: str, change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    folder = study(tmp_path / "study", ids)
    scale = change.pop("scale", 1)
    raster(folder / "stress.tif", np.where(E > -9, E * scale, E).astype(np.float32), **change)
    problems = check_project(load_project(folder)).problems
    with pytest.raises(InputError, match=says):
        raise InputError.of(problems)
    with pytest.raises(InputError, match=says):
        run(folder, ["plots"])


def test_plots_without_coordinates_are_named(tmp_path: Path) -> None:
    path = raster(tmp_path / "stress.tif")
    table = plots("ABC").assign(easting=[10.5, np.nan, np.nan])
    with pytest.raises(InputError, match="there are no coordinates of B, C → map easting"):
        stress_of_plots(table, "EPSG:4326", path)
    with pytest.raises(InputError, match="there are no coordinates of A, B, C"):
        stress_of_plots(table[["plot_id"]], "EPSG:4326", path)
    with pytest.raises(InputError, match=r"CRS of their coordinates is not known → give inventory"):
        stress_of_plots(plots("ABC"), None, path)
