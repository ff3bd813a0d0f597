"""The arithmetic of Khan et al. (2025), Remote Sens. 17(5) 934: where it holds, where it does not.

Columns of its Table 3: species-wise equations, Ali's general equation, Chave's. The numbers of
the contradictions are those of the project's method reference, section 2.1.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import load_equations
from phytomass.carbon import POOLS, CarbonSettings, add_pools, to_pool

COLUMNS = [c for c in POOLS if c != "agb_mg_ha"]
TABLE_3 = {
    "sum": {
        "agb_mg_ha": (1448.51, 1339.34, 1549.93),
        "bgb_mg_ha": (376.61, 348.23, 402.98),
        "total_mg_ha": (1825.12, 1687.57, 1952.91),
        "agc_mg_ha": (680.79, 629.49, 728.47),
        "bgc_mg_ha": (177.01, 163.67, 189.40),
        "carbon_mg_ha": (857.80, 793.16, 917.87),
        "co2e_mg_ha": (3139.57, 2902.96, 3359.40),
    },
    "mean": {
        "agb_mg_ha": (4.77, 4.41, 5.10),
        "bgb_mg_ha": (1.24, 1.15, 1.33),
        "total_mg_ha": (6.00, 5.55, 6.42),
        "agc_mg_ha": (2.24, 2.07, 2.40),
        "bgc_mg_ha": (0.58, 0.54, 0.62),
        "carbon_mg_ha": (2.82, 2.61, 3.02),
        "co2e_mg_ha": (10.33, 9.55, 11.05),
    },
    "max": {
        "agb_mg_ha": (11.73, 10.39, 12.38),
        "bgb_mg_ha": (3.05, 2.70, 3.22),
        "total_mg_ha": (14.78, 13.09, 15.60),
        "agc_mg_ha": (5.52, 4.88, 5.82),
        "bgc_mg_ha": (1.43, 1.27, 1.51),
        "carbon_mg_ha": (6.95, 6.15, 7.33),
        "co2e_mg_ha": (25.43, 22.52, 26.84),
    },
}
AGB_SD = (1.48, 1.39, 1.49)
AGB_MIN = (1.35, 1.15, 1.49)
AGB_RANGE = (10.38, 9.24, 10.9)
N = 304
AREA_HA = 198_993.0


def derived(agb: list[float] | tuple[float, ...], co2_per_c: float = 44 / 12) -> pd.DataFrame:
    settings = CarbonSettings(co2_per_c=co2_per_c)
    return add_pools(pd.DataFrame({"agb_mg_ha": agb}), settings)


def printed(statistic: str, column: str) -> list[float]:
    return list(TABLE_3[statistic][column])


def rounded(values: pd.Series) -> list[float]:
    return [round(v + 1e-9, 2) for v in values]


@pytest.mark.parametrize("column", ["bgb_mg_ha", "agc_mg_ha", "bgc_mg_ha", "carbon_mg_ha"])
def test_printed_agb_means_give_the_printed_means(column: str) -> None:
    assert rounded(derived(TABLE_3["mean"]["agb_mg_ha"])[column]) == printed("mean", column)


@pytest.mark.parametrize("column", [c for c in COLUMNS if c != "co2e_mg_ha"])
def test_unrounded_agb_means_give_every_printed_mean(column: str) -> None:
    """Sum/304; total biomass (6.00, 5.55, 6.42) needs the unrounded mean: 4.77 * 1.26 = 6.01."""
    table = derived([total / N for total in TABLE_3["sum"]["agb_mg_ha"]])
    assert rounded(table[column]) == printed("mean", column)
    if column == "total_mg_ha":
        assert rounded(derived(TABLE_3["mean"]["agb_mg_ha"])[column]) == [6.01, 5.56, 6.43]


@pytest.mark.parametrize("column", ["bgb_mg_ha", "total_mg_ha", "bgc_mg_ha"])
def test_printed_agb_sums_give_the_printed_sums(column: str) -> None:
    assert rounded(derived(TABLE_3["sum"]["agb_mg_ha"])[column]) == printed("sum", column)


@pytest.mark.parametrize("column", ["agc_mg_ha", "carbon_mg_ha"])
def test_printed_carbon_sums_agree_but_for_a_cent_of_the_first(column: str) -> None:
    """1448.51 * 0.47 = 680.7997 is printed 680.79; the other two sums agree to the digit."""
    ours = rounded(derived(TABLE_3["sum"]["agb_mg_ha"])[column])
    theirs = printed("sum", column)
    assert ours[1:] == theirs[1:]
    assert ours[0] - theirs[0] == pytest.approx(0.01)


@pytest.mark.parametrize("column", [c for c in COLUMNS if c != "co2e_mg_ha"])
def test_printed_agb_maxima_give_the_printed_maxima(column: str) -> None:
    """One cell differs, 11.73 * 0.47 = 5.51 (printed 5.52): the maximum itself is rounded."""
    ours = derived(TABLE_3["max"]["agb_mg_ha"])[column].to_numpy()
    assert np.abs(ours - printed("max", column)).max() < 0.005 + 0.005 * 1.26
    differing = [a for a, b in zip(rounded(ours), printed("max", column), strict=True) if a != b]
    assert differing == ([5.51] if column == "agc_mg_ha" else [])


def test_totals_of_the_project_area() -> None:
    """Mean times 198 993 ha: AGB 0.949, AGC 0.412-0.478, BGB 0.229-0.265, C 0.519-0.601 Mt."""
    means = TABLE_3["mean"]
    megatonnes = {c: [v * AREA_HA / 1e6 for v in values] for c, values in means.items()}
    assert round(megatonnes["agb_mg_ha"][0], 3) == 0.949
    assert [round(v, 3) for v in sorted(megatonnes["agc_mg_ha"])][::2] == [0.412, 0.478]
    assert [round(v, 3) for v in sorted(megatonnes["bgb_mg_ha"])][::2] == [0.229, 0.265]
    assert [round(v, 3) for v in sorted(megatonnes["total_mg_ha"])][::2] == [1.104, 1.278]
    assert [round(v, 3) for v in sorted(megatonnes["carbon_mg_ha"])][::2] == [0.519, 0.601]
    assert [round(v, 1) for v in sorted(megatonnes["co2e_mg_ha"])][::2] == [1.9, 2.2]


class TestContradictions:
    """Each place where the paper does not agree with itself, with its numbers."""

    def test_1_table_3_has_304_plots_not_310(self) -> None:
        """Sum/mean is 304 in 20 of 21 cells; with 310 plots none."""

        def agreeing(n: int) -> int:
            cells = ((TABLE_3["sum"][c], TABLE_3["mean"][c]) for c in POOLS)
            pairs = [p for sums, means in cells for p in zip(sums, means, strict=True)]
            return sum(round(total / n, 2) == mean for total, mean in pairs)

        assert [agreeing(n) for n in (303, 304, 305, 310)] == [6, 20, 3, 0]
        assert round(1448.51 / 304, 3) == 4.765  # printed 4.77
        assert round(1448.51 / 310, 2) == 4.67

    def test_1_maxima_exceed_the_outlier_bound_said_to_be_applied(self) -> None:
        bounds = [
            round(m + 3 * s, 2) for m, s in zip(printed("mean", "agb_mg_ha"), AGB_SD, strict=True)
        ]
        assert bounds == [9.21, 8.58, 9.57]
        assert all(a > b for a, b in zip(printed("max", "agb_mg_ha"), bounds, strict=True))

    def test_1_range_of_chave_is_a_digit_off_in_one_place_only(self) -> None:
        ranges = np.subtract(printed("max", "agb_mg_ha"), AGB_MIN)
        assert np.allclose(ranges, [10.38, 9.24, 10.89])
        assert np.abs(ranges - AGB_RANGE).max() == pytest.approx(0.01)

    @pytest.mark.parametrize("statistic", ["sum", "mean", "max"])
    def test_2_co2_per_carbon_is_3_66_not_3_67(self, statistic: str) -> None:
        co2, carbon = printed(statistic, "co2e_mg_ha"), printed(statistic, "carbon_mg_ha")
        ratio = np.divide(co2, carbon)
        tolerance = {"sum": 3e-5, "mean": 5e-3, "max": 3e-3}[statistic]
        assert ratio == pytest.approx([3.66] * 3, abs=tolerance)
        if statistic == "sum":
            assert rounded(derived(printed("sum", "agb_mg_ha"))["co2e_mg_ha"]) == [
                *(3145.29, 2908.24, 3365.52),
            ]

    def test_2_with_3_66_the_printed_means_of_co2_come_out(self) -> None:
        means = [total / N for total in TABLE_3["sum"]["agb_mg_ha"]]
        theirs = rounded(derived(means, co2_per_c=3.66)["co2e_mg_ha"])
        assert theirs == printed("mean", "co2e_mg_ha")
        assert rounded(derived(means)["co2e_mg_ha"]) == [10.35, 9.57, 11.07]

    def test_3_three_means_of_co2_for_one_carbon_stock(self) -> None:
        """10.36 (abstract), 10.33 (Table 3), 10.35 (2.82 * 3.67), 10.34 (2.82 * 44/12)."""
        assert round(2.82 * 3.67, 2) == 10.35
        assert round(2.82 * 44 / 12, 2) == 10.34
        assert round(to_pool(4.77, "total", "CO2e"), 2) == 10.36
        assert round(to_pool(4.77, "AGB", "C"), 2) == 2.24  # what the abstract pairs it with
        assert round(to_pool(4.77, "AGB", "CO2e"), 2) == 8.22

    def test_4_the_annual_rate_takes_all_carbon_over_six_years(self) -> None:
        assert round(to_pool(4.77, "total", "C") / 6, 2) == 0.47
        assert round(to_pool(4.77, "AGB", "C") / 6, 2) == 0.37
        assert round(to_pool(4.77, "total", "C") / 5, 2) == 0.56

    def test_5_the_lowest_biomass_of_the_text_is_carbon(self) -> None:
        """'Ali the lowest (2.61-3.02 t/ha)' are total carbon of Ali and Chave."""
        carbon = rounded(derived(TABLE_3["mean"]["agb_mg_ha"])["carbon_mg_ha"])
        assert carbon[1:] == [2.61, 3.02]

    def test_6_belowground_carbon_of_the_map_is_a_quarter_of_a_half(self) -> None:
        """Section 3.5: BGB 1.34, BGC 0.35 = 0.26 * BGB; 0.47 * BGB is 0.63, total C 3.06."""
        bgb = round(to_pool(5.16, "BGB", "dry_mass"), 2)
        assert bgb == 1.34
        assert round(0.26 * bgb, 2) == 0.35
        assert round(to_pool(5.16, "BGB", "C"), 2) == 0.63
        assert round(to_pool(5.16, "total", "C"), 2) == 3.06  # printed 2.77

    def test_7_the_map_cannot_span_the_range_of_the_plots(self) -> None:
        """The text gives the map 1.15-12.38; its model predicts 2.30-7.99 or 2.42-7.90."""
        field = (min(AGB_MIN), max(TABLE_3["max"]["agb_mg_ha"]))
        assert field == (1.15, 12.38)
        assert round(to_pool(2.30, "AGB", "C"), 2) == 1.08  # its AGC range goes with 2.30-7.99
        assert round(to_pool(7.99, "AGB", "C"), 2) == 3.76

    def test_13_the_unstated_densities_are_those_of_conifers(self) -> None:
        """Chave/Ali 5.10/4.41 implies rho 0.43-0.46 for saplings to poles; the eucalypt has 0.68."""
        equations = load_equations()
        implied = []
        for d, h in ((4.54, 3.9), (8.0, 6.0), (12.0, 9.5)):
            ali = equations["general_ali"].agb_kg([d], [h])[0]
            chave_per_density = equations["chave2005_moist"].agb_kg([d], [h], [1.0])[0]
            implied.append(5.10 / 4.41 * ali / chave_per_density)
        assert [round(rho, 2) for rho in implied] == [0.46, 0.44, 0.43]

    def test_14_winrock_total_fits_as_co2_not_as_carbon(self) -> None:
        """70.4 Mt over the area in 15 years: 86.5 t CO₂/ha/yr as carbon, 23.6 as CO₂ (4.5-40.7)."""
        per_ha = 70.4e6 / AREA_HA
        assert round(per_ha, 1) == 353.8
        assert round(per_ha / 15 * 44 / 12, 1) == 86.5
        assert round(per_ha / 15, 1) == 23.6
        assert 4.5 < per_ha / 15 < 40.7 < per_ha / 15 * 44 / 12
        assert per_ha * 12 / 44 == pytest.approx(96, abs=0.6)  # near the carrying capacity, 102

    def test_15_potential_by_2030_needs_a_rate_the_paper_does_not_use(self) -> None:
        carbon = 2.82
        potential = 102 - carbon
        assert round(potential, 2) == 99.18
        assert round(potential / 15, 2) == 6.61
        assert round(potential * AREA_HA / 1e6, 2) == 19.74
        assert round(potential / 10, 1) == 9.9  # what 2020 to 2030 would need
        assert round(potential / 15 * 10 * AREA_HA / 1e6, 1) == 13.2
        from_carbon_to_biomass = 1 / to_pool(1.0, "total", "C")
        assert math.isclose(102 * from_carbon_to_biomass, 172, abs_tol=0.5)
