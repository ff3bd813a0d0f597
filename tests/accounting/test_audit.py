"""The audit of both case studies' papers: each contradiction found, and what agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from phytomass.accounting.audit import AGREES, CONTRADICTS, UNKNOWN, Finding, audit
from phytomass.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "examples" / "audit"


@pytest.fixture(scope="module")
def pakistan() -> list[Finding]:
    return audit(EXAMPLES / "pakistan_afforestation.csv")


@pytest.fixture(scope="module")
def tibet() -> list[Finding]:
    return audit(EXAMPLES / "tibet_mountain_forests.csv")


def of(findings: list[Finding], row: str) -> tuple[str, str]:
    """The worst that was found of a row, and the value that would agree."""
    mine = [one for one in findings if one.row == row]
    worst = sorted(mine, key=lambda one: [CONTRADICTS, UNKNOWN, AGREES].index(one.status))[0]
    return worst.status, worst.expected


PAKISTAN = [
    ("1 plots", "plots", "304.19"),
    ("1 outliers", "outlier_species", "9.21"),
    ("1 outliers", "outlier_ali", "8.58"),
    ("1 outliers", "outlier_chave", "9.57"),
    ("2 CO2e/C", "co2_species_sum", "3145.267"),
    ("3 CO2e", "co2_abstract", "10.33"),
    ("3 its carbon", "co2_pool", "8.2133"),
    ("4 pool", "rate_pool", "0.37333"),
    ("4 years", "rate_years", "0.564"),
    ("5 columns", "ali_low", "5.55"),
    ("5 equations", "range_low", "1.49"),
    ("6 BGC", "map_bgc", "0.6298"),
    ("6 total", "map_carbon", "3.055"),
    ("7 ranges", "predicted_high_again", "7.99"),
    ("7 map", "map_high", "7.99"),
    ("8 R2", "r2_lr", "0.681 to 0.697"),
    ("9 test sets", "other_test", "1.2486"),
    ("11 ranking", "ranking", "0.085"),
    ("12 sites", "plots_per_site", "345"),
    ("13 density", "density", "0.45949"),
    ("14 Winrock", "winrock", "up to 40.7"),
    ("15 by 2030", "csp_by_2030", "13.153"),
]


@pytest.mark.parametrize(("item", "row", "expected"), PAKISTAN)
def test_what_contradicts_in_pakistan(
    pakistan: list[Finding], item: str, row: str, expected: str
) -> None:
    assert of(pakistan, row) == (CONTRADICTS, expected), item


@pytest.mark.parametrize(("item", "row"), [("10", "r2_formula"), ("16", "sensor_level")])
def test_what_cannot_be_told_in_pakistan(pakistan: list[Finding], item: str, row: str) -> None:
    assert of(pakistan, row)[0] == UNKNOWN, item


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("csp", "99.18"), ("csp_error", "14.5 to 15.5"), ("csp_rate", "6.612"),
        ("csp_total", "19.7361"), ("rate", "0.47"), ("validation", "93"), ("agb_total", "0.9492"),
        ("biomass_low", "1.1044"), ("biomass_high", "1.2775"), ("credits", "2.0556"),
        ("bgb_species_mean", "0.1 to 2.2"), ("same_test", "1.2486"),
    ],
)  # fmt: skip
def test_what_agrees_in_pakistan(pakistan: list[Finding], row: str, expected: str) -> None:
    found = of(pakistan, row)
    assert found[0] == AGREES
    assert found[1] == expected


def test_winrock_is_plausible_as_co2_alone(pakistan: list[Finding]) -> None:
    winrock = next(one for one in pakistan if one.row == "winrock")
    assert winrock.stated == "86.48"  # t CO₂/ha/yr as carbon
    assert winrock.note == "plausible only as CO2e: 23.585 t CO₂/ha/yr"


TIBET = [
    ("1 area", "one_area", "5.237"),
    ("1 area", "area_2020", "6.3615"),
    ("1 rise", "rise", "1.0364"),
    ("2 stocks", "sink", "42 to 46"),
    ("2 means", "sink_of_means", "14.6 to 15.2"),
    ("3 mean", "mean_2020_change", "162.8"),
    ("3 mean", "mean_2020_table", "162.8"),
    ("3 SD", "sd_2020_again", "21.3"),
    ("3 stock", "stock_2020_table", "2.05"),
    ("4 relative RMSE", "rrmse", "9.7052"),
    ("5 one model", "rmse_again", "15.8"),
    ("5 gain", "gain", "16.8 to 21"),
    ("6 optical", "optical_deficit", "33.9 to 34.6"),
    ("6 times", "times_less", "1.5821"),
    ("7 elevation", "elevation", "4500"),
    ("7 bins", "bins", "45.67"),
    ("8 held out", "held_out", "33"),
    ("8 folds", "folds", "1"),
    ("9 test sets", "same_test", "45.83"),
    ("10 low elevations", "low_sinks_more", "0.86736"),
    ("11 level 2A", "level_2a", "2017.24"),
    ("13 plots of 2015", "plots_of_2015", "2015"),
]


@pytest.mark.parametrize(("item", "row", "expected"), TIBET)
def test_what_contradicts_in_tibet(
    tibet: list[Finding], item: str, row: str, expected: str
) -> None:
    assert of(tibet, row) == (CONTRADICTS, expected), item


@pytest.mark.parametrize(("item", "row"), [("12", "vod_flags"), ("13", "sink_error")])
def test_what_cannot_be_told_in_tibet(tibet: list[Finding], item: str, row: str) -> None:
    assert of(tibet, row)[0] == UNKNOWN, item


@pytest.mark.parametrize("row", ["share_of_plateau", "shannan_ratio", "high_sink"])
def test_what_agrees_in_tibet(tibet: list[Finding], row: str) -> None:
    assert of(tibet, row)[0] == AGREES


HEAD = "id,quantity,pool,kind,value,unit,area_ha,period,low,high,level,se,rule,derived\n"


def findings_of(folder: Path, *rows: str) -> list[Finding]:
    table = folder / "table.csv"
    table.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return audit(table)


def test_credits_of_a_national_workbook(tmp_path: Path) -> None:
    gross = "er,reduction,,CO2e,41066843.92,t CO2,,2016/2020,24570245.81,58651378.58,0.90,,,"
    rest = [
        "d,deduction,,CO2e,5432419.52,t CO2,,2016/2020,,,,,art-trees 2.0,",
        "b,buffer,,CO2e,2053342.20,t CO2,,2016/2020,,,,,,er*0.05",
        "c,credits,,CO2e,33581082.21,t CO2,,2016/2020,,,,,,",
    ]
    found = findings_of(tmp_path, gross, *rest)
    assert {one.status for one in found} == {AGREES}
    assert {"deduction by art-trees 2.0", "what is left"} <= {one.rule for one in found}
    wrong = findings_of(tmp_path, gross, rest[0].replace("5432419", "5000000"), *rest[1:])
    assert of(wrong, "d") == (CONTRADICTS, "5.43242e+06")
    assert of(wrong, "c")[0] == CONTRADICTS
    unnamed = findings_of(tmp_path, gross, rest[0].replace("art-trees 2.0", ""), *rest[1:])
    assert of(unnamed, "d")[0] == UNKNOWN


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ("a,map_mean,AGB,C,5.0,Mg C/ha,,2020,6.0,7.0,0.95,,,", CONTRADICTS),
        ("a,map_mean,AGB,C,5.0,Mg C/ha,,2020,4.0,6.0,0.95,0.51,,", AGREES),
        ("a,map_mean,AGB,C,5.0,Mg C/ha,,2020,4.0,6.0,0.95,1.0,,", CONTRADICTS),
        ("a,map_mean,AGB,dry_mass,5,Mg C/ha,,2020,,,,,,", CONTRADICTS),
        ("a,map_mean,AGB,C,5,Mg C/ha,,2020,,,,,,", UNKNOWN),
    ],
)
def test_intervals_and_units(tmp_path: Path, row: str, status: str) -> None:
    assert of(findings_of(tmp_path, row), "a")[0] == status


def test_pools_and_kinds_that_do_not_fit(tmp_path: Path) -> None:
    found = findings_of(
        tmp_path,
        "a,m,AGB,dry_mass,100.0,Mg/ha,,2020,,,,,,",
        "b,m,BGB,dry_mass,26.0,Mg/ha,,2020,,,,,,",
        "t,m,total,dry_mass,136.0,Mg/ha,,2020,,,,,,",
        "c,m,AGB,C,26.0,Mg C/ha,,2020,,,,,,",
    )
    assert of(found, "t") == (CONTRADICTS, "126")
    assert of(found, "c")[0] == CONTRADICTS
    assert of(found, "b")[0] == AGREES


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,m,,,x,ha,,,,,,,,"], "row 2, column value: 'x' is not a number"),
        (["a,m,,,1,ha,,,,,,,,", "a,m,,,1,ha,,,,,,,,"], "row 3: the id 'a' stands twice"),
        (["a,m,,,1,ha,,,,,,,,bb*2", "b,m,,,1,ha,,,,,,,,"], "row 2.*no row with the id 'bb'"),
        (["a,m,,,1,ha,,,,,,,,__import__('os')"], "row 2.*formulas hold"),
        (["a,m,,,1,ha,,,,,,,,(1"], "cannot be read"),
        (["a,m,,,1,ha,,,,,,,,1/0"], "division by what may be zero"),
        (["a,m,,,,ha,,,,,,,,1+1"], "no comparison"),
    ],
)
def test_tables_that_cannot_be_audited(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        findings_of(tmp_path, *rows)


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no estimates"):
        audit(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        audit(tmp_path / "none.csv")
    (tmp_path / "estimates.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column quantity, value, unit"):
        audit(tmp_path)
