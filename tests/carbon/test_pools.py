"""Pools and factors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phytomass.carbon import POOLS, CarbonSettings, Factor, add_pools, pool_factor, to_pool
from phytomass.errors import InputError
from phytomass.units import CO2_PER_C, convert


def test_hundred_tonnes_by_hand() -> None:
    row = add_pools(pd.DataFrame({"agb_mg_ha": [100.0]})).iloc[0]
    assert row["bgb_mg_ha"] == pytest.approx(26.0)
    assert row["total_mg_ha"] == pytest.approx(126.0)
    assert row["agc_mg_ha"] == pytest.approx(47.0)
    assert row["bgc_mg_ha"] == pytest.approx(12.22)
    assert row["carbon_mg_ha"] == pytest.approx(59.22)
    assert row["co2e_mg_ha"] == pytest.approx(59.22 * 44 / 12)


def test_default_factors_and_their_sources() -> None:
    factors = CarbonSettings().factors()
    assert factors["root_shoot"].value == 0.26
    assert factors["carbon_fraction"].value == 0.47
    assert factors["co2_per_c"].value == CO2_PER_C == 44 / 12
    assert "IPCC 2006" in factors["carbon_fraction"].source
    assert all(f.source and f.unit for f in factors.values())


def test_factors_can_be_overridden_with_or_without_a_source() -> None:
    settings = CarbonSettings.model_validate(
        {"root_shoot": {"value": 0.44, "source": "IPCC 2019, Table 4.4"}, "carbon_fraction": 0.5}
    )
    assert settings.root_shoot.source == "IPCC 2019, Table 4.4"
    assert settings.root_shoot.unit == CarbonSettings().root_shoot.unit
    assert settings.carbon_fraction.source == "project file (no source given)"
    assert pool_factor("total", "C", settings) == pytest.approx(1.44 * 0.5)
    assert CarbonSettings.model_validate_json(settings.model_dump_json()) == settings
    assert CarbonSettings(root_shoot=Factor(value=0.3)).root_shoot.unit


@pytest.mark.parametrize(
    "wrong",
    [
        {"root_shoot": -0.1},
        {"root_shoot": 26},
        {"root_shoot": "26"},
        {"root_shoot": float("nan")},
        {"carbon_fraction": 47},
        {"carbon_fraction": 0.0},
        {"co2_per_c": 0.2727},
        {"root_shoot": {"value": 0.3, "sauce": "x"}},
        {"root_shoot": {"source": "x"}},
        {"roots_hoot": 0.3},
    ],
)
def test_impossible_factors_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CarbonSettings.model_validate(wrong)


def test_editor_schema_accepts_a_number_or_a_factor() -> None:
    schema = CarbonSettings.model_json_schema()["properties"]["root_shoot"]
    assert {"type": "number"} in schema["anyOf"] and len(schema["anyOf"]) == 2


def test_columns_cover_the_seven_pools_of_the_paper() -> None:
    kinds = [(meaning.pool, meaning.kind) for meaning in POOLS.values()]
    assert kinds == [
        *(("AGB", "dry_mass"), ("BGB", "dry_mass"), ("total", "dry_mass")),
        *(("AGB", "C"), ("BGB", "C"), ("total", "C"), ("total", "CO2e")),
    ]


def test_missing_column_and_unknown_pool() -> None:
    with pytest.raises(InputError, match="agb_mg_ha"):
        add_pools(pd.DataFrame({"agb": [1.0]}))
    with pytest.raises(InputError, match="unknown pool 'agb' → one of AGB, BGB, total"):
        to_pool(1.0, "agb", "C")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown kind"):
        to_pool(1.0, "AGB", "carbon")  # type: ignore[arg-type]


factors = st.builds(
    lambda r, c: CarbonSettings(root_shoot=r, carbon_fraction=c),
    st.floats(0, 5),
    st.floats(0.3, 0.7),
)


@hypothesis_settings(deadline=None)
@given(agb=st.lists(st.just(0.0) | st.floats(1e-6, 1e4), min_size=1), settings=factors)
def test_sums_of_pools_agree(agb: list[float], settings: CarbonSettings) -> None:
    table = add_pools(pd.DataFrame({"agb_mg_ha": agb}), settings)
    assert (table["total_mg_ha"] == table["agb_mg_ha"] + table["bgb_mg_ha"]).all()
    assert (table["carbon_mg_ha"] == table["agc_mg_ha"] + table["bgc_mg_ha"]).all()
    np.testing.assert_allclose(table["co2e_mg_ha"], table["carbon_mg_ha"] * 44 / 12, rtol=1e-12)
    for column, meaning in POOLS.items():
        scalar = to_pool(agb[0], meaning.pool, meaning.kind, settings)
        assert scalar == table[column].iloc[0]
        factor = pool_factor(meaning.pool, meaning.kind, settings)
        assert scalar == pytest.approx(agb[0] * factor, rel=1e-12)


def test_missing_biomass_stays_missing_in_every_pool() -> None:
    table = add_pools(pd.DataFrame({"agb_mg_ha": [np.nan, 1.0]}))
    assert table[list(POOLS)].iloc[0].isna().all() and table[list(POOLS)].iloc[1].notna().all()


@hypothesis_settings(deadline=None)
@given(value=st.floats(1e-3, 1e6))
def test_units_there_and_back(value: float) -> None:
    """1 kg/m² is 10 Mg/ha; 1 lb/acre is 1.12085 kg/ha."""
    for unit, quantity, factor in (
        ("kg/m2", "mass_per_area_mg_ha", 10.0),
        ("lb/acre", "mass_per_area_mg_ha", 1.1208511e-3),
        ("in", "length_cm", 2.54),
        ("ft", "length_m", 0.3048),
        ("lb", "mass_kg", 0.45359237),
        ("acre", "area_ha", 0.40468564),
    ):
        there = convert(value, unit, quantity)
        assert there == pytest.approx(value * factor, rel=1e-7)
        assert there / convert(1.0, unit, quantity) == pytest.approx(value, rel=1e-12)
