"""Where the sun stood, from small metadata files in the published layouts."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery import RasterSource, open_source
from phytomass.imagery.products.settings import TopographySettings
from phytomass.imagery.scenes.listing import Asset, Scene
from phytomass.imagery.scenes.sun import sun_of
from tests.conftest import write_raster

LANDSAT = "LC08_L2SP_151036_20200701_20200913_02_T1"
SAID = TopographySettings(dem="dem.tif", sun_zenith_deg=10, sun_azimuth_deg=20)
SILENT = TopographySettings(dem="dem.tif")
TILE = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile.xsd">
  <n1:General_Info>
    <TILE_ID metadataLevel="Brief">S2A_OPER_MSI_L2A_TL_x_T43SFT_N02.14</TILE_ID>
    <SENSING_TIME metadataLevel="Standard">{day}T10:15:12.345Z</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Angles metadataLevel="Standard">
      <Sun_Angles_Grid><Zenith><COL_STEP unit="m">5000</COL_STEP></Zenith></Sun_Angles_Grid>
      <Mean_Sun_Angle>
        <ZENITH_ANGLE unit="deg">21.5</ZENITH_ANGLE>
        <AZIMUTH_ANGLE unit="deg">131.25</AZIMUTH_ANGLE>
      </Mean_Sun_Angle>
      <Mean_Viewing_Incidence_Angle_List>
        <Mean_Viewing_Incidence_Angle bandId="0">
          <ZENITH_ANGLE unit="deg">7.0</ZENITH_ANGLE>
          <AZIMUTH_ANGLE unit="deg">104.0</AZIMUTH_ANGLE>
        </Mean_Viewing_Incidence_Angle>
      </Mean_Viewing_Incidence_Angle_List>
    </Tile_Angles>
  </n1:Geometric_Info>
</n1:Level-2A_Tile_ID>
"""
ATTRIBUTES = {"DATE_ACQUIRED": "2020-07-01", "SUN_AZIMUTH": "-130.5", "SUN_ELEVATION": "66.25"}
MTL = {
    "txt": "GROUP = LANDSAT_METADATA_FILE\n  GROUP = IMAGE_ATTRIBUTES\n"
    '    SPACECRAFT_ID = "LANDSAT_8"\n    SUN_AZIMUTH = -130.5\n    SUN_ELEVATION = 66.25\n'
    "  END_GROUP = IMAGE_ATTRIBUTES\nEND_GROUP = LANDSAT_METADATA_FILE\nEND\n",
    "json": json.dumps({"LANDSAT_METADATA_FILE": {"IMAGE_ATTRIBUTES": ATTRIBUTES}}),
    "xml": "<LANDSAT_METADATA_FILE><IMAGE_ATTRIBUTES>"
    + "".join(f"<{key}>{value}</{key}>" for key, value in ATTRIBUTES.items())
    + "</IMAGE_ATTRIBUTES></LANDSAT_METADATA_FILE>",
}


def granule(root: Path, day: str = "2020-07-01") -> Scene:
    """A scene in a SAFE folder whose granule has its metadata file."""
    folder = root / "S2A_x.SAFE" / "GRANULE" / "L2A_T43SFT"
    (folder / "IMG_DATA" / "R10m").mkdir(parents=True)
    (folder / "MTD_TL.xml").write_text(TILE.format(day=day))
    return Scene(
        "T43SFT_20200701T101031",
        date(2020, 7, 1),
        {"B4": Asset(folder / "IMG_DATA" / "R10m" / "T43SFT_20200701T101031_B04_10m.jp2")},
    )


def landsat(root: Path, name: str = LANDSAT) -> Scene:
    return Scene(name, date(2020, 7, 1), {"SR_B4": Asset(root / f"{LANDSAT}_SR_B4.TIF")})


def test_the_mean_sun_angle_of_a_granule(tmp_path: Path) -> None:
    assert sun_of(granule(tmp_path), SAID) == (21.5, 131.25)


