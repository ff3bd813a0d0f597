"""Credits by a named rule: a national programme's workbook, steps, and rules of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting.credits import (
    Reduction,
    issued,
    issued_over,
    read_rules,
    reduction_of,
    rule_of,
)
from phytomass.errors import InputError

NATION = Reduction("2016/2020", 41_066_843.92, 24_570_245.81, 58_651_378.58, 0.90)
TREES = rule_of("art-trees", "2.0")


def test_a_national_workbook() -> None:
    found = issued(NATION, TREES, buffer=0.05)
    assert_allclose(found.half_width, 0.414947, atol=5e-7)
    assert_allclose(found.deduction / found.gross, 0.132282, atol=5e-7)
    assert_allclose(found.deduction, 5_432_419.52, atol=0.005)
    assert_allclose(found.buffer, 2_053_342.20, atol=0.005)
    assert_allclose(found.credits, 33_581_082.21, atol=0.011)
    assert found.rule == "art-trees 2.0"
    assert "TREES" in found.reference


@pytest.mark.parametrize(
    ("half_width", "taken"), [(0.09, 0), (0.12, 0.03), (0.18, 0.09), (0.25, 0.1875), (0.4, 0.4)]
)
def test_steps_of_the_cdm_tool(half_width: float, taken: float) -> None:
    given = Reduction("2020", 100, 100 - 100 * half_width, 100 + 100 * half_width, 0.90)
    found = issued(given, rule_of("cdm-ar-tool14", "4.2"))
    assert_allclose(found.deduction, 100 * taken, atol=1e-9)


RULES = """id,version,form,level,quantile,divisor,allowance,steps,buffer_of,reference
vcs-mine,4.4,quantile,0.90,0.4307,1.644854,0.10,,net,"our methodology, section 8.5"
"""


def test_a_rule_of_your_own(tmp_path: Path) -> None:
    """By hand: (0.2 − 0.1) · 0.4307 / 1.644854, then leakage, then the buffer of what is left."""
    (tmp_path / "rules.csv").write_text(RULES, encoding="utf-8")
    rule = rule_of("vcs-mine", "4.4", read_rules(tmp_path / "rules.csv"))
    found = issued(Reduction("2020", 1000, 800, 1200, 0.90), rule, leakage=50, buffer=0.1)
    deduction = 1000 * 0.1 * 0.4307 / 1.644854
    assert_allclose(found.deduction, deduction, rtol=1e-6)
    assert_allclose(found.credits, 0.9 * (950 - deduction), rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("4.4", "", "without version"),
        ('"our methodology, section 8.5"', "", "without reference"),
        ("0.4307", "many", "row 2.*many"),
        ("0.4307", "0", "a quantile and a divisor above 0"),
        ("quantile,0.90", "guess,0.90", "form 'guess'"),
        ("0.90", "90", "no share"),
        ("quantile,0.90,0.4307,1.644854,0.10,", "steps,0.90,,,0,0.1:0;0.2:1", "up to inf"),
        (",buffer_of", ",buffer", "no column buffer_of"),
    ],
)
def test_rules_that_are_none(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "rules.csv").write_text(RULES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_rules(tmp_path / "rules.csv")


def test_a_rule_that_stands_twice(tmp_path: Path) -> None:
    text = RULES + RULES.splitlines()[1] + "\n"
    (tmp_path / "rules.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"row 3: the rule vcs-mine 4\.4 stands twice"):
        read_rules(tmp_path / "rules.csv")


def test_years_that_share_their_error_gain_nothing_from_being_added() -> None:
    rng = np.random.default_rng(2)
    shared = 100 + 30 * np.broadcast_to(rng.normal(size=4000), (5, 4000))
    apart = 100 + 30 * rng.normal(size=(5, 4000))
    years, point = [str(y) for y in range(2016, 2021)], np.full(5, 100.0)
    same, other = (issued_over(years, point, draws, TREES) for draws in (shared, apart))
    assert_allclose(same[-1].deduction, sum(row.deduction for row in same[:-1]), rtol=1e-9)
    ratio = sum(row.deduction for row in other[:-1]) / other[-1].deduction
    assert_allclose(ratio, np.sqrt(5), rtol=0.05)
    assert same[-1].period == "2016/2020"


def test_a_baseline_is_taken_off_in_each_draw() -> None:
    k = np.linspace(80, 120, 41)
    found = reduction_of("2020", 100.0, k, 0.90, baseline=k / 2)
    assert_allclose([found.value, found.high - found.low], [50, 18])


def test_what_has_no_credits() -> None:
    with pytest.raises(InputError, match="no rule of deduction, no credits"):
        issued(NATION, None)
    with pytest.raises(InputError, match="no rule of deduction, no credits"):
        issued_over(["2020"], [1.0], [[1.0, 2.0]], None)
    with pytest.raises(InputError, match=r"no rule of deduction 'art-trees 1\.0'.*2\.0"):
        rule_of("art-trees", "1.0")
    with pytest.raises(InputError, match="95%"):
        issued(Reduction("2020", 10, 8, 12, 0.95), TREES)
    with pytest.raises(InputError, match="outside its interval"):
        issued(Reduction("2020", 13, 8, 12, 0.90), TREES)
    with pytest.raises(InputError, match="has no credits"):
        issued(Reduction("2020", -3, -8, 12, 0.90), TREES)
    with pytest.raises(InputError, match="buffer of 5"):
        issued(NATION, TREES, buffer=5)
    with pytest.raises(InputError, match="2020 stands twice"):
        issued_over(["2020", "2020"], [1.0, 1.0], np.ones((2, 3)), TREES)
