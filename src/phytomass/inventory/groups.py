"""Groups of trees with a carbon fraction of their own, and the fraction of a plot of several."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import accepted_name, group_of
from phytomass.carbon import CarbonSettings

OTHER = "other"
"""Trees whose genus is not known to be a conifer or a broadleaf."""


def carbon_groups(
    trees: pd.DataFrame, carbon: CarbonSettings
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the groups that the project tells apart, and the group of each tree.

    Parameters
    ----------
    trees : DataFrame
        With accepted_species, or species.
    carbon : CarbonSettings
        With `carbon_fractions`; without them all trees are one group, ``all``.

    Examples
    --------
    >>> carbon = CarbonSettings(carbon_fractions={"conifer": 0.51})
    >>> carbon_groups(pd.DataFrame({"species": ["Chir", "Melia azedarach", "?"]}), carbon)
    (('conifer', 'broadleaf', 'other'), array([0, 1, 2]))
    """
    if not carbon.carbon_fractions:
        return ("all",), np.zeros(len(trees), np.int64)
    groups = ("conifer", "broadleaf", OTHER)
    if "accepted_species" in trees:
        names = trees["accepted_species"].astype(str)
    else:
        names = trees["species"].astype(str).map(accepted_name)
    place = {name: groups.index(group_of(name) or OTHER) for name in names.unique()}
    return groups, np.array([place[name] for name in names], dtype=np.int64)


def plot_fractions(
    trees: pd.DataFrame,
    mass: NDArray[np.float64],
    place: NDArray[np.intp],
    n_plots: int,
    carbon: CarbonSettings,
) -> NDArray[np.float64]:
    """Return the carbon fraction of each plot: Σ AGB of a group · its fraction / Σ AGB.

    Parameters
    ----------
    trees : DataFrame
        As in `carbon_groups`.
    mass : array, shape (n_trees,)
        Biomass of each tree, in any one unit per hectare.
    place : array, shape (n_trees,)
        Row of the plot of each tree.
    n_plots : int
    carbon : CarbonSettings

    Returns
    -------
    array, shape (n_plots,)
        t C per t dry mass; the general fraction for a plot without biomass.
    """
    groups, group = carbon_groups(trees, carbon)
    values = np.array([carbon.fraction_of(name).value for name in groups])
    general = carbon.carbon_fraction.value
    excess = np.bincount(place, mass * (values[group] - general), minlength=n_plots)
    total = np.bincount(place, mass, minlength=n_plots)
    some = total > 0
    return np.asarray(general + np.where(some, excess / np.where(some, total, 1.0), 0.0))
