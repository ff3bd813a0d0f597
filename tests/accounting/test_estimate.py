"""Estimates add up only where the sum means something."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from phytomass.accounting import Estimate
from phytomass.errors import InputError

STOCK = Estimate("stock", "a", "AGB", "C", 2.0, "Mg C", 3.0, "total", 9, "2020", "map", se=1.0)
OTHER = replace(STOCK, zone="b", value=5.0, area_ha=4.0)


def test_zones_add_up() -> None:
    whole = sum([STOCK, OTHER, replace(STOCK, zone="c")])
    assert isinstance(whole, Estimate)
    assert (whole.value, whole.area_ha, whole.n, whole.zone) == (9.0, 10.0, 27, "a + b + c")
    assert math.isnan(whole.se)  # the correlation of the zones is in their draws alone


def test_pools_of_one_zone_add_up() -> None:
    whole = STOCK + replace(STOCK, pool="BGB", value=0.5)
    assert (whole.pool, whole.value, whole.area_ha, whole.n) == ("total", 2.5, 3.0, 9)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(OTHER, pool=""), "has no pool"),
        (replace(OTHER, kind=""), "has no kind"),
        (replace(OTHER, period=""), "has no period"),
        (replace(OTHER, area_ha=math.nan), "has no area_ha"),
        (replace(OTHER, kind="dry_mass", unit="Mg"), "kind 'dry_mass' cannot be added to kind 'C'"),
        (replace(OTHER, unit="Tg C"), "unit 'Tg C' cannot"),
        (replace(OTHER, period="2015"), "period '2015' cannot"),
        (replace(OTHER, quantity="potential_total"), "quantity 'potential_total' cannot"),
        (replace(OTHER, unit="Mg C/ha", statistic="mean"), "is no total"),
        (replace(OTHER, statistic="SE"), "is no total"),
        (replace(OTHER, zone="a"), "zone 'a' cannot"),
        (replace(OTHER, zone="all"), "zone 'all' cannot"),
        (replace(OTHER, pool="BGB"), "pool 'BGB' cannot"),
        (replace(STOCK, pool="total"), "pool 'total' cannot"),
    ],
)
def test_what_does_not_add_up(other: Estimate, message: str) -> None:
    with pytest.raises(InputError, match=message):
        STOCK + other


def test_a_bare_number_is_no_quantity() -> None:
    with pytest.raises(InputError, match="without unit"):
        1 + STOCK
