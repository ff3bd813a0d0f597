"""Belowground from aboveground biomass by the project's rule, at the point and under draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.carbon.factors import CarbonSettings
from phytomass.carbon.roots import (
    RootClass,
    RootRule,
    class_ratio,
    log_normal,
    mokany,
    root_classes,
)
from phytomass.errors import InputError

Array = NDArray[np.float64]

ROOT_NAMES: dict[RootRule, tuple[str, ...]] = {
    "constant": ("root_shoot",),
    "ipcc2019": ("root_shoot/below_limit", "root_shoot/above_limit"),
    "mokany": ("root_shoot/of_mokany",),
}
"""What draws share for each rule: the ratio; both ratios of the class; a factor on Mokany's law."""


def class_of(settings: CarbonSettings) -> RootClass:
    """Return the class that the settings name."""
    return root_classes()[str(settings.root_class)]


def point_roots(settings: CarbonSettings) -> tuple[float, ...]:
    """Return the numbers of the rule, without errors, in the order of `ROOT_NAMES`."""
    if settings.root_rule == "constant":
        return (settings.root_shoot.value,)
    if settings.root_rule == "mokany":
        return (1.0,)
    return class_of(settings).below, class_of(settings).above


def root_draws(settings: CarbonSettings, z: Array, on: bool = True) -> dict[str, Array]:
    """Return the numbers of the rule under each draw: log-normal with the rule's mean and SD.

    Parameters
    ----------
    settings : CarbonSettings
    z : array, shape (k,)
        Standard normal numbers.
    on : bool
        False: without error.

    Examples
    --------
    >>> {name: x.round(3) for name, x in root_draws(CarbonSettings(), np.array([0.0, 1.0])).items()}
    {'root_shoot': array([0.236, 0.366])}
    """
    factor = settings.root_shoot
    sd = settings.sd_of(factor, "root_shoot")
    if settings.root_rule == "constant":
        sds = [sd]
    elif settings.root_rule == "mokany":
        sds = [sd / factor.value if factor.value > 0 else 0.0]
    else:
        sds = [class_of(settings).sd_below, class_of(settings).sd_above]
    laws = zip(ROOT_NAMES[settings.root_rule], point_roots(settings), sds, strict=True)
    return {name: log_normal(mean, sd if on else 0.0, z) for name, mean, sd in laws}


def drawn_roots(shared: Mapping[str, Array], settings: CarbonSettings) -> tuple[Any, ...]:
    """Return the numbers of the rule that draws share; those of the settings where they share none.

    Raises
    ------
    InputError
        If they were drawn by another rule.
    """
    names = ROOT_NAMES[settings.root_rule]
    strange = sorted(n for n in shared if n.partition("/")[0] == "root_shoot" and n not in names)
    if strange:
        raise InputError(
            f"draws of {', '.join(strange)}, and the root rule is {settings.root_rule}",
            where="carbon.root_rule",
            remedy="draw the plots again with this rule",
        )
    points = zip(names, point_roots(settings), strict=True)
    return tuple(shared.get(name, point) for name, point in points)


def below_ground(agb: Any, settings: CarbonSettings, roots: tuple[Any, ...]) -> Any:
    """Return belowground biomass of a number or an array, in the unit of `agb`.

    Parameters
    ----------
    agb : float or array
        Mg/ha where the rule is ipcc2019 or mokany.
    settings : CarbonSettings
        With the rule.
    roots : tuple
        From `point_roots` or `drawn_roots`.
    """
    if settings.root_rule == "constant":
        return agb * roots[0]
    if settings.root_rule == "mokany":
        below = mokany(agb) * roots[0]
    else:
        below = agb * class_ratio(agb, class_of(settings), (roots[0], roots[1]))
    return below if np.ndim(agb) else float(below)
