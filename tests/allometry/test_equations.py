"""Equations against numbers computed by hand, and what one equation promises for any tree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phytomass.allometry import FORMS, AllometricEquation, load_equations
from phytomass.errors import InputError

EQUATIONS = load_equations()

AT_30_20 = {
    # computed with a pocket calculator (bc): a * e(b * l(18000)), D²H = 18000
    "general_ali": 320.90,
    "pinus_roxburghii_ali2020": 320.90,
    "eucalyptus_camaldulensis_ali2020": 407.96,
    "robinia_pseudoacacia_ali2015": 531.84,
    "cedrus_deodara_ali2016": 499.14,
    "populus_deltoides_ali2015": 248.80,
    "acacia_nilotica_ali2015": 679.79,
    "acacia_modesta_ali2015": 717.53,
    "olea_ferruginea_ali2015": 1008.69,  # 7.8863 + 0.0556 * 18000 = 1008.6863
    "dodonaea_viscosa_ali2015": 887.93,  # 0.928 * 30^2.018
    # with rho 0.5: x = 9000
    "general_conifer_ali": 408.58,
    "chave2005_dry": 469.14,
    "chave2005_moist": 458.10,  # 0.0509 * 9000
    "chave2005_wet": 404.44,
    "chave2014": 486.81,
    # by D alone, e(a + b * l(30) …); with rho 0.5 where the equation reads it
    "jenkins2003_aspen_alder_cottonwood_willow": 368.057,
    "jenkins2003_soft_maple_birch": 460.297,
    "jenkins2003_mixed_hardwood": 390.284,
    "jenkins2003_hard_maple_oak_hickory_beech": 526.628,
    "jenkins2003_cedar_larch": 284.401,
    "jenkins2003_douglas_fir": 437.215,
    "jenkins2003_true_fir_hemlock": 365.524,
    "jenkins2003_pine": 312.929,
    "jenkins2003_spruce": 349.084,
    "chave2005_dry_no_height": 402.053,
    "chave2005_moist_no_height": 603.424,
    "chave2005_wet_no_height": 441.960,
    "chave2005_mangrove_no_height": 395.923,
    "brown1997_dry": 363.136,
    "brown1997_moist": 646.149,
    "brown1997_moist_updated": 650.565,
    "komiyama2005_mangroves": 539.961,  # 0.251 * 0.5 * 30^2.46
    "ketterings2001": 407.775,
    "goodman2013_palms": 478.94,  # e(-3.3488 + 0.588^2/2 + 2.7483 * l(30))
    "schnitzer2006_lianas": 1906.418,
    "paul2016_eucalypts": 457.92,  # 1.067 * e(-2.016 + 2.375 * l(30))
}


@pytest.mark.parametrize(("name", "kg"), AT_30_20.items())
def test_published_equation_at_30_cm_and_20_m(name: str, kg: float) -> None:
    computed = EQUATIONS[name].agb_kg([30.0], [20.0], [0.5])
    assert computed[0] == pytest.approx(kg, abs=0.006)


def test_every_equation_has_a_hand_computed_value() -> None:
    assert set(EQUATIONS) - set(AT_30_20) == {"chave2014_no_height", "chave2014_no_height_biomass"}


def test_chave_2014_without_height_by_hand() -> None:
    ln_d = math.log(30.0)
    published = -1.803 - 0.976 * 0.1 + 0.976 * math.log(0.5) + 2.673 * ln_d - 0.0299 * ln_d**2
    refit = -2.023977 - 0.89563505 * 0.1 + 0.92023559 * math.log(0.5)
    refit += 2.79495823 * ln_d - 0.04606298 * ln_d**2
    for name, expected in (
        ("chave2014_no_height", published),
        ("chave2014_no_height_biomass", refit),
    ):
        equation = EQUATIONS[name]
        assert equation.needs_stress and equation.needs_density and not equation.needs_height
        kg = equation.agb_kg([30.0], None, [0.5], [0.1])
        assert kg[0] == pytest.approx(math.exp(expected), rel=1e-12)


def test_two_published_forms_of_chave_2005_agree() -> None:
    """exp(a) of the printed logarithmic forms is the printed constant, to its three digits."""
    for name, a in (("dry", -2.187), ("moist", -2.977), ("wet", -2.557)):
        constant = EQUATIONS[f"chave2005_{name}"].coefficients[0]
        assert math.exp(a) == pytest.approx(constant, rel=0.003)


def test_the_ungrouped_reading_of_table_2_would_give_tonnes_per_tree() -> None:
    """a D² H^b instead of a (D²H)^b: 1.8 to 2.4 t against 0.50, 0.53 and 0.72 t (methods 1.1)."""
    for name, grouped in (
        ("cedrus_deodara_ali2016", 0.50),
        ("robinia_pseudoacacia_ali2015", 0.53),
        ("acacia_modesta_ali2015", 0.72),
    ):
        a, b = EQUATIONS[name].coefficients
        assert EQUATIONS[name].agb_kg([30.0], [20.0])[0] / 1000 == pytest.approx(grouped, abs=0.005)
        assert 1.7 < a * 30.0**2 * 20.0**b / 1000 < 2.5


def test_dodonaea_is_as_printed_and_doubtful() -> None:
    """8.5 kg at D 3 cm where Chave 2005 gives 0.76 kg (rho 0.83, H 2 m)."""
    dodonaea = EQUATIONS["dodonaea_viscosa_ali2015"]
    assert dodonaea.coefficients == (0.928, 2.018)
    assert dodonaea.doubtful
    assert dodonaea.agb_kg([3.0])[0] == pytest.approx(8.5, abs=0.05)
    moist = EQUATIONS["chave2005_moist"].agb_kg([3.0], [2.0], [0.83])[0]
    assert moist == pytest.approx(0.76, abs=0.005)
    assert [e.id for e in EQUATIONS.values() if e.doubtful] == ["dodonaea_viscosa_ali2015"]


@pytest.mark.parametrize(
    ("name", "density"),
    [
        ("pinus_roxburghii_ali2020", 0.40),
        ("populus_deltoides_ali2015", 0.33),
        ("eucalyptus_camaldulensis_ali2020", 0.45),
        ("acacia_nilotica_ali2015", 0.86),
        ("cedrus_deodara_ali2016", 1.52),
        ("robinia_pseudoacacia_ali2015", 1.92),
        ("acacia_modesta_ali2015", 2.05),
        ("olea_ferruginea_ali2015", 3.02),
    ],
)
def test_density_implied_for_the_mean_tree_of_the_paper(name: str, density: float) -> None:
    """AGB/(0.0509 D²H) at D 4.54 cm and H 3.9 m (methods 1.1); no wood exceeds 1.39."""
    kg = EQUATIONS[name].agb_kg([4.54], [3.9])[0]
    assert kg / (0.0509 * 4.54**2 * 3.9) == pytest.approx(density, abs=0.006)


sizes = st.floats(0.1, 300.0)
heights = st.floats(1.3, 100.0)
densities = st.floats(0.08, 1.39)
trees = st.lists(st.tuples(sizes, heights, densities), min_size=1, max_size=40)


@pytest.mark.parametrize("name", EQUATIONS)
@settings(deadline=None, max_examples=25)
@given(trees=trees, data=st.data())
def test_a_tree_does_not_depend_on_the_others(name: str, trees: list, data: st.DataObject) -> None:
    d, h, rho = np.array(trees).T
    together = EQUATIONS[name].agb_kg(d, h, rho, 0.1)
    order = data.draw(st.permutations(range(len(trees))))
    shuffled = EQUATIONS[name].agb_kg(d[order], h[order], rho[order], 0.1)
    alone = [EQUATIONS[name].agb_kg(*tree, 0.1)[0] for tree in trees]
    assert np.array_equal(together[order], shuffled)
    assert together.tolist() == alone
    assert (together > 0).all()


@pytest.mark.parametrize("name", EQUATIONS)
def test_missing_and_impossible_sizes_give_no_value_and_harm_nobody(name: str) -> None:
    equation = EQUATIONS[name]
    d = np.array([20.0, np.nan, 0.0, -5.0, 20.0, 20.0])
    h = np.array([15.0, 15.0, 15.0, 15.0, np.nan, 15.0])
    rho = np.array([0.5, 0.5, 0.5, 0.5, 0.5, np.nan])
    kg = equation.agb_kg(d, h, rho, 0.1)
    assert np.isnan(kg[1:4]).all() and np.isfinite(kg[0])
    assert np.isnan(kg[4]) == equation.needs_height
    assert np.isnan(kg[5]) == equation.needs_density


def test_what_is_needed_and_not_given_is_named() -> None:
    with pytest.raises(InputError, match="chave2014: needs a height and a wood density"):
        EQUATIONS["chave2014"].agb_kg([30.0])


def test_input_arrays_are_left_alone() -> None:
    d = np.array([-1.0, 10.0])
    EQUATIONS["pinus_roxburghii_ali2020"].agb_kg(d, np.array([5.0, 5.0]))
    assert d.tolist() == [-1.0, 10.0]


def test_range_of_chir_pine_and_unknown_ranges() -> None:
    pine, eucalypt = EQUATIONS["pinus_roxburghii_ali2020"], EQUATIONS["olea_ferruginea_ali2015"]
    inside = pine.in_range([12.0, 93.0, 11.9, 93.1, 30.0, 30.0], [9.5, 40.1, 20, 20, 9.4, np.nan])
    assert inside.tolist() == [True, True, False, False, False, True]
    assert pine.range_known and not eucalypt.range_known
    assert eucalypt.in_range([0.1, 900.0]).all()
    assert not pine.in_range([np.nan])[0]


def test_equation_in_inches_feet_and_pounds() -> None:
    """The same tree through an equation published in imperial units."""
    own = AllometricEquation(
        **{"id": "imperial", "taxa": (), "group": "any", "form": "power_d2h"},
        **{"coefficients": (0.2, 0.9), "component": "aboveground", "dbh_range_cm": None},
        **{"height_range_m": None, "n": None, "rse_log": None, "correction": "unknown"},
        **{"region": "", "doubtful": False, "note": "", "source": "test"},
        **{"dbh_unit": "in", "height_unit": "ft", "agb_unit": "lb"},
    )
    pounds = 0.2 * (10.0**2 * 60.0) ** 0.9
    assert own.agb_kg([25.4], [60 * 0.3048])[0] == pytest.approx(pounds * 0.45359237, rel=1e-12)


def test_forms_not_used_by_the_built_in_table() -> None:
    used = {e.form for e in EQUATIONS.values()}
    assert set(FORMS) - used == {"power_d_h"}
    base = {"id": "x", "taxa": (), "group": "any", "component": "", "dbh_range_cm": None}
    base |= {"height_range_m": None, "n": None, "rse_log": None, "correction": "unknown"}
    base |= {"region": "", "doubtful": False, "note": "", "source": "test"}
    two = AllometricEquation(form="power_d_h", coefficients=(0.05, 2.0, 0.5), **base)
    assert two.agb_kg([10.0], [16.0])[0] == pytest.approx(0.05 * 100 * 4)
    one = AllometricEquation(form="log_polynomial_d", coefficients=(-2.0, 2.0, 0.1, -0.01), **base)
    x = math.log(10)
    assert one.agb_kg([10.0])[0] == pytest.approx(math.exp(-2 + 2 * x + 0.1 * x**2 - 0.01 * x**3))
