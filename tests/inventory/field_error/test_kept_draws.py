"""The draws of plots as they are kept: opened again, with the shared draws that made them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.carbon import POOLS, CarbonSettings
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, PlotDraws, plot_draws
from tests.inventory.field_error.samples import TROPICAL, agb, areas, draw, stand

CARBONS = [
    CarbonSettings(),
    CarbonSettings(root_rule="mokany", carbon_fractions={"conifer": 0.51}),
    CarbonSettings.model_validate(
        {"root_rule": "ipcc2019", "root_class": "subtropical_dry", "dead_wood": 0.1, "litter": 0.05}
    ),
]
GOLDEN_AGB = [
    [16.618968963623047, 10.242925643920898, 7.4118123054504395],
    [9.33133602142334, 11.481779098510742, 7.095672130584717],
    [11.452259063720703, 10.318498611450195, 6.399922847747803],
]
GOLDEN_SHARED = {
    "carbon_fraction": [0.502991139808459, 0.4948561915271586, 0.5044476372837966],
    "root_shoot": [0.4171607744066458, 0.23853262215608156, 0.1211934185144227],
    "site_effect": [-0.5424670398828572, 0.516209442278148, -1.653608057582142],
    "wood_density/Melia azedarach": [-0.6469417170476044, 1.0039266339441477, 0.42844479151776726],
    "coefficients/chave2014/t0": [-2.8785082234534145, -2.661190124772434, -3.043095230748579],
}


@pytest.mark.parametrize("carbon", CARBONS, ids=lambda c: c.root_rule)
def test_opened_again_they_say_the_same(tmp_path: Path, carbon: CarbonSettings) -> None:
    trees = tree_biomass(stand(20, 3, ("Melia azedarach", "Pinus roxburghii")), TROPICAL)
    model = ErrorModel(TROPICAL, carbon, ErrorSettings(draws=300), campaign="2020")
    memory = plot_draws(trees, areas(trees), model, random_state=4)
    path = tmp_path / "plot_draws.zarr"
    plot_draws(trees, areas(trees), model, random_state=4, store=path)
    opened = PlotDraws.open(path, carbon)
    pd.testing.assert_frame_equal(opened.table(), memory.table())
    pd.testing.assert_frame_equal(opened.point(), memory.point())
    assert opened.drawn_again == memory.drawn_again
    assert opened.fractions_truncated == memory.fractions_truncated
    assert list(opened.agb.shared) and set(opened.agb.shared) == set(memory.agb.shared)
    for name, numbers in memory.agb.shared.items():
        np.testing.assert_array_equal(opened.agb.shared[name], numbers)
    found = Draws.open(path)
    assert (found.pool, found.kind, found.unit, found.date) == ("AGB", "dry_mass", "Mg/ha", "2020")
    for column in POOLS:
        assert (opened.pool(column) - memory.pool(column)).se().max() == 0


def test_the_shared_draws_are_those_that_moved_the_trees() -> None:
    """One tree: its mass under draw k follows from the kept terms, choice and wood density."""
    one = stand(1, 1, ("Melia azedarach",))
    tree = tree_biomass(one, TROPICAL).iloc[0]
    ln_d, ln_h, ln_rho = np.log([tree["dbh_cm"], tree["height_m"], tree["wood_density"]])
    x = np.array([1.0, ln_d, ln_d**2, ln_d**3, ln_h, ln_rho])
    drawn = draw(one, ErrorSettings(draws=50).only("parameters"))
    terms = [drawn.agb.shared[f"coefficients/chave2014/t{i}"] for i in range(6)]
    np.testing.assert_allclose(agb(drawn, "P0"), np.exp(x @ np.stack(terms)) / 100, rtol=1e-5)

    both = ErrorSettings(draws=50, alternatives=("chave2005_moist",)).only("equation_choice")
    drawn = draw(one, both)
    choice = drawn.agb.shared["equation_choice/chave2014+chave2005_moist"]
    first = agb(drawn, "P0")[choice == 0]
    assert 10 < first.size < 40
    other = tree_biomass(one, AllometrySettings(fallback="chave2005_moist"))["agb_kg"].iloc[0]
    centred = drawn.agb.point[0] * np.sqrt(tree["agb_kg"] / other)
    np.testing.assert_allclose(first, centred, rtol=1e-6)

    drawn = draw(one, ErrorSettings(draws=50).only("wood_density"))
    z = drawn.agb.shared["wood_density/Melia azedarach"]
    assert np.corrcoef(z, agb(drawn, "P0"))[0, 1] > 0.5  # beside the wood of the tree itself


def test_a_source_that_is_off_moves_no_pool_and_keeps_its_value() -> None:
    drawn = draw(stand(6), ErrorSettings(draws=20, off=("carbon_fraction", "root_shoot")))
    assert set(drawn.agb.shared["carbon_fraction"]) == {0.47}
    assert set(drawn.agb.shared["root_shoot"]) == {0.26}


def test_two_dates_pair_by_draw_and_share_what_is_shared() -> None:
    """A change keeps about a quarter of the spread that unpaired dates would have."""
    one = draw(stand(60), campaign="2015")
    two = draw(stand(60).assign(dbh_cm=lambda t: t["dbh_cm"] * 1.05), campaign="2020")
    change = (two.agb - one.agb).mean()
    assert change.date == "2015 to 2020"
    apart = np.hypot(one.agb.mean().se(), two.agb.mean().se())
    assert change.se()[0] < 0.3 * apart[0]
    assert change.point[0] == pytest.approx(two.agb.point.mean() - one.agb.point.mean())
    other = draw(stand(60), random_state=2)
    with pytest.raises(InputError, match="draws that do not pair: random_state 1 and 2"):
        two.agb - other.agb


def test_the_same_seed_draws_the_same_plots_for_good() -> None:
    """Rounded, as the last digits of logarithms may differ between machines."""
    drawn = draw(stand(12), ErrorSettings(draws=3))
    np.testing.assert_allclose(drawn.agb.values, GOLDEN_AGB, rtol=2e-6)
    for name, numbers in GOLDEN_SHARED.items():
        np.testing.assert_allclose(drawn.agb.shared[name], numbers, rtol=1e-9)
