"""What the simulated trees weigh: an allometry of the landscape's own, which no project knows.

It departs from the published equations as real forests do, by as much as the errors of the field
are stated (`phytomass.inventory.field_error`): another equation than the chosen one may hold, its
level and slope were fitted to other trees, its constant may lack the correction of logarithms, the
site lies apart, and so do the woods and every single tree. All but the last are the same for all
trees of a landscape and come from its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import (
    AllometricEquation,
    AllometrySettings,
    choose_equations,
    wood_density,
)
from phytomass.draws import stream
from phytomass.inventory.field_error import Candidates, ErrorModel, ErrorSettings, candidates_of
from phytomass.landscape.tables import Species, forest_types, species_of

Array = NDArray[np.float64]

ALLOMETRY = AllometrySettings(groups={"conifer": "general_conifer_ali"}, fallback="chave2014")
"""The published equations that a project of this landscape would use."""

STATED = ErrorSettings()
"""The sizes of the errors."""


@dataclass(frozen=True)
class Departure:
    """How the truth of one equation departs from what is printed, in ln(AGB).

    Parameters
    ----------
    level, slope, centre : float
        The shift of all trees, and per ln(cm) of diameter from the centre.
    scatter : float
        SD of a tree.
    """

    level: float
    slope: float
    centre: float
    scatter: float

    @classmethod
    def of(cls, equation: AllometricEquation, random_state: int) -> Departure:
        """Draw it; every part has a mean factor of one but the lacking correction."""
        random = stream(random_state, "law", equation.id)
        shared = stream(random_state, "law of the site")
        site, lacks = shared.standard_normal(), shared.random() < STATED["correction_absent"]
        spread = equation.rse_log or random.uniform(STATED["rse_low"], STATED["rse_high"])
        error = spread / np.sqrt(equation.n or STATED["n_trees"])
        width = STATED["spread_ln_dbh"]
        z = random.standard_normal(2)
        tau = STATED["site_sd"] if equation.site_sd is None else equation.site_sd
        level = error * z[0] - error**2 / 2 + tau * site - tau**2 / 2
        if lacks and equation.correction == "unknown" and equation.form != "linear_d2h":
            level += spread**2 / 2
        slope, centre = error / width * z[1], np.log(STATED["centre_dbh"])
        return cls(level, slope, centre, float(np.sqrt(max(spread**2 - tau**2, 0.0))))

    def factor(self, dbh_cm: Array, vigour: Array) -> Array:
        """Return true over printed mass; `vigour` is a tree's own standard normal number."""
        shift = self.level + self.slope * (np.log(dbh_cm) - self.centre)
        return np.exp(shift + self.scatter * vigour - self.scatter**2 / 2)


@dataclass(frozen=True)
class Kind:
    """One species: its candidates, which of them holds, and its wood as printed and in truth."""

    candidates: Candidates
    taken: int
    departure: Departure
    printed_density: float
    density: float

    def agb_kg(self, dbh_cm: Array, height_m: Array, vigour: Array) -> Array:
        """Return the true mass: the candidates lie about the chosen one, and one of them holds."""
        some = self.candidates
        printed = [
            e.agb_kg(dbh_cm, height_m, np.full(len(dbh_cm), self.printed_density))
            for e in some.equations
        ]
        middle = np.exp(sum(c * np.log(m) for c, m in zip(some.chances, printed, strict=True)))
        wood = np.full(len(dbh_cm), self.density)
        mass = some.equations[self.taken].agb_kg(dbh_cm, height_m, wood)
        return np.asarray(mass * printed[0] / middle * self.departure.factor(dbh_cm, vigour))


class Law:
    """What every tree of a landscape weighs.

    Parameters
    ----------
    random_state : int
        The landscape's seed.

    Examples
    --------
    >>> pine = species_of("chir pine")[0]
    >>> masses = [
    ...     Law(seed).agb_kg((pine,), np.array([30.0]), np.array([20.0]), np.zeros(1))[0]
    ...     for seed in range(200)
    ... ]
    >>> bool(200 < np.median(masses) < 450)  # 320.9 kg are printed
    True
    """

    def __init__(self, random_state: int) -> None:
        names = sorted({s.name for kind in forest_types() for s in species_of(kind.name)})
        chosen = choose_equations(names, ALLOMETRY).set_index("species")["equation_id"]
        table = pd.DataFrame({"accepted_species": names, "equation_id": chosen[names].to_numpy()})
        sets, index = candidates_of(table.assign(height_m=1.0), ErrorModel(ALLOMETRY))
        wood = wood_density(names).set_index("species")
        taken = [int(s.taken(stream(random_state, "law", s.name).random(1))[0]) for s in sets]
        self._of = {
            name: Kind(
                sets[row],
                taken[row],
                Departure.of(sets[row].equations[taken[row]], random_state),
                *_wood(name, wood, random_state),
            )
            for name, row in zip(names, index.tolist(), strict=True)
        }

    def agb_kg(
        self, species: tuple[Species, ...], dbh_cm: Array, height_m: Array, vigour: Array
    ) -> Array:
        """Return the dry mass of each tree in kg."""
        mass = np.empty_like(dbh_cm)
        for name in dict.fromkeys(one.name for one in species):
            rows = [i for i, other in enumerate(species) if other.name == name]
            mass[rows] = self._of[name].agb_kg(dbh_cm[rows], height_m[rows], vigour[rows])
        return mass


def _wood(name: str, table: pd.DataFrame, random_state: int) -> tuple[float, float]:
    """Return the density that is printed, and that of the site's trees."""
    numbers = table[["wood_density", "wood_density_sd"]].astype(float)
    printed, sd = numbers.loc[name].tolist()
    level = str(table.loc[name, "level"])
    sd = STATED[f"density_sd_{level}"] if np.isnan(sd) else sd
    common = sd * STATED[f"density_common_{level}"] ** 0.5
    drawn = printed + common * stream(random_state, "law of woods", name).standard_normal()
    return printed, float(np.clip(drawn, 0.08, 1.39))
