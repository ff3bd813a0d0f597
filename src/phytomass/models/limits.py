"""Which parameters of a model a project file may set, and between which limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from phytomass.errors import shown
from phytomass.models.factories import FACTORIES
from phytomass.models.patch_cnn.architecture import check_architecture
from phytomass.models.records.tables import NETWORKS, Scalar, read_table, record_of

WIDEST = 4096
"""Units of a network's last block, filters × growth³: a wider layer has 10⁸ weights."""


@dataclass(frozen=True)
class Limits:
    """The values that one parameter may have.

    Parameters
    ----------
    whole, number : (float, float) or None
        Range of whole numbers, and of numbers with decimals; None where there are none.
    choices : tuple of scalar
        Single values: words, true and false, null.
    source : str
        Where the limits come from, or why there are any.
    """

    whole: tuple[float, float] | None
    number: tuple[float, float] | None
    choices: tuple[Scalar, ...]
    source: str

    def hold(self, value: Scalar) -> bool:
        """Tell whether a value is allowed.

        Examples
        --------
        >>> forest = limits_of("random_forest")["max_features"]
        >>> [forest.hold(value) for value in (3, 0.5, 3.5, "sqrt", None, True)]
        [True, True, False, True, True, False]
        """
        if value is None or isinstance(value, bool | str):
            return any(
                value is one or (isinstance(value, str) and value == one) for one in self.choices
            )
        ranges = [self.number, self.whole if isinstance(value, int) else None]
        return any(low <= value <= high for low, high in filter(None, ranges))

    def __str__(self) -> str:
        words = [f"{json.dumps(one)}" for one in self.choices]
        if self.whole is not None:
            words.append("a whole number from {:.10g} to {:.10g}".format(*self.whole))
        if self.number is not None:
            words.append("a number from {:g} to {:g}".format(*self.number))
        return " or ".join(words).replace('"', "")


@cache
def limits_of(name: str) -> Mapping[str, Limits]:
    """Return the limits of a model's parameters, by parameter.

    Examples
    --------
    >>> print(limits_of("random_forest")["max_depth"])
    null or a whole number from 1 to 10000
    """
    model = "network" if name in NETWORKS else name
    rows = [row for row in read_table("limits.csv") if row["model"] == model]
    return MappingProxyType({row["parameter"]: _limits(row) for row in rows})


def _limits(row: Mapping[str, str]) -> Limits:
    def between(low: str, high: str) -> tuple[float, float] | None:
        return (float(low), float(high)) if low else None

    return Limits(
        between(row["whole_low"], row["whole_high"]),
        between(row["low"], row["high"]),
        tuple(json.loads(row["choices"] or "[]")),
        row["source"],
    )


def parameter_names(name: str) -> tuple[str, ...]:
    """Return the parameters of a model that a project file may set.

    Examples
    --------
    >>> parameter_names("plsr")
    ('n_components',)
    """
    return tuple(limits_of(name))


def refuse_wrong(name: str, parameter: str, value: Scalar) -> None:
    """Raise when a parameter cannot have a value.

    Raises
    ------
    ValueError
        Naming the values it can have, and why.

    Examples
    --------
    >>> refuse_wrong("random_forest", "n_estimators", -3)
    Traceback (most recent call last):
    ...
    ValueError: n_estimators is -3; allowed is a whole number from 1 to 100000 (more trees change ...)
    """
    limits = limits_of(name)[parameter]
    if not limits.hold(value):
        raise ValueError(f"{parameter} is {shown(value)}; allowed is {limits} ({limits.source})")


def refuse_unbuildable(name: str, values: Mapping[str, Scalar]) -> None:
    """Raise when a network of these parameters cannot be built, before torch is asked.

    Raises
    ------
    InputError
        As `check_architecture`.
    ValueError
        If its last block is wider than `WIDEST`.
    """
    if name not in NETWORKS:
        return
    network = FACTORIES[name](None, 0)["model"].set_params(**{**record_of(name).defaults, **values})
    side = network.patch or 1
    check_architecture(network._architecture(np.empty((0, 1, side, side))))
    if network.filters * network.growth**3 > WIDEST:
        raise ValueError(
            f"filters {network.filters} and growth {network.growth} make a last block of "
            f"{network.filters * network.growth**3} units; {WIDEST} at most"
        )