def test_a_metadata_file_of_another_day_is_not_taken(tmp_path: Path) -> None:
    assert sun_of(granule(tmp_path, "2020-07-11"), SAID) == (10, 20)


@pytest.mark.parametrize("ending", list(MTL))
def test_landsat_metadata(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"{LANDSAT}_MTL.{ending}").write_text(MTL[ending])
    assert sun_of(landsat(tmp_path), SAID) == (23.75, 229.5)
    assert sun_of(landsat(tmp_path, f"folder/{LANDSAT}"), SAID) == (23.75, 229.5)
    assert sun_of(landsat(tmp_path, "LC08_another"), SAID) == (10, 20)


@pytest.mark.parametrize(
    ("tags", "sun"),
    [
        ({"view:sun_elevation": "60", "view:sun_azimuth": "140"}, (30, 140)),
        ({"s2:mean_solar_zenith": "31", "s2:mean_solar_azimuth": "141"}, (31, 141)),
        ({"sun_elevation": "58", "sun_azimuth": "142"}, (32, 142)),
        ({"view:sun_elevation": "60"}, (10, 20)),
    ],
)
def test_properties_of_a_catalogue(tags: dict[str, str], sun: tuple[float, float]) -> None:
    assert sun_of(Scene("a", None, {}, tags), SAID) == sun


def test_what_no_one_says_has_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"where the sun stood.*MTD_TL\.xml.*sun_zenith_deg"):
        sun_of(landsat(tmp_path), SILENT)


@pytest.mark.parametrize("ending", list(MTL))
def test_damaged_metadata_are_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"{LANDSAT}_MTL.{ending}"
    path.write_text(MTL[ending].replace("66.25", "steep"))
    with pytest.raises(
        InputError, match=rf"cannot be read.*{path.name}|{path.name}.*cannot be read"
    ):
        sun_of(landsat(tmp_path), SAID)
    path.write_text(MTL[ending][: len(MTL[ending]) // 2])
    if ending != "txt":  # a text without the angles says nothing; half a document is an error
        with pytest.raises(InputError, match="cannot be read"):
            sun_of(landsat(tmp_path), SAID)


@pytest.mark.parametrize("pattern", ["LC08*", "LC08*/*"])
def test_a_landsat_folder_is_corrected_by_its_own_sun(
    tmp_path: Path, grid: GeoBox, pattern: str
) -> None:
    folder = tmp_path / LANDSAT
    for band, value in (("SR_B4", 9000), ("SR_B5", 20_000), ("QA_PIXEL", 64), ("QA_RADSAT", 0)):
        values = np.full(grid.shape, value, np.uint16)
        write_raster(folder / f"{LANDSAT}_{band}.TIF", values, grid)
    for ending, text in MTL.items():
        (folder / f"{LANDSAT}_MTL.{ending}").write_text(text)
    _, cols = np.indices(grid.shape)
    write_raster(tmp_path / "dem.tif", 3.0 * cols, grid)  # falls to the west, by 3 in 10
    source = RasterSource.model_validate(
        {
            "files": pattern,
            "product": "landsat-c2-l2",
            "bands": ["SR_B4", "SR_B5"],
            "topography": {
                "dem": "dem.tif",
                "method": "cosine",
                "fit_where": "(SR_B5 - SR_B4) / (SR_B5 + SR_B4)",
            },
        }
    )
    with open_source("l8", source, tmp_path, grid) as reader:
        values = reader.read(Block(0, 0, *grid.shape))
    zenith, azimuth, slope = np.radians([23.75, 229.5, np.degrees(np.arctan(0.3))])
    west = np.radians(270)
    cos_i = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(azimuth - west)
    expected = (20_000 * 2.75e-5 - 0.2) * np.cos(zenith) / cos_i
    assert np.allclose(values["SR_B5"], expected)
