import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.accounting import class_shares, elevation_profile, round_limits
from phytomass.errors import InputError
from tests.accounting.conftest import write_raster


def test_classes_agree_with_a_histogram(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    breaks = [0, 50, 100, 200, 1000]
    table = class_shares(agb, breaks)
    held = field[np.isfinite(field)]
    counts, _ = np.histogram(held, breaks)
    mass, _ = np.histogram(held, breaks, weights=held)
    assert table["area_ha"].to_numpy() == pytest.approx(counts * 0.01)
    assert table["agb_mg"].to_numpy() == pytest.approx(mass * 0.01)
    assert table["area_share"].to_numpy() == pytest.approx(counts / held.size)
    assert table["agb_share"].sum() == pytest.approx(1)
    assert table["low_mg_ha"].tolist() == breaks[:-1]
    assert table["high_mg_ha"].tolist() == breaks[1:]


def test_nothing_falls_beside_the_classes(tmp_path, field):
    agb = write_raster(tmp_path / "agb.tif", field)
    table = class_shares(agb, [60, 100])
    assert table["low_mg_ha"].tolist() == [np.nanmin(field), 60, 100]
    assert table["high_mg_ha"].tolist() == [60, 100, np.nanmax(field)]
    assert table["area_share"].sum() == pytest.approx(1)
    assert table["agb_mg"].sum() == pytest.approx(np.nansum(field) * 0.01)


def test_limits_belong_to_the_class_above_them(tmp_path):
    agb = write_raster(tmp_path / "agb.tif", np.array([[0.0, 10.0, 20.0, 20.0]]))
    assert class_shares(agb, [0, 10, 20])["area_share"].tolist() == [0.25, 0.75]


def test_the_papers_shares_of_plantations(tmp_path):
    """78 % of the sites between 4 and 8 t/ha, 22 % between 1 and 4 (section 3.5)."""
    agb = write_raster(tmp_path / "agb.tif", np.array([[6.0] * 78 + [3.0] * 22]))
    table = class_shares(agb, [1, 4, 8])
    assert table["area_share"].tolist() == pytest.approx([0.22, 0.78])
    assert table["agb_share"].tolist() == pytest.approx([66 / 534, 468 / 534])


@given(st.floats(-1e3, 1e4), st.floats(0, 1e4))
def test_round_limits_hold_the_range(low, span):
    limits = round_limits(low, low + span)
    assert limits[0] <= low + 1e-6 * max(1, abs(low))
    assert limits[-1] > low + span - 1e-6 * max(1, abs(low + span))
    assert 2 <= len(limits) <= 9
    assert np.all(np.diff(limits) > 0)


def test_a_map_of_one_value_and_of_zeros(tmp_path):
    table = class_shares(write_raster(tmp_path / "a.tif", np.full((4, 4), 7.0)))
    assert table["area_share"].sum() == pytest.approx(1)
    zeros = class_shares(write_raster(tmp_path / "b.tif", np.zeros((4, 4))), [0, 10])
    assert zeros["area_share"].tolist() == [1]
    assert zeros["agb_share"].isna().all()


@pytest.mark.parametrize("breaks", [[5], [10, 5], [1, 1, 2], []])
def test_limits_that_do_not_ascend(tmp_path, breaks):
    agb = write_raster(tmp_path / "a.tif", np.ones((2, 2)))
    with pytest.raises(InputError, match="do not ascend"):
        class_shares(agb, breaks)


def test_profile_by_hand(tmp_path):
    agb = write_raster(tmp_path / "agb.tif", np.array([[10.0, 20.0, 90.0, np.nan, 5.0]]))
    dem = write_raster(tmp_path / "dem.tif", np.array([[-3.0, 0.0, 499.9, 100.0, np.nan]]))
    table = elevation_profile(agb, dem, 500)
    assert table["low_m"].tolist() == [-500, 0]
    assert table["high_m"].tolist() == [0, 500]
    assert table["area_ha"].tolist() == pytest.approx([0.01, 0.02])
    assert table["area_share"].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert table["mean_mg_ha"].tolist() == [10, 55]
    assert table["sd_mg_ha"].tolist() == [0, 35]
    assert table["stock_mg"].tolist() == pytest.approx([0.1, 1.1])
    assert "change_mg" not in table


def test_profile_with_change_over_blocks(tmp_path, field):
    rng = np.random.default_rng(1)
    elevation = np.add.outer(np.arange(300) * 5.0, np.arange(270) * 3.0)
    before = np.where(rng.random(field.shape) < 0.1, np.nan, np.round(field * 0.9))
    paths = [
        write_raster(tmp_path / f"{name}.tif", values)
        for name, values in (("agb", field), ("dem", elevation), ("before", before))
    ]
    table = elevation_profile(*paths[:2], 400, paths[2])
    assert table["low_m"].tolist() == [0, 400, 800, 1200, 1600, 2000]
    both = np.isfinite(field) & np.isfinite(before)
    for row in table.itertuples():
        here = (elevation >= row.low_m) & (elevation < row.high_m)
        assert row.mean_mg_ha == pytest.approx(np.nanmean(field[here]))
        assert row.sd_mg_ha == pytest.approx(np.nanstd(field[here]))
        assert row.change_mg_ha == pytest.approx((field - before)[here & both].mean())
        assert row.mean_before_mg_ha == pytest.approx(before[here & both].mean())
        assert row.change_mg == pytest.approx((field - before)[here & both].sum() * 0.01)
    assert table["area_ha"].sum() == pytest.approx(np.isfinite(field).sum() * 0.01)
    assert table["change_share"].sum() == pytest.approx(1)


def test_the_elevation_may_be_a_band_of_a_stack(tmp_path):
    agb = write_raster(tmp_path / "agb.tif", np.array([[1.0, 2.0]]))
    stack = write_raster(tmp_path / "s.tif", np.array([[[9.0, 9.0]], [[100.0, 700.0]]]))
    assert elevation_profile(agb, stack, 500, dem_band=2)["low_m"].tolist() == [0, 500]


def test_profiles_that_cannot_be_made(tmp_path):
    agb = write_raster(tmp_path / "agb.tif", np.ones((2, 2)))
    with pytest.raises(InputError, match="elevation_band_m"):
        elevation_profile(agb, agb, 0)
    empty = write_raster(tmp_path / "dem.tif", np.full((2, 2), np.nan))
    with pytest.raises(InputError, match="no mapped pixel has an elevation"):
        elevation_profile(agb, empty, 100)
