"""The rules that need no formula: they follow from the columns of a table."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from scipy import stats

from phytomass.accounting.audit.findings import (
    AGREES,
    CONTRADICTS,
    UNKNOWN,
    Finding,
    Rule,
    judged,
)
from phytomass.accounting.audit.spans import Span, exact, over, times
from phytomass.accounting.audit.table import Row, unit_of
from phytomass.units import CO2_PER_C

FRACTIONS = (0.3, 0.7)
"""Carbon per dry mass, as far as `carbon/factors.csv` lets a project go."""

ROOTS = (0.1, 2.2)
"""BGB per AGB: classes of IPCC 2019 Refinement, Vol. 4, Ch. 4, Table 4.4, and less in large trees."""

GREATEST_REMOVAL = 40.7
"""t CO₂ per ha and year over 20 years, planted forest: Bernal, Murray and Pearson 2018,
Carbon Balance Manag. 13:22 (4.5 to 40.7)."""

REMOVALS = ("removal", "sink", "potential_total")
STEMS = {
    "map_mean": "stock", "area_mean": "area_total", "assisted_mean": "assisted_total",
    "model_mean": "model_total", "mean": "stock", "density": "stock",
    "truth_mean": "truth_stock", "potential": "potential_total",
    "change_mean": "change_common_total", "potential_rate": "potential_total_rate",
}  # fmt: skip
"""Quantity per hectare → the total of the same thing."""


def _groups(rows: Sequence[Row], *left_out: str) -> Iterator[list[Row]]:
    """Give rows that are alike but for some columns, mass alone."""
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.mg is not None:
            found[(*row.key(*left_out, "unit"), str(_basis(row)))].append(row)
    yield from found.values()


def _basis(row: Row) -> tuple[bool, bool]:
    unit = row.unit
    return (unit.per_ha, unit.per_year) if unit else (False, False)


def _mg(row: Row) -> Span:
    assert row.mg is not None  # noqa: S101  # `_groups` and `_totals` give no others
    return row.mg


def units_and_kinds(rows: Sequence[Row]) -> Iterator[Finding]:
    """Hold units that name carbon or CO₂ against the column kind."""
    for row in rows:
        unit, kind = unit_of(row.text["unit"]), row.text["kind"]
        if unit and kind and unit.kind != kind and (unit.kind != "dry_mass"):
            yield Finding(CONTRADICTS, row.name, row.line, "unit and kind", row.text["unit"], kind)


def kinds_of_one(rows: Sequence[Row]) -> Iterator[Finding]:
    """CO₂e is 44/12 of carbon, and carbon a share of dry mass that wood can have."""
    for group in _groups(rows, "kind"):
        of = {row.unit.kind: row for row in group if row.unit}
        if {"C", "CO2e"} <= of.keys():
            expected = times(_mg(of["C"]), exact(CO2_PER_C))
            yield judged(of["CO2e"], "CO₂e = 44/12 C", _mg(of["CO2e"]), expected, [of["C"]])
        if {"C", "dry_mass"} <= of.keys() and _mg(of["dry_mass"]).low > 0:
            found = over(_mg(of["C"]), _mg(of["dry_mass"]))
            yield judged(of["C"], "carbon / dry mass", found, Span(*FRACTIONS), [of["dry_mass"]])


def pools_of_one(rows: Sequence[Row]) -> Iterator[Finding]:
    """AGB and BGB make the total, and BGB is a share of AGB that roots can have."""
    for group in _groups(rows, "pool"):
        if group[0].text["statistic"] not in ("", "mean", "total", "sum"):
            continue
        of = {row.text["pool"]: row for row in group}
        if {"AGB", "BGB"} <= of.keys() and _mg(of["AGB"]).low > 0:
            found = over(_mg(of["BGB"]), _mg(of["AGB"]))
            if not of["AGB"].text["quantity"].startswith("change"):
                yield judged(of["BGB"], "BGB / AGB", found, Span(*ROOTS), [of["AGB"]])
        if {"AGB", "BGB", "total"} <= of.keys():
            parts = [of["AGB"], of["BGB"]]
            expected = _sum([_mg(part) for part in parts])
            yield judged(of["total"], "AGB + BGB", _mg(of["total"]), expected, parts)


def means_and_totals(rows: Sequence[Row]) -> Iterator[Finding]:
    """Hold totals against the mean of the same area times that area."""
    means = {}
    for row in rows:
        if row.mg is not None and _basis(row)[0] and row.text["statistic"] in ("", "mean"):
            means[_stem(row)] = row
    for row in rows:
        if row.mg is None or _basis(row)[0] or row.text["statistic"] not in ("", "total"):
            continue
        mean = means.get(_stem(row))
        if mean is None:
            continue
        areas = [one.number.get("area_ha") for one in (mean, row)]
        if areas[0] is None and areas[1] is None:
            note = f"an area of {over(_mg(row), _mg(mean))} ha" if _mg(mean).low > 0 else ""
            yield Finding(UNKNOWN, row.name, row.line, "mean × area", note=f"no area; needs {note}")
            continue
        area = areas[1] or areas[0]
        assert area is not None  # noqa: S101  # one of the two is there
        yield judged(row, "mean × area", _mg(row), times(_mg(mean), area), [mean])


def _stem(row: Row) -> tuple[str, ...]:
    quantity, unit = row.text["quantity"], row.unit
    stem = STEMS.get(quantity, quantity) if unit and unit.per_ha else quantity
    kind = unit.kind if unit else ""
    year = str(unit.per_year) if unit else ""
    return (stem, row.text["zone"], row.text["pool"], kind, row.text["period"], year)


def intervals(rows: Sequence[Row]) -> Iterator[Finding]:
    """Hold intervals against their value, and against their standard error and level."""
    for row in rows:
        value, low, high = (row.number.get(name) for name in ("value", "low", "high"))
        if value is None or low is None or high is None:
            continue
        holds = low.low <= value.high and value.low <= high.high
        yield Finding(
            AGREES if holds else CONTRADICTS, row.name, row.line, "value in its interval",
            str(value), f"{low} … {high}",
        )  # fmt: skip
        se, level = row.number.get("se"), row.number.get("level")
        if se is not None and level is not None and se.low > 0:
            half = times(Span(high.low - low.high, high.high - low.low), exact(0.5))
            share = (level.low + level.high) / 2
            z = float(stats.norm.ppf((1 + share) / 2))
            width = Span(0.8 * z * se.low, float(stats.t.ppf((1 + share) / 2, 2)) * se.high)
            yield judged(row, "half-width of se and level", half, width)


def said_twice(rows: Sequence[Row]) -> Iterator[Finding]:
    """Hold a number against the same one elsewhere: one thing, by one method, has one value."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        value = row.number.get("value")
        if value is None or row.text["statistic"] == "check" or not row.text["period"]:
            continue
        first = found.setdefault((*row.key(), row.text["method"]), row)
        if first is not row:
            yield judged(row, f"as {first.name}", value, first.number["value"], [first])


