"""Credits of a year and of a period, from reductions with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from phytomass.accounting.credits.rules import Rule
from phytomass.errors import InputError


@dataclass(frozen=True)
class Reduction:
    """Emissions reduced, or carbon removed, against a baseline.

    Parameters
    ----------
    period : str
        Year, or first and last.
    value, low, high : float
        t CO₂e, and bounds of the interval.
    level : float
        Share of the interval, e.g. 0.90.
    """

    period: str
    value: float
    low: float
    high: float
    level: float

    @property
    def half_width(self) -> float:
        """Half the interval over the value."""
        return (self.high - self.low) / 2 / self.value


@dataclass(frozen=True)
class Credits:
    """What is left of a reduction, each item in t CO₂e.

    Parameters
    ----------
    period : str
    gross : float
    half_width : float
        Of the interval, as a share of the gross reduction.
    deduction : float
        For uncertainty.
    leakage, buffer : float
    credits : float
        ``gross − leakage − deduction − buffer``.
    rule, reference : str
        Id and version of the rule, and where it stands.
    """

    period: str
    gross: float
    half_width: float
    deduction: float
    leakage: float
    buffer: float
    credits: float
    rule: str
    reference: str


def issued(
    reduction: Reduction, rule: Rule | None, leakage: float = 0.0, buffer: float = 0.0
) -> Credits:
    """Return the credits of a reduction under a rule.

    Parameters
    ----------
    reduction : Reduction
        With the interval of the rule's level.
    rule : Rule
        There are no credits without one.
    leakage : float
        t CO₂e that moved elsewhere.
    buffer : float
        Share that is set aside.

    Raises
    ------
    InputError
        Without a rule; for an interval of another level or that misses the value, a reduction
        that is not above 0, a leakage below 0, and a buffer that is no share.

    Examples
    --------
    >>> from phytomass.accounting.credits.rules import rule_of
    >>> trees = Reduction("2016/2020", 41_066_843.92, 24_570_245.81, 58_651_378.58, 0.90)
    >>> found = issued(trees, rule_of("art-trees", "2.0"), buffer=0.05)
    >>> round(found.deduction), round(found.buffer), round(found.credits)
    (5432420, 2053342, 33581082)
    """
    if rule is None:
        raise InputError("no rule of deduction, no credits", remedy="name one, with its version")
    _check(reduction, rule)
    if not (math.isfinite(leakage) and leakage >= 0 and 0 <= buffer < 1):
        raise InputError(
            f"a leakage of {leakage:g} t and a buffer of {buffer:g}", where=reduction.period
        )
    gross = reduction.value
    deduction = rule.share(reduction.half_width) * gross
    left = max(gross - leakage - deduction, 0.0)
    aside = buffer * (gross if rule.buffer_of == "gross" else left)
    return Credits(
        reduction.period, gross, reduction.half_width, deduction, leakage, aside,
        max(left - aside, 0.0), rule.name, rule.reference,
    )  # fmt: skip


def _check(reduction: Reduction, rule: Rule) -> None:
    if not (math.isfinite(reduction.value) and reduction.value > 0):
        what = f"a reduction of {reduction.value:g} t has no credits"
        raise InputError(what, where=reduction.period)
    if not reduction.low <= reduction.value <= reduction.high:
        what = f"{reduction.value:g} lies outside its interval"
        raise InputError(what, where=f"{reduction.period}: {reduction.low:g} to {reduction.high:g}")
    if not math.isclose(reduction.level, rule.level):
        raise InputError(
            f"an interval of {reduction.level:.0%}, and the rule {rule.name} reads one of "
            f"{rule.level:.0%}", where=reduction.period, remedy="take it from the draws",
        )  # fmt: skip


def reduction_of(
    period: str, point: float, draws: ArrayLike, level: float, baseline: ArrayLike = 0.0
) -> Reduction:
    """Return a reduction with the interval of its draws.

    Parameters
    ----------
    period : str
    point : float
        Carbon removed, or emissions, in t CO₂e, the baseline taken off.
    draws : array, shape (k,)
        The same per draw, with the baseline in it.
    level : float
    baseline : float or array, shape (k,)
        In the same draws; its mean is taken off the point.

    Examples
    --------
    >>> reduction_of("2020", 10.0, [8.0, 10.0, 12.0], 0.5, baseline=1.0)
    Reduction(period='2020', value=9.0, low=8.0, high=10.0, level=0.5)
    """
    base = np.asarray(baseline, np.float64)
    values = np.asarray(draws, np.float64) - base
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(
            f"draws {values.shape} of a reduction", where=period, remedy="give 2 or more"
        )
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Reduction(period, float(point - base.mean()), float(low), float(high), level)


def issued_over(
    years: Sequence[str],
    point: ArrayLike,
    draws: ArrayLike,
    rule: Rule | None,
    leakage: ArrayLike = 0.0,
    buffer: float = 0.0,
) -> list[Credits]:
    """Return the credits of each year, and last those of the whole period.

    The period's interval is that of the sum *of each draw*: what the years share (equations,
    density, roots) stays in full, what they do not averages out.

    Parameters
    ----------
    years : sequence of str
        Each once.
    point : array, shape (t,)
        Reduction of each year, t CO₂e.
    draws : array, shape (t, k)
        The same per draw: one draw runs through all years.
    rule : Rule
    leakage : float or array, shape (t,)
    buffer : float

    Raises
    ------
    InputError
        For a year twice, shapes that differ, and as `issued`.

    Examples
    --------
    >>> from phytomass.accounting.credits.rules import rule_of
    >>> rng = np.random.default_rng(1)
    >>> apart = 100 + 30 * rng.normal(size=(4, 2000))
    >>> rows = issued_over("abcd", np.full(4, 100.0), apart, rule_of("art-trees", "2.0"))
    >>> sum(row.deduction for row in rows[:-1]) > 1.9 * rows[-1].deduction
    True
    """
    names, values = list(years), np.asarray(point, np.float64)
    drawn = np.asarray(draws, np.float64)
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"the period {min(twice)} stands twice", remedy="periods do not overlap")
    if rule is None:
        raise InputError("no rule of deduction, no credits", remedy="name one, with its version")
    if not names or values.shape != (len(names),) or drawn.shape[:1] != values.shape:
        raise InputError(f"{len(names)} years, {values.shape} values and draws {drawn.shape}")
    lost = np.broadcast_to(np.asarray(leakage, np.float64), values.shape)
    parts = [
        issued(reduction_of(n, v, d, rule.level), rule, float(one), buffer)
        for n, v, d, one in zip(names, values, drawn, lost, strict=True)
    ]
    whole = reduction_of(f"{names[0]}/{names[-1]}", values.sum(), drawn.sum(axis=0), rule.level)
    return [*parts, issued(whole, rule, float(lost.sum()), buffer)]
