"""Sensor products: scaling, offsets, masks and composites on images whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from pyproj import Transformer
from rasterio.warp import transform_bounds

from phytomass.errors import InputError
from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.imagery import BlockReader, RasterSource, open_source
from phytomass.imagery.pixels.slopes import sun_incidence
from phytomass.imagery.pixels.terrain import extended, gradient
from phytomass.imagery.products.sensors import find_sensor, load_sensors
from phytomass.imagery.scenes.listing import Asset, Scene, day_in
from phytomass.imagery.scenes.offsets import boa_offset
from tests.conftest import coordinate_image, write_raster

S2 = "sentinel-2-l2a"


def source(**settings: object) -> RasterSource:
    return RasterSource.model_validate(settings)


@contextmanager
def opened(settings: RasterSource, root: Path, grid: GeoBox) -> Iterator[BlockReader]:
    with open_source("s", settings, root, grid) as reader:
        yield reader


def read(settings: RasterSource, root: Path, grid: GeoBox) -> dict[str, np.ndarray]:
    with opened(settings, root, grid) as reader:
        values = reader.read(Block(0, 0, *grid.shape))
        assert list(values) == reader.names
        return values


def dn(grid: GeoBox, value: float) -> np.ndarray:
    return np.full(grid.shape, value, np.uint16)


def safe(root: Path, grid: GeoBox, day: str, value: int, *, offset: int | None = None) -> Path:
    """Write a small SAFE folder: B4 and B8 at 10 m, B11 and the scene classes at 20 m."""
    name = f"S2A_MSIL2A_{day}T101031_N0509_R022_T43SFT_{day}T150000.SAFE"
    image = root / name / "GRANULE" / "L2A" / "IMG_DATA"
    coarse = grid.zoom_out(2)
    for band, metres, own in (("B04", 10, grid), ("B08", 10, grid), ("B11", 20, coarse)):
        write_raster(
            image / f"R{metres}m" / f"T43SFT_{day}T101031_{band}_{metres}m.jp2", dn(own, value), own
        )
    write_raster(image / "R20m" / f"T43SFT_{day}T101031_B04_20m.jp2", dn(coarse, 1), coarse)
    write_raster(
        image / "R20m" / f"T43SFT_{day}T101031_SCL_20m.jp2",
        np.full(coarse.shape, 4, np.uint8),
        coarse,
    )
    if offset is not None:
        items = f'<BOA_ADD_OFFSET band_id="3">{offset}</BOA_ADD_OFFSET>'
        (root / name / "MTD_MSIL2A.xml").write_text(f"<a><b>{items}</b></a>")
    return root / name


def test_a_safe_folder_with_its_offset_and_its_twenty_metre_bands(
    tmp_path: Path, grid: GeoBox
) -> None:
    safe(tmp_path, grid, "20220701", 3000, offset=-1000)
    values = read(source(files="*.SAFE", product=S2, resample="bilinear"), tmp_path, grid)
    assert list(values) == ["B4", "B8", "B11"]
    for layer in values.values():
        assert np.allclose(layer, 0.2)
    with pytest.raises(InputError, match=r"another grid.*resample"):
        read(source(files="*.SAFE", product=S2), tmp_path, grid)


def test_two_baselines_of_one_season_are_scaled_each_by_its_own(
    tmp_path: Path, grid: GeoBox
) -> None:
    safe(tmp_path, grid, "20220701", 3000, offset=-1000)
    safe(tmp_path, grid, "20200701", 2000, offset=0)
    settings = source(files="*.SAFE", product=S2, resample="nearest", composite="mean")
    assert np.allclose(read(settings, tmp_path, grid)["B8"], 0.2)
    one = settings.model_copy(update={"dates": "2020-01-01/2020-12-31", "composite": None})
    assert np.allclose(read(one, tmp_path, grid)["B8"], 0.2)


@pytest.mark.parametrize(
    ("name", "tags", "said", "offset"),
    [
        ("S2A_MSIL2A_20200701T101031_N0214_R022", {}, "auto", 0),
        ("S2A_MSIL2A_20200701T101031_N0500_R022", {}, "auto", -1000),
        ("a", {"s2:processing_baseline": "04.00"}, "auto", -1000),
        ("a", {"s2:processing_baseline": "03.01"}, "auto", 0),
        ("a_N0509_", {"earthsearch:boa_offset_applied": "True"}, "auto", 0),
        ("a_N0509_", {"boa_offset_applied": "false"}, "auto", -1000),
        ("S2A_MSIL2A_20180701T101031_N0500_R022_T43SFT_20230801T1", {}, "auto", -1000),  # again
        ("a", {"s2:processing_baseline": "5.09"}, "auto", -1000),
        ("a", {"s2:processing_baseline": "N0214"}, "auto", 0),
        ("a_N0214_", {"processing:version": "2.11.0"}, "auto", 0),  # of a program
        ("a_N0509_", {}, "applied", 0),
        ("a_N0214_", {}, "pending", -1000),
    ],
)
def test_the_offset_is_added_once(name: str, tags: dict[str, str], said: str, offset: int) -> None:
    assert boa_offset(Scene(name, None, {"B4": Asset(Path("a.tif"))}, tags), said) == offset


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("S2A_MSIL2A_20220701T101031_N9999_R022_T43SFT_20230101T000000", {}),
        ("S2A_MSIL2A_20220701T101031_N0000_R022_T43SFT_20230101T000000", {}),
        ("a_N0509_", {"s2:processing_baseline": "99.99"}),
        ("a", {"processing_baseline": "unknown"}),
        ("a", {"boa_offset_applied": "false"}),
    ],
)
def test_a_placeholder_is_no_baseline(name: str, tags: dict[str, str]) -> None:
    scene = Scene(name, None, {"B4": Asset(Path("a.tif"))}, tags)
    with pytest.raises(InputError, match=r"offset of −1000.*set boa_offset: applied"):
        boa_offset(scene)
    assert boa_offset(scene, "applied") == 0
    assert boa_offset(scene, "pending") == -1000


METADATA = (
    "<n1:Level-2A_User_Product xmlns:n1='urn:s2'><Product_Info><PRODUCT_START_TIME>{day}T10:10:31Z"
    "</PRODUCT_START_TIME><PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE></Product_Info>{offsets}"
    "</n1:Level-2A_User_Product>"
)
OFFSETS = "".join(f'<BOA_ADD_OFFSET band_id="{i}">{{0}}</BOA_ADD_OFFSET>' for i in range(13))


@pytest.mark.parametrize(
    ("folder", "baseline", "stated", "expected"),
    [
        ("N9999", "99.99", "-1000", -1000),  # Sen2Cor 2.10 and later
        ("N9999", "99.99", "0", 0),
        ("N9999", "99.99", None, "placeholder baseline 99.99"),
        ("N9999", "02.14", None, 0),
        ("N9999", "05.09", None, "baseline 05.09 and no BOA_ADD_OFFSET"),
        ("N0214", "02.14", None, 0),
        ("N0509", "05.09", "", "is no whole number"),
        ("N0509", "05.09", "minus 1000", "is no whole number: 'minus 1000'"),
    ],
)
def test_what_the_metadata_of_a_product_states(
    tmp_path: Path, folder: str, baseline: str, stated: str | None, expected: float | str
) -> None:
    root = tmp_path / f"S2A_MSIL2A_20220701T101031_{folder}_R022_T43SFT_20230101T000000.SAFE"
    root.mkdir()
    offsets = "" if stated is None else OFFSETS.format(stated)
    text = METADATA.format(day="2022-07-01", baseline=baseline, offsets=offsets)
    (root / "MTD_MSIL2A.xml").write_text(text)
    asset = Asset(root / "GRANULE" / "L2A" / "IMG_DATA" / "R10m" / "T43SFT_B04_10m.jp2")
    scene = Scene("T43SFT_20220701T101031", date(2022, 7, 1), {"B4": asset})
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            boa_offset(scene)
    else:
        assert boa_offset(scene) == expected
    # beside another day's bands the file says nothing about them, and the folder's name counts
    other = Scene("T43SFT_20210701T101031", date(2021, 7, 1), {"B4": asset})
    if folder == "N9999":
        with pytest.raises(InputError, match=r"placeholder baseline 99\.99"):
            boa_offset(other)
    else:
        assert boa_offset(other) == {"N0214": 0, "N0509": -1000}[folder]


def test_of_two_baselines_in_a_path_the_nearest_counts() -> None:
    path = Path("/data/S2_N0214_old/S2A_MSIL2A_20220701T101031_N0509_R022.SAFE/IMG/B04.jp2")
    assert boa_offset(Scene("T43SFT", None, {"B4": Asset(path)})) == -1000


def test_an_unknown_offset_is_not_guessed(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(
        tmp_path / "s2_20220701.tif", np.stack([dn(grid, 1), dn(grid, 4)]), grid, ["B4", "SCL"]
    )
    with pytest.raises(InputError, match=r"s2_20220701.*boa_offset: applied"):
        read(source(files="*.tif", product=S2), tmp_path, grid)


def test_clouds_are_masked_with_their_surroundings(tmp_path: Path, grid: GeoBox) -> None:
    classes = dn(grid, 4)
    classes[20, 30], classes[5, 5], classes[10, 50], classes[0, 0] = 9, 11, 6, 0
    write_raster(tmp_path / "a.tif", np.stack([dn(grid, 2000), classes]), grid, ["B4", "SCL"])
    settings = source(files="a.tif", product=S2, boa_offset="applied", dilate_m=30)
    b4 = read(settings, tmp_path, grid)["B4"]
    rows, cols = np.indices(grid.shape)
    near = np.hypot(rows - 20, cols - 30) * 10 <= 30
    assert np.isnan(b4[near]).all()
    assert near.sum() == 29
    assert np.isnan(b4).sum() == 29 + 2  # snow and no data have no soft edge; water counts
    strict = read(settings.model_copy(update={"mask": "strict"}), tmp_path, grid)["B4"]
    assert np.isnan(strict[10, 50])


def test_an_absent_mask_is_never_left_out_silently(tmp_path: Path, grid: GeoBox) -> None:
    bands = np.stack([dn(grid, 2000), dn(grid, 10)])
    bands[1, :7] = 90
    write_raster(tmp_path / "a.tif", bands, grid, ["B4", "cloud_prob"])
    settings = source(files="a.tif", product=S2, boa_offset="applied")
    with pytest.raises(InputError, match=r"no band SCL.*mask: none"):
        read(settings, tmp_path, grid)
    assert not np.isnan(
        read(settings.model_copy(update={"mask": "none"}), tmp_path, grid)["B4"]
    ).any()
    own = settings.model_copy(update={"keep_where": {"cloud_prob": (0, 20)}})
    assert np.isnan(read(own, tmp_path, grid)["B4"]).sum() == 7 * 60


def test_landsat_scaling_flags_and_saturation(tmp_path: Path, grid: GeoBox) -> None:
    coarse = grid_from_bounds("EPSG:32643", 30, (500_000, 3_800_000, 500_600, 3_800_390)).pad(1)
    scene = tmp_path / "LC08_L2SP_151036_20200701_20200913_02_T1"
    flags, saturated = dn(coarse, 1 << 6), dn(coarse, 0)
    flags[5, 5], flags[5, 9], saturated[8, 8] = 1 << 3 | 1 << 6, 1 << 7, 1 << 4
    for band, values in (
        ("SR_B4", dn(coarse, 10_000)),
        ("SR_B5", dn(coarse, 20_000)),
        ("QA_PIXEL", flags),
        ("QA_RADSAT", saturated),
    ):
        write_raster(scene / f"{scene.name}_{band}.TIF", values, coarse)
    settings = source(files=scene.name, product="landsat-c2-l2", resample="nearest")
    values = read(settings, tmp_path, grid)
    assert np.nanmax(values["SR_B4"]) == pytest.approx(10_000 * 2.75e-5 - 0.2)
    assert np.nanmin(values["SR_B5"]) == pytest.approx(0.35)
    assert np.isnan(values["SR_B4"]).sum() == 2 * 9  # a cloud and a saturated pixel; water counts


def sar(path: Path, grid: GeoBox, level_db: float, seed: int = 1) -> Path:
    power = 10 ** (level_db / 10) * np.random.default_rng(seed).gamma(
        4.4, 1 / 4.4, (2, *grid.shape)
    )
    return write_raster(path, power.astype(np.float32), grid, ["VV", "VH"])


def test_radar_is_averaged_in_power_and_given_in_decibels(tmp_path: Path, grid: GeoBox) -> None:
    for day, level in (("20200601", 1.0), ("20200613", 100.0)):
        write_raster(
            tmp_path / f"s1_{day}_asc.tif", np.full((2, *grid.shape), level), grid, ["VV", "VH"]
        )
    power = source(files="s1_*.tif", product="sentinel-1-rtc", composite="mean")
    assert np.allclose(read(power, tmp_path, grid)["VV"], 10 * np.log10(50.5))
    for path in tmp_path.glob("*.tif"):
        level = -20.0 if "0601" in path.name else -40.0  # 0 dB in all bands would be fill
        write_raster(path, np.full((2, *grid.shape), level), grid, ["VV", "VH"])
    decibel = power.model_copy(update={"decibel": True})
    assert np.allclose(read(decibel, tmp_path, grid)["VV"], 10 * np.log10(0.00505))


def test_orbits_apart(tmp_path: Path, grid: GeoBox) -> None:
    sar(tmp_path / "s1_20200601_asc.tif", grid, -10)
    sar(tmp_path / "s1_20200602_desc.tif", grid, -14)
    settings = source(files="s1_*.tif", product="sentinel-1-rtc", orbits="apart", composite="mean")
    values = read(settings, tmp_path, grid)
    assert list(values) == ["VV_ascending", "VH_ascending", "VV_descending", "VH_descending"]
    assert np.allclose(values["VV_ascending"] - values["VV_descending"], 4, atol=1e-4)
    sar(tmp_path / "s1_20200603.tif", grid, -14)
    with pytest.raises(InputError, match=r"s1_20200603.*ascending or descending"):
        read(settings, tmp_path, grid)


def test_the_border_of_a_radar_scene_is_cut_off(tmp_path: Path, grid: GeoBox) -> None:
    power = np.full((2, *grid.shape), 0.1)
    power[:, :, :10] = 0
    write_raster(tmp_path / "s1.tif", power, grid, ["VV", "VH"])
    settings = source(files="s1.tif", product="sentinel-1-grd", border_m=50)
    assert np.isnan(read(settings, tmp_path, grid)["VV"]).any(axis=0).sum() == 15


@pytest.mark.parametrize("name", ["lee", "refined_lee", "improved_sigma", "quegan"])
def test_the_same_bytes_for_any_blocks(tmp_path: Path, grid: GeoBox, name: str) -> None:
    for k in range(3):
        sar(tmp_path / f"s1_2020060{k + 1}_asc.tif", grid, -10 - k, k)
    rows, cols = np.indices(grid.shape)
    write_raster(tmp_path / "dem.tif", 500 + 3.0 * rows + 20 * np.sin(cols / 6), grid)
    settings = source(
        files="s1_*.tif",
        product="sentinel-1-grd",
        bands=["VV", "VH"],
        composite="median",
        border_m=20,
        speckle={"filter": name},
        slope={"dem": "dem.tif", "incidence_deg": 38},
        extras=["count", "date"],
    )
    whole = read(settings, tmp_path, grid)
    with opened(settings, tmp_path, grid) as reader:
        for block in blocks_of(grid.shape, 17):
            part = reader.read(block)
            for layer, values in whole.items():
                assert np.array_equal(part[layer], values[block.slices], equal_nan=True), layer
    assert np.isfinite(whole["VV"]).mean() > 0.9
    assert (whole["s_count"] == 3).mean() > 0.9
    assert np.nanmedian(whole["s_date"]) == (date(2020, 6, 2) - date(1970, 1, 1)).days


def test_a_radar_facing_slope_gets_darker_in_the_stack(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(
        tmp_path / "s1_20200601_asc.tif", np.full((2, *grid.shape), 0.1), grid, ["VV", "VH"]
    )
    _, cols = np.indices(grid.shape)
    write_raster(tmp_path / "dem.tif", np.abs(cols - 30.0) * -2.0, grid)  # a ridge at column 30
    settings = source(
        files="*_asc.tif", product="sentinel-1-rtc", slope={"dem": "dem.tif", "incidence_deg": 38}
    )
    vv = read(settings, tmp_path, grid)["VV"]  # looks east: the western side faces the radar
    assert (vv[:, 2:28] < -10.3).all()
    assert (vv[:, 33:58] > -9.7).all()


@pytest.mark.parametrize("how", ["median", "mean", "p25", "medoid", "best"])
def test_an_image_of_its_coordinates_through_every_composite(
    tmp_path: Path, grid: GeoBox, how: str
) -> None:
    image = coordinate_image(grid) - [[[500_000]], [[3_800_000]]]
    for day in ("20200601", "20200701", "20200801"):
        bands = np.concatenate([image, np.full((1, *grid.shape), 4.0)]).astype(np.float32)
        write_raster(tmp_path / f"{day}.tif", bands, grid, ["B8", "B4", "SCL"])
    settings = source(files="2020*.tif", product=S2, boa_offset="applied", composite=how)
    values = read(settings, tmp_path, grid)
    assert np.allclose(values["B8"] * 10_000, image[0], atol=1e-3)
    assert np.allclose(values["B4"] * 10_000, image[1], atol=1e-3)


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "cubic", "average"])
def test_coordinates_through_another_projection(tmp_path: Path, grid: GeoBox, kernel: str) -> None:
    west, south, east, north = transform_bounds(str(grid.crs), "EPSG:4326", *grid.boundingbox)
    other = GeoBox.from_bbox(
        (west - 5e-4, south - 5e-4, east + 5e-4, north + 5e-4), "EPSG:4326", resolution=1e-4
    )
    image = coordinate_image(other)
    scaled = (image - image.min(axis=(1, 2), keepdims=True)) * 1e6 + 10
    bands = np.concatenate([scaled, np.full((1, *other.shape), 4.0)]).astype(np.float32)
    write_raster(tmp_path / "a.tif", bands, other, ["B8", "B4", "SCL"])
    settings = source(
        files="a.tif", product=S2, boa_offset="applied", resample=kernel, bands=["B8", "B4"]
    )
    values = read(settings, tmp_path, grid)
    longitude = (values["B8"] * 1e4 - 10) / 1e6 + image[0].min()
    transformer = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True)
    expected, _ = transformer.transform(*coordinate_image(grid))
    pixel = abs(other.transform.a)
    assert np.abs(longitude - expected).max() < pixel * (0.51 if kernel in ("nearest",) else 0.1)


def test_a_chosen_date_keeps_its_spectrum_together(tmp_path: Path, grid: GeoBox) -> None:
    for day, (red, nir) in {"20200601": (500, 3000), "20200701": (900, 2000)}.items():
        bands = np.stack([dn(grid, red), dn(grid, nir), dn(grid, 4)])
        write_raster(tmp_path / f"{day}.tif", bands, grid, ["B4", "B8", "SCL"])
    settings = source(
        files="2020*.tif",
        product=S2,
        boa_offset="applied",
        composite="best",
        extras=["date"],
        bands=["B4"],
    )
    values = read(settings, tmp_path, grid)
    assert list(values) == ["B4", "s_date"]
    assert np.allclose(values["B4"], 0.05)
    assert np.all(values["s_date"] == (date(2020, 6, 1) - date(1970, 1, 1)).days)


def test_no_scene_in_the_window_names_the_nearest_days(tmp_path: Path, grid: GeoBox) -> None:
    for day in ("20200401", "20200520", "20201101"):
        sar(tmp_path / f"s1_{day}.tif", grid, -10)
    settings = source(
        files="s1_*.tif", product="sentinel-1-rtc", composite="mean", dates="2020-06-01/2020-08-31"
    )
    with pytest.raises(
        InputError, match=r"none of 3 scenes.*nearest are of 2020-05-20, 2020-04-01"
    ):
        read(settings, tmp_path, grid)


def test_too_few_clear_dates_have_no_data(tmp_path: Path, grid: GeoBox) -> None:
    for k, day in enumerate(("20200601", "20200701", "20200801")):
        classes = dn(grid, 4)
        classes[: 10 * k] = 9
        write_raster(
            tmp_path / f"{day}.tif", np.stack([dn(grid, 100), classes]), grid, ["B4", "SCL"]
        )
    settings = source(
        files="2020*.tif",
        product=S2,
        boa_offset="applied",
        composite="median",
        min_observations=2,
        dilate_m=0,
        extras=["count"],
    )
    values = read(settings, tmp_path, grid)
    assert np.isnan(values["B4"]).any(axis=1).sum() == 10
    assert values["s_count"][[0, 15, 39], 0].tolist() == [1, 2, 3]


def test_a_damaged_file_is_named(tmp_path: Path, grid: GeoBox) -> None:
    path = sar(tmp_path / "s1_20200601.tif", grid, -10)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(InputError, match=r"s1_20200601\.tif.*(damaged|cannot be read)"):
        read(source(files="s1_*.tif", product="sentinel-1-rtc"), tmp_path, grid)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"files": "a.tif", "product": "sentinel2"}, "no product 'sentinel2'"),
        ({"files": "a.tif", "speckle": {"filter": "lee"}}, "speckle needs `product`"),
        ({"files": "a.tif", "composite": "medoid"}, "medoid needs `product`"),
        ({"files": "a.tif", "composite": "modus"}, "composite is median"),
        ({"product": S2}, "either `files` or `catalog`"),
        ({"files": "a.tif", "product": S2, "dates": "2020"}, "dates"),
        ({"files": "a.tif", "product": S2, "speckle": {"filter": "lee", "window": 4}}, "odd"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object], message: str) -> None:
    with pytest.raises((ValidationError, InputError), match=message):
        source(**settings)


def test_wrong_band_names_offer_the_nearest(tmp_path: Path, grid: GeoBox) -> None:
    sar(tmp_path / "s1.tif", grid, -10)
    with pytest.raises(InputError, match=r"no band 'VX'.*VV"):
        read(source(files="s1.tif", product="sentinel-1-rtc", bands=["VX"]), tmp_path, grid)


def test_records_know_the_names_of_files_and_catalogues() -> None:
    assert find_sensor(S2).band_called("nir") == "B8"
    assert find_sensor("landsat-c2-l2").band_called("qa_pixel") == "QA_PIXEL"
    assert find_sensor(S2).band_called("B10") is None
    assert all(record.source for record in load_sensors().values())
    assert day_in("LC08_L2SP_151036_20200701_20200913_02_T1") == date(2020, 7, 1)
    assert day_in("tile_99999999") is None


def test_the_topographic_correction_of_a_source(tmp_path: Path, grid: GeoBox) -> None:
    rows, cols = np.indices(grid.shape)
    dem = 30 * np.sin(cols / 7) + 20 * np.cos(rows / 6)
    write_raster(tmp_path / "dem.tif", dem, grid)
    east, north = gradient(extended(dem), (10, 10))
    cos_i, _ = sun_incidence(east, north, 45.0, 150.0)
    noise = np.random.default_rng(1).normal(0, 20, grid.shape)
    bands = np.stack([200 + 300 * cos_i, 1000 + 2500 * cos_i + noise]).astype(np.float32)
    write_raster(tmp_path / "a.tif", bands, grid, ["B4", "B8"])
    plain = source(files="a.tif", product=S2, boa_offset="applied", mask="none")
    rule = {"dem": "dem.tif", "method": "c"}
    with pytest.raises(InputError, match="where the sun stood"):
        read(source(**plain.model_dump(exclude_defaults=True), topography=rule), tmp_path, grid)
    rule |= {"sun_zenith_deg": 45, "sun_azimuth_deg": 150}
    corrected = source(**plain.model_dump(exclude_defaults=True), topography=rule)
    before = read(plain, tmp_path, grid)["B8"]
    after = read(corrected, tmp_path, grid)["B8"]
    lit = np.isfinite(after)
    assert np.corrcoef(before[lit], cos_i[lit])[0, 1] > 0.95
    assert abs(np.corrcoef(after[lit], cos_i[lit])[0, 1]) < 0.1
    with opened(corrected, tmp_path, grid) as reader:
        for block in blocks_of(grid.shape, 19):
            assert np.array_equal(reader.read(block)["B8"], after[block.slices], equal_nan=True)
