"""Root:shoot rules, carbon of groups, dead pools, and what refuses them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phytomass.carbon import (
    CarbonSettings,
    add_pools,
    class_ratio,
    dead_pools,
    log_normal,
    pool_factor,
    root_classes,
    root_draws,
    to_pool,
)
from phytomass.errors import InputError


@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("tropical_dry_natural", 0.440, 0.379),
        ("subtropical_humid", 0.230, 0.246),
        ("subtropical_dry", 0.440, 0.440),
        ("temperate_natural_conifer", 0.243, 0.262),
        ("temperate_natural_broadleaf", 0.225, 0.229),
        ("temperate_planted_conifer", 0.224, 0.232),
        ("temperate_planted_broadleaf", 0.307, 0.248),
    ],
)
def test_ratios_of_the_ipcc_2019_table(name: str, below: float, above: float) -> None:
    """IPCC 2019 Refinement, Table 4.4, Asia: up to and above 125 t/ha (methods 1.4)."""
    assert class_ratio([125.0, 125.1], root_classes()[name]).tolist() == [below, above]
    settings = CarbonSettings(root_rule="ipcc2019", root_class=name)
    table = add_pools(pd.DataFrame({"agb_mg_ha": [100.0, 200.0]}), settings)
    assert table["bgb_mg_ha"].tolist() == pytest.approx([100 * below, 200 * above])
    assert settings.factors()["root_shoot"].value == below


def test_mokany_by_hand() -> None:
    """0.489 · 100^0.89 = 29.465 t/ha."""
    settings = CarbonSettings(root_rule="mokany")
    assert to_pool(100.0, "BGB", "dry_mass", settings) == pytest.approx(29.4652, abs=1e-3)
    assert to_pool(100.0, "total", "C", settings) == pytest.approx(129.4652 * 0.47, abs=1e-3)
    with pytest.raises(InputError, match="no one factor"):
        pool_factor("total", "C", settings)
    assert pool_factor("AGB", "C", settings) == 0.47


def test_drawn_ratios_have_the_mean_and_sd_of_the_class() -> None:
    z = np.random.default_rng(0).standard_normal(200_000)
    settings = CarbonSettings(root_rule="ipcc2019", root_class="subtropical_dry")
    ratio = root_draws(settings, z)["root_shoot/below_limit"]
    assert ratio.mean() == pytest.approx(0.44, rel=0.005)
    assert ratio.std() == pytest.approx(0.184, rel=0.02)
    assert ratio.min() > 0
    assert (log_normal(0.0, 0.1, z) == 0).all()


def test_dead_pools_stand_apart_from_the_total() -> None:
    settings = CarbonSettings(dead_wood={"value": 0.1, "source": "own survey"}, litter=0.05)
    plots = pd.DataFrame({"agb_mg_ha": [50.0]})
    dead = dead_pools(plots, settings).iloc[0]
    assert dead.to_dict() == pytest.approx(
        {
            "dead_wood_mg_ha": 5.0,
            "dead_wood_c_mg_ha": 2.35,
            "litter_mg_ha": 2.5,
            "litter_c_mg_ha": 0.925,
        }
    )
    assert add_pools(plots, settings)["total_mg_ha"].iloc[0] == pytest.approx(63.0)
    assert set(settings.factors()) >= {"dead_wood", "litter"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"root_rule": "ipcc2019"}, "root_class"),
        ({"root_rule": "ipcc2019", "root_class": "subtropical_dri"}, "did you mean 'subtropical_dry'"),
        ({"root_class": "subtropical_dry"}, "only read by"),
        ({"carbon_fractions": {"conifer": 5.1}}, "outside 0.3 to 0.7"),
        ({"litter": 30}, "outside 0 to 10 t litter per t AGB"),
        ({"dead_wood": {"value": -0.1}}, "outside 0 to 10 t dead wood per t AGB"),
        ({"carbon_fraction": {"value": 0.47, "sd": -1}}, "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CarbonSettings.model_validate(given)


def test_the_default_sd_scales_with_a_changed_value_and_an_own_sd_wins() -> None:
    half = CarbonSettings(root_shoot=0.13)
    assert half.sd_of(half.root_shoot, "root_shoot") == pytest.approx(0.06)
    own = CarbonSettings(root_shoot={"value": 0.13, "sd": 0.01})
    assert own.sd_of(own.root_shoot, "root_shoot") == 0.01
