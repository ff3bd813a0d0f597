"""Illumination before and after the topographic correction, from the scene to the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from odc.geo.geobox import GeoBox

from phytomass.features import build_stack, illumination_table
from phytomass.grid import grid_from_bounds
from phytomass.imagery import PredictorSettings, open_source, sun_incidence
from phytomass.imagery.pixels.terrain import extended, gradient
from phytomass.report.content.blocks import Table
from phytomass.report.content.results import read_results
from phytomass.report.sections.predictors import predictors_section
from tests.cli.test_bad_input import run
from tests.conftest import write_raster
from tests.workflow.small import write_project


@pytest.fixture
def hills() -> GeoBox:
    return grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 503_000, 3_803_000))


def scenes(tmp_path: Path, grid: GeoBox, method: str) -> tuple[PredictorSettings, np.ndarray]:
    rows, cols = np.indices(grid.shape)
    dem = 30 * np.sin(cols / 7) + 20 * np.cos(rows / 6)
    write_raster(tmp_path / "dem.tif", dem, grid)
    cos_i, cos_s = sun_incidence(*gradient(extended(dem), (10, 10)), 45.0, 150.0)
    noise = np.random.default_rng(1).normal(0, 200, grid.shape)
    for day in ("20200601", "20200701"):
        bands = np.stack([200 + 0 * cos_i, 1000 + 2500 * cos_i + noise]).astype(np.float32)
        bands[1, :40] = 100  # no forest
        write_raster(tmp_path / f"s2_{day}.tif", bands, grid, ["B4", "B8"])
    source = {
        "files": "s2_*.tif",
        "product": "sentinel-2-l2a",
        "boa_offset": "applied",
        "mask": "none",
        "composite": "median",
        "topography": {
            "dem": "dem.tif",
            "method": method,
            "sun_zenith_deg": 45,
            "sun_azimuth_deg": 150,
        },
    }
    used = (np.arange(grid.shape[0]) >= 40)[:, None] & (cos_s < 1 / np.sqrt(1 + 0.05**2))
    return PredictorSettings.model_validate({"rasters": {"s2": source}}), np.where(
        used & (cos_i > 0.15), cos_i, np.nan
    )


@pytest.mark.parametrize("method", ["c", "minnaert", "cosine"])
def test_the_correlations_are_those_of_the_pixels(
    tmp_path: Path, hills: GeoBox, method: str
) -> None:
    settings, cos_i = scenes(tmp_path, hills, method)
    table = illumination_table(settings, hills, tmp_path)
    assert list(table["scene"]) == ["s2_20200601"] * 2 + ["s2_20200701"] * 2
    row = table[table["band"] == "B8"].iloc[0]
    used = np.isfinite(cos_i)
    assert row["n"] == used.sum()
    one = settings.rasters["s2"].model_copy(update={"files": "s2_20200601.tif", "composite": None})
    for rule, column in ((None, "r_before"), (one.topography, "r_after")):
        alone = PredictorSettings(rasters={"s2": one.model_copy(update={"topography": rule})})
        stack, _ = build_stack(alone, hills, tmp_path, tmp_path / "p.tif")
        values = stack.to_xarray()["B8"].to_numpy()[used]
        assert row[column] == pytest.approx(np.corrcoef(values, cos_i[used])[0, 1], abs=1e-5)
    if method == "c":
        assert row["r_before"] > 0.5
        assert abs(row["r_after"]) < 0.05
        with open_source("s2", settings.rasters["s2"], tmp_path, hills) as reader:
            fit = reader.corrections.fits["s2_20200601", "B8"]  # type: ignore[attr-defined]
        assert row["r_before"] == pytest.approx(fit.correlation, rel=1e-9)


def test_from_the_project_file_to_the_report(
    tmp_path: Path, hills: GeoBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _ = scenes(tmp_path, hills, "scs_c")
    plots = {"plots": {"path": "none.csv", "columns": {"plot_id": "a"}}, "plot_area_ha": 0.1}
    write_project(
        tmp_path,
        {
            "name": "Hills",
            "period": "2020",
            "grid": {"like": "dem.tif"},
            "inventory": plots,
            "predictors": settings.model_dump(mode="json", exclude_defaults=True),
        },
    )
    assert run(monkeypatch, "stack", str(tmp_path), "-q") == 0
    table = pd.read_csv(tmp_path / "results/illumination.csv")
    assert list(table["date"]) == ["2020-06-01"] * 2 + ["2020-07-01"] * 2
    section = predictors_section(read_results(tmp_path / "results"))
    assert "illumination.csv" in section.files
    shown = next(b for b in section.blocks if isinstance(b, Table) and "illumination" in b.caption)
    near = next(row for row in shown.rows if row[1] == "B8")
    expected = table[table["band"] == "B8"]
    assert near[2] == "SCS+C"
    assert near[5] == f"{expected['r_before'].abs().median():.3f}"
    assert near[6] == f"{expected['r_after'].abs().median():.3f}"


def test_without_a_correction_there_is_no_table(tmp_path: Path, grid: GeoBox) -> None:
    settings, _ = scenes(tmp_path, grid, "c")
    plain = settings.rasters["s2"].model_copy(update={"topography": None})
    assert illumination_table(PredictorSettings(rasters={"s2": plain}), grid, tmp_path).empty