def plausible_removals(rows: Sequence[Row]) -> Iterator[Finding]:
    """Forests take up no more than is known of any; what is too much as C may be CO₂."""
    for row in rows:
        unit, area, years = row.unit, row.number.get("area_ha"), _years(row.text["period"])
        if row.text["quantity"] not in REMOVALS or unit is None or unit.kind == "dry_mass":
            continue
        if not (unit.per_ha or area) or not (unit.per_year or years):
            continue
        rate = _mg(row) if unit.per_ha or area is None else over(_mg(row), area)
        rate = rate if unit.per_year else over(rate, exact(years))
        as_co2 = times(rate, exact(CO2_PER_C)) if unit.kind == "C" else rate
        fits = as_co2.low <= GREATEST_REMOVAL
        other = unit.kind == "C" and rate.low <= GREATEST_REMOVAL
        note = f"plausible only as CO2e: {rate} t CO₂/ha/yr" if other and not fits else ""
        yield Finding(
            AGREES if fits else CONTRADICTS, row.name, row.line, "t CO₂/ha/yr of any forest",
            str(as_co2), f"up to {GREATEST_REMOVAL}", note,
        )  # fmt: skip


def _years(period: str) -> float:
    found = [int(year) for year in re.findall(r"\b(?:19|20)\d\d\b", period)]
    return float(found[-1] - found[0]) if len(found) > 1 else 0.0


def zones_of_one(rows: Sequence[Row]) -> Iterator[Finding]:
    """Where the zones fill the whole, their totals make its total."""
    for group in _groups(rows, "zone"):
        whole = [row for row in group if row.text["zone"] == "all"]
        parts = [row for row in group if row.text["zone"] not in ("", "all")]
        areas = [row.number.get("area_ha") for row in (*whole, *parts)]
        if whole and whole[0].text["quantity"].endswith("_term"):  # not additive over zones
            continue
        if len(whole) != 1 or not parts or _basis(whole[0])[0] or None in areas:
            continue
        spans = [area for area in areas if area is not None]
        if spans[0].meets(_sum(spans[1:])):
            expected = _sum([_mg(part) for part in parts])
            yield judged(whole[0], "sum of zones", _mg(whole[0]), expected, parts)


def _sum(spans: Sequence[Span]) -> Span:
    return Span(sum(s.low for s in spans), sum(s.high for s in spans))


RULES: tuple[Rule, ...] = (
    units_and_kinds, kinds_of_one, pools_of_one, means_and_totals, zones_of_one, intervals,
    said_twice, plausible_removals,
)  # fmt: skip
