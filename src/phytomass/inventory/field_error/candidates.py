"""Which equations a draw may take for a tree, with what chance, and where they are centred."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import (
    AllometricEquation,
    AllometrySettings,
    density_of_species,
    families_of,
    group_of,
    load_equations,
    stress_of,
)
from phytomass.errors import InputError, nearest
from phytomass.inventory.field_error.settings import ErrorSettings
from phytomass.inventory.field_error.shared import Candidates, ErrorModel

Array = NDArray[np.float64]


def candidates_of(
    trees: pd.DataFrame, model: ErrorModel
) -> tuple[tuple[Candidates, ...], NDArray[np.int64]]:
    """Return the sets of equations, and for each tree which set."""
    settings = model.allometry
    equations = load_equations(
        None if settings.equations is None else model.root / settings.equations
    )
    unknown = [i for i in model.errors.alternatives if i not in equations]
    if unknown:
        hint = nearest(unknown[0], list(equations), n=2)
        raise InputError(f"no equation {unknown[0]!r}", where="errors.alternatives", remedy=hint)
    has_height = np.isfinite(column_of(trees, "height_m"))
    names = trees["accepted_species"].unique().tolist()
    known = density_of_species(names, settings, model.root, families_of(trees))
    densities = known.set_index("species")
    dense = set(densities.index[densities["wood_density"].notna()])
    keys = {c: trees[c].to_numpy(dtype=object) for c in ("accepted_species", "equation_id")}
    kind, first = numbered(pd.DataFrame({**keys, "has_height": has_height}))
    sets: dict[Candidates, int] = {}
    index = []
    for key in first.itertuples(index=False, name=None):
        found = _candidates(key, model, equations, key[0] in dense)
        index.append(sets.setdefault(found, len(sets)))
    return tuple(sets), np.array(index, dtype=np.int64)[kind]


def numbered(table: pd.DataFrame) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Return the number of each row's kind, and the first row of each; rows that are alike are one.

    Examples
    --------
    >>> kind, first = numbered(pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, np.nan, 1.0]}))
    >>> kind.tolist(), first.to_numpy().tolist()
    ([0, 1, 0], [['x', 1.0], ['y', nan]])
    """
    groups = table.groupby(list(table), sort=False, dropna=False).ngroup()
    kind = np.asarray(groups, dtype=np.int64)
    return kind, table[~groups.duplicated().to_numpy()]


def _candidates(
    key: tuple[str, str, bool],
    model: ErrorModel,
    equations: dict[str, AllometricEquation],
    has_density: bool,
) -> Candidates:
    """Return the chosen equation, and what the next rungs of the ladder would give."""
    name, chosen, has_height = key
    settings, ids = model.allometry, [chosen]
    if model.errors.on("equation_choice"):
        group = group_of(name)
        ids += [e for g, e in settings.groups.items() if g == group]
        ids += [] if settings.fallback is None else [settings.fallback]
        ids += list(model.errors.alternatives)
    has_stress = settings.environmental_stress is not None or equations[chosen].needs_stress

    def computable(e: AllometricEquation) -> bool:
        lacks_height = e.needs_height and not has_height
        lacks_density = e.needs_density and not has_density
        return not (lacks_height or lacks_density or (e.needs_stress and not has_stress))

    others = [equations[i] for i in dict.fromkeys(ids[1:]) if i != chosen]
    some = (equations[chosen], *(e for e in others if computable(e)))
    weights = [weight_of(e, settings, model.errors) for e in some]
    total = sum(weights)
    if total <= 0:
        remedy = "give one of errors.values weight_species, … above zero"
        raise InputError(f"no weight for {some[0].id}", where="errors.values", remedy=remedy)
    return Candidates(some, tuple(w / total for w in weights))


def weight_of(
    equation: AllometricEquation, settings: AllometrySettings, errors: ErrorSettings
) -> float:
    """Return how likely an equation holds, by what it was made for: species, genus, group or all.

    Examples
    --------
    >>> equations, errors = load_equations(), ErrorSettings()
    >>> settings = AllometrySettings(fallback="chave2014")
    >>> pine = equations["pinus_roxburghii_ali2020"]
    >>> weight_of(pine, settings, errors), weight_of(equations["chave2014"], settings, errors)
    (1.8, 1.0)
    """
    if equation.taxa:
        return errors["weight_species" if " " in equation.taxa[0] else "weight_genus"]
    grouped = equation.id in settings.groups.values()
    return errors["weight_group" if grouped else "weight_general"]


def centres(
    trees: pd.DataFrame,
    candidates: tuple[Candidates, ...],
    group: NDArray[np.int64],
    wood_density: Array,
    model: ErrorModel,
) -> Array:
    """Return the mass of each tree about which its candidates lie, kg.

    Their geometric mean, weighted by the chances: as many draws lie above it as below. With
    `equation_choice: ensemble` their mean, which is then the printed mass.

    Parameters
    ----------
    trees : DataFrame
        dbh_cm, and height_m where there are heights.
    candidates, group
        From `candidates_of`.
    wood_density : array, shape (n,)
        g/cm³.
    model : ErrorModel

    Returns
    -------
    array, shape (n,)
        NaN where a candidate gives no mass above zero.
    """
    d, h = trees["dbh_cm"].to_numpy(dtype=float), column_of(trees, "height_m")
    ensemble = model.errors.equation_choice == "ensemble"
    out, stress = np.full(len(trees), np.nan), stress_of(trees, model.allometry)
    for number, some in enumerate(candidates):
        rows = np.flatnonzero(group == number)
        mean = np.zeros(len(rows))
        for equation, chance in zip(some.equations, some.chances, strict=True):
            here = None if stress is None else stress[rows]
            mass = equation.agb_kg(d[rows], h[rows], wood_density[rows], here)
            mass *= equation.correction_factor
            if len(some.equations) == 1:
                mean = mass
            elif ensemble:
                mean += chance * mass
            else:
                mean += chance * np.log(np.where(mass > 0, mass, np.nan))
        out[rows] = mean if ensemble or len(some.equations) == 1 else np.exp(mean)
    return out


def column_of(trees: pd.DataFrame, name: str) -> Array:
    """Return a column of numbers; NaN where the table has none."""
    if name not in trees:
        return np.full(len(trees), np.nan)
    return trees[name].to_numpy(dtype=float)
