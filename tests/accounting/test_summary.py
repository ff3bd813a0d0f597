import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phytomass.accounting import COLUMNS, map_summary, truth_summary
from phytomass.accounting.statistics import MAP_STATISTICS, ZoneStatistic
from phytomass.accounting.sums import Layer, walk
from phytomass.carbon import CarbonSettings
from phytomass.errors import InputError
from tests.accounting.conftest import cells, value, write_raster, write_zones

numbers = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e3, 1e3))


def test_mean_area_and_stock_of_a_map(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    table = map_summary(agb, period="2020")
    held = field[np.isfinite(field)]
    area = held.size * 0.01
    assert list(table) == list(COLUMNS)
    assert value(table, "area", pool="", kind="") == pytest.approx(area)
    assert value(table, "map_mean", "mean") == pytest.approx(held.mean())
    assert value(table, "map_mean", "spatial_SD") == pytest.approx(held.std())
    assert value(table, "map_mean", "min") == held.min()
    assert value(table, "map_mean", "max") == held.max()
    assert value(table, "stock") == pytest.approx(held.sum() * 0.01)
    assert "SE" not in set(table["statistic"])
    masses = table[table["quantity"] != "area"]
    assert masses["area_ha"].to_numpy() == pytest.approx(np.full(len(masses), area))
    assert (masses["n"] == held.size).all()
    assert (table["period"] == "2020").all()
    assert not table.duplicated(["quantity", "zone", "pool", "kind", "statistic"]).any()


def test_every_stock_is_its_mean_times_its_area(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    zones = write_zones(
        tmp_path / "z.gpkg", {"a": cells(0, 100, 0, 270), "b": cells(150, 300, 0, 90)}
    )
    table = map_summary(agb, zones=zones).set_index(["zone", "pool", "kind"])
    for key in table.index.unique():
        if key[1]:
            rows = table.loc[[key]]
            mean = rows[(rows["quantity"] == "map_mean") & (rows["statistic"] == "mean")]
            stock = rows[rows["quantity"] == "stock"]
            assert stock["value"].item() == pytest.approx(
                mean["value"].item() * stock["area_ha"].item()
            )


def test_the_afforestation_papers_totals(tmp_path):
    """4.77 t/ha on 198 993 ha: 0.949 Mt AGB, 1.20 Mt biomass, 2.06 Mt CO₂e (with 44/12: 2.062)."""
    side = np.sqrt(198_993e4 / 100)
    agb = write_raster(tmp_path / "agb.tif", np.full((10, 10), 4.77), resolution=side)
    table = map_summary(agb)
    assert value(table, "area", pool="", kind="") == pytest.approx(198_993)
    assert value(table, "stock") / 1e6 == pytest.approx(0.949, abs=5e-4)
    assert value(table, "stock", pool="BGB") / 1e6 == pytest.approx(0.247, abs=5e-4)
    assert value(table, "stock", pool="total", kind="CO2e") / 1e6 == pytest.approx(2.06, abs=5e-3)
    assert value(table, "map_mean", "mean", pool="total", kind="C") == pytest.approx(2.82, abs=5e-3)
    assert value(table, "map_mean", "spatial_SD") == pytest.approx(0, abs=1e-9)


def test_pools_units_and_own_factors(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    table = map_summary(agb, carbon=CarbonSettings(root_shoot=0.44, carbon_fraction=0.5))
    mean = value(table, "map_mean", "mean")
    assert value(table, "map_mean", "mean", "all", "BGB") == pytest.approx(0.44 * mean)
    assert value(table, "map_mean", "mean", "all", "total", "C") == pytest.approx(0.72 * mean)
    units = (
        table.set_index(["quantity", "kind"])["unit"].groupby(level=[0, 1]).unique().str.join("|")
    )
    assert units["map_mean", "CO2e"] == "Mg CO₂/ha"
    assert units["stock", "C"] == "Mg C"
    assert units["area", ""] == "ha"


def test_zones_by_the_centres_of_pixels(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    shapes = {"north": cells(0, 100.4, 0, 270), "corner": cells(200.6, 300, 100, 270)}
    table = map_summary(agb, zones=write_zones(tmp_path / "z.gpkg", shapes))
    parts = {
        "north": field[:100],
        "corner": field[201:, 100:],
        "outside zones": np.concatenate([field[100:201].ravel(), field[201:, :100].ravel()]),
    }
    assert list(dict.fromkeys(table["zone"])) == ["all", *parts]
    for zone, part in parts.items():
        assert value(table, "map_mean", "mean", zone) == pytest.approx(np.nanmean(part))
        assert value(table, "map_mean", "spatial_SD", zone) == pytest.approx(np.nanstd(part))
        assert value(table, "stock", zone=zone) == pytest.approx(np.nansum(part) * 0.01)
    stocks = [value(table, "stock", zone=zone) for zone in parts]
    assert sum(stocks) == pytest.approx(value(table, "stock"))


def test_zones_of_another_crs_of_two_parts_and_without_a_pixel(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    two = cells(0, 10, 0, 10).union(cells(50, 60, 0, 10))
    shapes = {"two": two, "far": cells(900, 950, 900, 950)}
    table = map_summary(agb, zones=write_zones(tmp_path / "z.gpkg", shapes, crs="EPSG:4326"))
    part = np.concatenate([field[:10, :10], field[50:60, :10]])
    assert value(table, "map_mean", "mean", "two") == pytest.approx(np.nanmean(part))
    assert value(table, "area", zone="far", pool="", kind="") == 0
    assert value(table, "stock", zone="far") == 0
    assert not ((table["zone"] == "far") & (table["quantity"] == "map_mean")).any()
    assert not table["value"].isna().any()


def test_zones_that_touch_do_not_overlap(tmp_path):
    """Borders through the centres of pixels: each pixel in exactly one zone."""
    agb = write_raster(tmp_path / "agb.tif", np.ones((20, 20)))
    shapes = {
        "a": cells(0, 10.5, 0, 10.5), "b": cells(0, 10.5, 10.5, 20),
        "c": cells(10.5, 20, 0, 10.5), "d": cells(10.5, 20, 10.5, 20),
    }  # fmt: skip
    table = map_summary(agb, zones=write_zones(tmp_path / "z.gpkg", shapes))
    areas = [value(table, "area", zone=zone, pool="", kind="") for zone in "abcd"]
    assert sum(areas) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("shapes", "column", "message"),
    [
        ({"a": cells(0, 10, 0, 10), "b": cells(5, 20, 5, 20)}, "name", "'a' and 'b' overlap"),
        ({"a": cells(0, 10, 0, 10)}, "nam", "no column 'nam' .*did you mean 'name'"),
        ({"a": cells(900, 910, 0, 10)}, "name", "no polygon on the grid"),
        ({"all": cells(0, 10, 0, 10)}, "name", "the name 'all' is taken"),
        ({"a": cells(0, 10, 0, 10), None: cells(20, 30, 0, 10)}, "name", "no name .feature 2"),
    ],
)
def test_zones_that_cannot_be_used(tmp_path, shapes, column, message):
    agb = write_raster(tmp_path / "agb.tif", np.ones((30, 30)))
    zones = write_zones(tmp_path / "zones.gpkg", shapes)
    with pytest.raises(InputError, match=message) as error:
        map_summary(agb, zones=zones, zone_column=column)
    assert error.value.problems[0].where == "zones.gpkg"


def test_zones_file_that_is_none(tmp_path):
    agb = write_raster(tmp_path / "agb.tif", np.ones((30, 30)))
    (tmp_path / "zones.gpkg").write_text("no polygons")
    with pytest.raises(InputError, match=r"zones\.gpkg: cannot be read: it is no \.gpkg file"):
        map_summary(agb, zones=tmp_path / "zones.gpkg")


def test_maps_that_cannot_be_summed(tmp_path):
    with pytest.raises(InputError, match="no pixel with a value"):
        map_summary(write_raster(tmp_path / "a.tif", np.full((3, 3), np.nan)))
    degrees = write_raster(tmp_path / "b.tif", np.ones((3, 3)), crs="EPSG:4326", resolution=1e-7)
    with pytest.raises(InputError, match="projected"):
        map_summary(degrees)


def test_a_nodata_number_is_no_biomass(tmp_path):
    values = np.array([[1.0, -9999.0], [3.0, -9999.0]])
    table = map_summary(write_raster(tmp_path / "a.tif", values, nodata=-9999))
    assert value(table, "map_mean", "mean") == 2
    assert value(table, "stock") == pytest.approx(0.04)


def test_the_walk_holds_one_block_at_a_time(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    seen = np.zeros(field.shape, dtype=int)
    for block, (values,) in walk([Layer(agb)]):
        assert values.shape == (block.rows, block.cols) <= (256, 256)
        assert np.array_equal(values, field[block.slices], equal_nan=True)
        seen[block.slices] += 1
    assert (seen == 1).all()


def test_other_grids_and_bands_are_refused(tmp_path):
    one = write_raster(tmp_path / "one.tif", np.ones((5, 5)))
    other = write_raster(tmp_path / "other.tif", np.ones((5, 5)), shift=10)
    with pytest.raises(InputError, match=r"other.tif: is on another grid"):
        list(walk([Layer(one), Layer(other)]))
    with pytest.raises(InputError, match="no band 2"):
        list(walk([Layer(one, 2)]))


def test_the_truth_counts_where_the_map_does(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    truth = write_raster(tmp_path / "truth.tif", np.arange(field.size).reshape(field.shape) % 100)
    table = truth_summary(truth, agb, period="2020")
    held = (np.arange(field.size) % 100)[np.isfinite(field).ravel()]
    assert value(table, "truth_mean", "mean") == pytest.approx(held.mean())
    assert value(table, "truth_stock") == pytest.approx(held.sum() * 0.01)
    empty = write_raster(tmp_path / "none.tif", np.full(field.shape, np.nan))
    with pytest.raises(InputError, match="shares no pixel"):
        truth_summary(empty, agb)


def test_the_true_chip_of_finland():
    """Catalogue of the data: mean 76.49, SD 72.88 Mg/ha."""
    folder = os.environ.get("PHYTOMASS_DATA")
    if folder is None or not (Path(folder) / "finland").is_dir():
        pytest.skip("PHYTOMASS_DATA does not name the folder with the real data (finland)")
    table = map_summary(Path(folder) / "finland" / "agb_truth.tif")
    assert value(table, "map_mean", "mean") == pytest.approx(76.49, abs=0.005)
    assert value(table, "map_mean", "spatial_SD") == pytest.approx(72.88, abs=0.005)
    assert isinstance(table, pd.DataFrame)


def test_a_new_statistic_of_zones_is_one_record(tmp_path, field, monkeypatch):
    reach = ZoneStatistic("range", lambda m: m.high - m.low, "greatest minus least", True)
    monkeypatch.setattr("phytomass.accounting.summary.MAP_STATISTICS", (*MAP_STATISTICS, reach))
    table = map_summary(write_raster(tmp_path / "agb.tif", field))
    held = field[np.isfinite(field)]
    assert value(table, "map_mean", "range") == np.ptp(held)
    carbon = value(table, "map_mean", "range", kind="C")
    assert carbon == pytest.approx(CarbonSettings().carbon_fraction.value * np.ptp(held))
