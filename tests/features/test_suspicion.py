"""Values that look wrong are named with what to do; those of real and simulated images are not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.errors import Problem
from phytomass.features import differing_dates, suspicious_values
from phytomass.features.probes import MOST_IMAGES, SIDE, WINDOWS, probe, windows_of
from phytomass.grid import grid_from_bounds, grid_of_raster
from phytomass.imagery import PredictorSettings, RasterSource
from phytomass.workflow import load_project
from phytomass.workflow.inputs import grid_of
from tests.conftest import write_raster

EXAMPLES = Path(__file__).parents[2] / "examples"
S2 = {"files": "a.tif", "sensor": "optical", "scale": 0.0001}
SAR = {"files": "a.tif", "sensor": "sar"}


def section(**sources: Any) -> PredictorSettings:
    return PredictorSettings.model_validate({"rasters": sources})


def said(tmp_path: Path, grid: GeoBox, **source: Any) -> list[str]:
    return [str(p) for p in suspicious_values(section(s=source), tmp_path, grid)]


def forest(grid: GeoBox, seed: int = 1) -> np.ndarray:
    """Reflectance × 10 000 of B2, B4, B8 as of a forest."""
    noise = np.random.default_rng(seed).gamma(9, 1 / 9, (3, *grid.shape))
    return (noise * np.array([300, 400, 2800])[:, None, None]).round().astype(np.int32)


def radar(grid: GeoBox) -> np.ndarray:
    """Backscatter of VV and VH in dB."""
    power = np.random.default_rng(2).gamma(4.4, 1 / 4.4, (2, *grid.shape))
    return (10 * np.log10(power) + np.array([-9, -15])[:, None, None]).astype(np.float32)


def zeroed(values: np.ndarray, band: int | slice, value: float = 0) -> np.ndarray:
    values = values.copy()
    values[band, :5] = value
    return values


@pytest.mark.parametrize(
    ("make", "source", "expected"),
    [
        (forest, S2, None),
        (forest, {**S2, "scale": None}, "the median is .*no reflectance.*scale: 0.0001"),
        (lambda g: forest(g) / 1e4, S2, "no value reaches 0.02.*applied twice"),
        (lambda g: forest(g) * 5, S2, r"band s_3 .*above 1.5"),
        (lambda g: forest(g) + 1000, S2, "no pixel is darker than 0.1.*boa_offset: pending"),
        (lambda g: forest(g) / 30, {**S2, "scale": None}, None),  # tasselled cap and the like
        (lambda g: forest(g) + 1000, {**S2, "unit": "K"}, None),
        (
            lambda g: forest(g)[:2],
            {
                "files": "a.tif",
                "product": "sentinel-2-l2a",
                "bands": {"B2": 1, "B4": 2},
                "boa_offset": "pending",
                "mask": "none",
            },
            "more than 20 % of the values are below 0.*boa_offset: applied",
        ),
        (
            lambda g: zeroed(forest(g), slice(None)),
            {**S2, "sensor": "other"},
            "12.5 % .* nodata: 0",
        ),
        (lambda g: zeroed(forest(g), slice(None)), S2, None),  # known to be fill
        (lambda g: zeroed(forest(g), 0), S2, None),
        (lambda g: zeroed(forest(g)[2:], 0), S2, "12.5 % .* nodata: 0"),
        (lambda g: zeroed(forest(g), 1, -9999), S2, "band s_2 .*-9999, the others.*nodata: -9999"),
        (lambda g: zeroed(forest(g), 1, 65535), S2, "65535, the others lie.*nodata: 65535"),
        (lambda g: zeroed(forest(g), 1, -9999), {**S2, "nodata": -9999}, None),
        (
            lambda g: zeroed(forest(g).astype(np.float32), 1, -3.4028235e38),
            S2,
            r"-3.40282e\+38, the others",
        ),
        (lambda g: zeroed(forest(g) * 0 + 7, 0, 255), {"files": "a.tif"}, "nodata: 255"),
        (radar, {**SAR, "decibel": True}, None),
        (radar, SAR, None),  # one date, nothing is averaged
        (radar, {**SAR, "composite": "mean"}, "look like decibels.*decibel: true"),
        (radar, {**SAR, "resample": "bilinear"}, "look like decibels.*decibel: true"),
        (radar, {"files": "a.tif", "composite": "mean", "sensor": "other"}, None),
        (
            radar,
            {"files": "a.tif", "product": "sentinel-1-rtc", "bands": {"VV": 1, "VH": 2}},
            "look like decibels.*decibel: true",
        ),
        (
            lambda g: 10 ** (radar(g) / 10),
            {**SAR, "decibel": True},
            "look like linear power.*leave decibel out",
        ),
        (lambda g: 10 ** (radar(g) / 10), {**SAR, "composite": "mean"}, None),
        (lambda g: forest(g)[[0, 1, 1]], S2, "s_3 .*holds the values of s_2 .*pixel by pixel"),
        (lambda g: zeroed(forest(g) * [[[1]], [[0]], [[1]]] + 5, 0), S2, "is 5 everywhere"),
    ],
)
def test_one_image(
    tmp_path: Path, grid: GeoBox, make: Any, source: dict[str, Any], expected: str | None
) -> None:
    write_raster(tmp_path / "a.tif", make(grid), grid)
    found = said(tmp_path, grid, **source)
    if expected is None:
        assert not found
    else:
        assert len([text for text in found if "everywhere" not in text]) <= 1
        with pytest.raises(ValueError, match=expected):
            raise ValueError("\n".join(found))
        assert all("predictors.rasters.s)" in text for text in found)


@pytest.mark.parametrize(
    ("values", "more", "expected"),
    [
        (1200.0, {}, None),
        (0.0, {}, None),  # the sea
        (9500.0, {}, r"reaches 95\d\d: no land is that high.*0.3048"),
        (1200.0, {"void": -32768}, "-32768, the others lie.*declare -32768 as its nodata"),
        (1200.0, {"void": -32768, "nodata": -32768}, None),
        (1200.0, {"units": "US survey foot"}, "its file says us survey foot"),
        (1200.0, {"units": "metre"}, None),
    ],
)
def test_elevation(
    tmp_path: Path, grid: GeoBox, values: float, more: dict[str, Any], expected: str | None
) -> None:
    dem = values + np.indices(grid.shape).sum(axis=0).astype(np.float32) / 2
    if values == 0:
        dem[:] = np.maximum(dem - 30, 0)
    if "void" in more:
        dem[:3] = more["void"]
    write_raster(tmp_path / "dem.tif", dem, grid, nodata=more.get("nodata"))
    if "units" in more:
        with rasterio.open(tmp_path / "dem.tif", "r+") as file:
            file.units = (more["units"],)
    settings = PredictorSettings.model_validate({"terrain": {"dem": "dem.tif"}})
    found = [str(p) for p in suspicious_values(settings, tmp_path, grid)]
    assert len(found) == (0 if expected is None else 1)
    if expected is not None:
        with pytest.raises(ValueError, match=expected + r"|predictors\.terrain"):
            raise ValueError(found[0])


def test_a_scale_that_the_file_states_and_nobody_applies(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "a.tif", forest(grid) / 30, grid)
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.scales, file.offsets = (0.003,) * 3, (-0.1,) * 3
    found = said(tmp_path, grid, files="a.tif")
    assert len(found) == 1
    assert "states scale 0.003 and offset -0.1" in found[0]
    assert not said(tmp_path, grid, files="a.tif", scale=0.003, offset=-0.1)


def test_what_is_wrong_in_several_images_is_said_once(tmp_path: Path, grid: GeoBox) -> None:
    for k in range(9):
        write_raster(tmp_path / f"s2_{k}.tif", forest(grid, k) + 1000, grid)
    found = said(tmp_path, grid, **{**S2, "files": "s2_*.tif", "composite": "median"})
    assert len(found) == 1
    assert found[0].startswith("s2_0.tif (predictors.rasters.s): no pixel is darker")
    assert "the same in 3 more" in found[0]


def test_two_sources_of_one_file(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "a.tif", forest(grid), grid)
    one, other = ({**S2, "bands": {name: 3}} for name in ("B8", "nir"))
    found = suspicious_values(section(a=one, b=other), tmp_path, grid)
    assert [p.what for p in found] == [
        "holds the values of B8 (predictors.rasters.a), pixel by pixel"
    ]


def test_dates_in_different_units(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "a.tif", forest(grid), grid)
    write_raster(tmp_path / "b.tif", forest(grid, 2), grid)
    write_raster(tmp_path / "vv.tif", 10 ** (radar(grid) / 10), grid)
    write_raster(tmp_path / "vv_db.tif", radar(grid), grid)
    now = section(s=S2, r={**SAR, "files": "vv_db.tif"})
    same = section(s={**S2, "files": "b.tif"}, r={**SAR, "files": "vv_db.tif"})
    other = section(s={**S2, "files": "b.tif", "scale": 1}, r={**SAR, "files": "vv.tif"})
    assert differing_dates(now, same, tmp_path, grid) == []
    found = differing_dates(now, other, tmp_path, grid)
    assert {p.where.split()[0] for p in found} == {"s_1", "s_2", "s_3", "r_1", "r_2"}
    assert "at the earlier date" in found[0].what


def test_only_a_bounded_part_of_large_and_many_images_is_read(tmp_path: Path) -> None:
    large = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 520_000, 3_812_000))
    for k in range(6):
        write_raster(tmp_path / f"{k}.tif", np.zeros((1, 2, 2)), large.zoom_to((2, 2)))
    source = RasterSource(files="*.tif", resample="nearest", composite="median")
    images = probe("s", source, tmp_path, large)
    assert len(images) == MOST_IMAGES
    assert all(band.size == WINDOWS**2 * SIDE**2 for im in images for band in im.bands.values())
    blocks = windows_of((1200, 2000))
    assert blocks[-1].row + blocks[-1].rows == 1200
    assert blocks[-1].col + blocks[-1].cols == 2000


def test_what_cannot_be_read_is_left_to_other_checks(tmp_path: Path, grid: GeoBox) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    assert said(tmp_path, grid, **S2) == []
    assert said(tmp_path, grid, files="missing.tif") == []


@pytest.mark.parametrize(
    ("example", "folder"),
    [("finland", "finland"), ("finland_months", "finland"), ("bartlett", "bartlett")],
)
def test_real_images_are_not_suspected(
    data: Path, tmp_path: Path, example: str, folder: str
) -> None:
    shutil.copy(EXAMPLES / example / "project.yaml", tmp_path)
    (tmp_path / "data").symlink_to(data / folder)
    opened = load_project(tmp_path)
    found: list[Problem] = suspicious_values(
        opened.project.predictors, opened.root, grid_of(opened)
    )
    assert found == []


@pytest.mark.parametrize(
    ("tile", "offset"),
    [
        ("282D_485L_3_3", "applied"),
        ("38D_378R_2_3", "applied"),
        ("433D_629L_3_1", "pending"),
        ("609U_541L_3_0", "applied"),
        ("637U_59R_1_3", "applied"),
    ],
)
def test_real_tiles_are_suspected_only_with_the_wrong_offset(
    data: Path, tile: str, offset: str
) -> None:
    tiles = data / "sentinel_tiles"
    bands = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
    s2 = {
        "files": f"S2L2A/{tile}.tif",
        "product": "sentinel-2-l2a",
        "bands": {band: i for i, band in enumerate(bands, 1)},
        "mask": "none",
    }
    s1 = {
        "files": f"S1RTC/{tile}.tif",
        "product": "sentinel-1-rtc",
        "bands": {"VV": 1, "VH": 2},
        "decibel": True,
    }
    grid = grid_of_raster(tiles / f"DEM/{tile}.tif")
    for said_offset in ("applied", "pending"):
        rasters = {"s2": {**s2, "boa_offset": said_offset}, "s1": s1}
        settings = {"rasters": rasters, "terrain": {"dem": f"DEM/{tile}.tif"}}
        found = suspicious_values(PredictorSettings.model_validate(settings), tiles, grid)
        # with the offset forgotten one band of 433D begins at 0.097: the rule does not see it
        wrong = said_offset != offset and tile != "433D_629L_3_1"
        assert len(found) == wrong, found
        assert all("−1000 may have been added already" in p.remedy for p in found)
