"""One pool function: a number, an array and draws give the same, under every root rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from phytomass.carbon import POOLS, CarbonSettings, root_draws, to_dead, to_pool
from phytomass.draws import Draws
from phytomass.errors import InputError

RULES = [
    {},
    {"root_shoot": 0.44, "carbon_fraction": 0.51},
    {"root_rule": "mokany"},
    {"root_rule": "ipcc2019", "root_class": "tropical_dry_natural"},
]
rules = st.sampled_from(RULES).map(lambda given: CarbonSettings(**given))
amounts = st.lists(st.just(0.0) | st.floats(1e-3, 500), min_size=1, max_size=6)


def drawn(values: np.ndarray, **more: object) -> Draws:
    ids = tuple(f"P{i}" for i in range(len(values)))
    about = {"pool": "AGB", "kind": "dry_mass", "unit": "Mg/ha"}
    return Draws(values[:, 0].copy(), values, ids, **(about | more))  # type: ignore[arg-type]


@hypothesis_settings(deadline=None)
@given(amounts, rules, st.none() | st.floats(0.3, 0.7))
def test_a_number_an_array_and_draws_agree(
    agb: list[float], settings: CarbonSettings, fraction: float | None
) -> None:
    array = np.array(agb)
    draws = drawn(np.stack([array, 2 * array], axis=1))
    shares = None if fraction is None else np.full(array.shape, fraction)
    share_draws = None if shares is None else drawn(np.stack([shares] * 2, axis=1), unit="t/t")
    for column, meaning in POOLS.items():
        what = (meaning.pool, meaning.kind, settings)
        expected = to_pool(array, *what, shares)
        assert [to_pool(x, *what, fraction) for x in agb] == expected.tolist()
        made = to_pool(draws, *what, share_draws)
        np.testing.assert_array_equal(made.point, expected)
        np.testing.assert_allclose(made.values[:][:, 0], expected, rtol=1e-14)
        np.testing.assert_allclose(
            made.values[:][:, 1], to_pool(2 * array, *what, shares), rtol=1e-14
        )
        assert (made.pool, made.kind, made.unit) == (meaning.pool, meaning.kind, meaning.unit)
        assert column in POOLS


@hypothesis_settings(deadline=None, max_examples=30)
@given(amounts, rules)
def test_draw_k_takes_the_factors_of_draw_k(agb: list[float], settings: CarbonSettings) -> None:
    """By hand, plot by plot and draw by draw."""
    z, cf = np.array([-1.5, 0.0, 2.0]), np.array([0.45, 0.47, 0.5])
    roots = root_draws(settings, z)
    values = np.outer(agb, [0.9, 1.0, 1.2])
    draws = drawn(values, shared={"carbon_fraction": cf, **roots})
    found = to_pool(draws, "total", "C", settings).values[:]
    for i, k in np.ndindex(*values.shape):
        mass, ratio = values[i, k], {name: x[k] for name, x in roots.items()}
        if settings.root_rule == "constant":
            below = mass * ratio["root_shoot"]
        elif settings.root_rule == "mokany":
            below = 0.489 * mass**0.89 * ratio["root_shoot/of_mokany"]
        else:
            side = "below_limit" if mass <= 125 else "above_limit"
            below = mass * ratio[f"root_shoot/{side}"]
        assert found[i, k] == pytest.approx((mass + below) * cf[k], rel=1e-12)


@pytest.mark.parametrize("given_settings", RULES)
def test_drawn_roots_have_the_mean_of_the_rule(given_settings: dict[str, object]) -> None:
    settings = CarbonSettings.model_validate(given_settings)
    z = np.random.default_rng(0).standard_normal(100_000)
    for name, ratio in root_draws(settings, z).items():
        still = root_draws(settings, z, on=False)[name]
        assert np.ptp(still) == 0
        assert ratio.mean() == pytest.approx(still[0], rel=0.01)
        assert ratio.std() > 0.1 * still[0]


def test_the_pool_of_a_mean_is_not_the_mean_of_the_pools_and_is_refused() -> None:
    settings = CarbonSettings(root_rule="mokany")
    draws = drawn(np.array([[10.0, 12.0], [200.0, 220.0]]))
    right = to_pool(draws, "BGB", "dry_mass", settings).mean().point[0]
    assert right == pytest.approx(0.489 * (10**0.89 + 200**0.89) / 2)
    assert to_pool(draws.mean(), "BGB", "dry_mass", settings).point[0] > 1.02 * right
    with pytest.raises(InputError, match="BGB of Mg with root_rule: mokany → convert each plot"):
        to_pool(draws.total([1, 1]), "BGB", "dry_mass", settings)
    assert to_pool(draws.total([1, 1]), "AGB", "C", settings).point[0] == pytest.approx(98.7)
    assert to_pool(draws.total([1, 1]), "BGB", "C").point[0] == pytest.approx(210 * 0.26 * 0.47)


def test_draws_of_something_else_or_of_another_rule_are_refused() -> None:
    draws = drawn(np.ones((2, 3)), shared=root_draws(CarbonSettings(), np.zeros(3)))
    mokany = CarbonSettings(root_rule="mokany")
    with pytest.raises(InputError, match=r"draws of root_shoot, and the root rule is mokany"):
        to_pool(draws, "total", "C", mokany)
    assert to_pool(draws, "AGB", "C", mokany).values[:].max() == 0.47
    carbon = to_pool(draws, "total", "C")
    with pytest.raises(InputError, match="draws of total C in Mg C/ha"):
        to_pool(carbon, "total", "CO2e")


def test_below_zero_belowground_keeps_the_sign_and_missing_stays_missing() -> None:
    """A map may be below zero where no minimum is set: errors about zero shall cancel in sums."""
    agb = np.array([-8.0, 8.0, np.nan])
    for given_settings in RULES:
        below = to_pool(agb, "BGB", "dry_mass", CarbonSettings.model_validate(given_settings))
        assert below[0] == -below[1] and below[1] > 0 and np.isnan(below[2])


@given(amounts)
def test_dead_pools_of_a_number_an_array_and_draws_agree(agb: list[float]) -> None:
    settings = CarbonSettings.model_validate({"dead_wood": 0.1, "litter": 0.05})
    array = np.array(agb)
    for column, ratio in (
        ("dead_wood_mg_ha", 0.1),
        ("dead_wood_c_mg_ha", 0.1 * 0.47),
        ("litter_mg_ha", 0.05),
        ("litter_c_mg_ha", 0.05 * 0.37),
    ):
        expected = to_dead(array, column, settings)
        np.testing.assert_allclose(expected, array * ratio, rtol=1e-14)
        assert [to_dead(x, column, settings) for x in agb] == expected.tolist()
        made = to_dead(drawn(array[:, None].repeat(2, axis=1)), column, settings)
        np.testing.assert_array_equal(made.values[:][:, 1], expected)
        np.testing.assert_array_equal(made.point, expected)
