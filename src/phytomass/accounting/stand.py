"""What the plots are made of: biomass, stems and basal area by species and by size of the trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import require_columns

Array = NDArray[np.float64]

CLASS_CM = 10.0
"""Width of the classes of diameter."""


def by_species(trees: pd.DataFrame, plots: pd.DataFrame) -> pd.DataFrame:
    """Return each species' part in the mean of the plots, the largest first.

    Parameters
    ----------
    trees : DataFrame
        plot_id, accepted_species (or species), dbh_cm, agb_kg, and per_ha (trees per hectare that a
        row stands for) unless the plots have area_ha.
    plots : DataFrame
        plot_id, and area_ha where trees have no per_ha. Plots without trees count as zero.

    Returns
    -------
    DataFrame
        class (the species), n_trees, n_plots (with it), stems_per_ha, basal_area_m2_ha,
        agb_mg_ha, agb_se_mg_ha (s / √n of the plots), share (of the biomass).

    Examples
    --------
    >>> trees = pd.DataFrame({"plot_id": ["A", "A", "B"], "species": ["Pinus", "Abies", "Pinus"],
    ...                       "dbh_cm": [20.0, 30.0, 40.0], "agb_kg": [100.0, 300.0, 500.0]})
    >>> plots = pd.DataFrame({"plot_id": ["A", "B"], "area_ha": [0.1, 0.1]})
    >>> by_species(trees, plots)[["class", "n_trees", "agb_mg_ha", "share"]].round(3)
       class  n_trees  agb_mg_ha  share
    0  Pinus        2        3.0  0.667
    1  Abies        1        1.5  0.333
    """
    named = "accepted_species" if "accepted_species" in trees else "species"
    table = _by_class(trees, plots, trees[named].astype(str))
    return table.sort_values("agb_mg_ha", ascending=False, kind="stable", ignore_index=True)


def by_size(trees: pd.DataFrame, plots: pd.DataFrame) -> pd.DataFrame:
    """Return the part of each class of diameter in the mean of the plots, the thinnest first.

    Parameters
    ----------
    trees, plots
        As for `by_species`.

    Returns
    -------
    DataFrame
        As of `by_species`; class is the range of diameters in cm, the lower limit included.
    """
    lower = np.floor(trees["dbh_cm"].to_numpy(np.float64) / CLASS_CM) * CLASS_CM
    labels = pd.Series([f"{low:g}-{low + CLASS_CM:g}" for low in lower], index=trees.index)
    table = _by_class(trees, plots, labels)
    order = np.argsort([float(label.partition("-")[0]) for label in table["class"]], kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _by_class(trees: pd.DataFrame, plots: pd.DataFrame, label: pd.Series[str]) -> pd.DataFrame:
    require_columns(trees, ("plot_id", "dbh_cm", "agb_kg"), "trees")
    place = pd.Index(plots["plot_id"].astype(str)).get_indexer(
        pd.Index(trees["plot_id"].astype(str))
    )
    used = place >= 0
    trees, label, place = trees[used], label[used], place[used]
    per_ha = _per_ha(trees, plots, place)
    dbh = trees["dbh_cm"].to_numpy(np.float64)
    values = {
        "stems_per_ha": per_ha,
        "basal_area_m2_ha": per_ha * np.pi / 4 * (dbh / 100) ** 2,
        "agb_mg_ha": per_ha * trees["agb_kg"].to_numpy(np.float64) / 1000,
    }
    names, codes = np.unique(label.to_numpy(str), return_inverse=True)
    shape, at = (len(names), len(plots)), codes * len(plots) + place
    sums = {
        name: np.bincount(at, weights=value, minlength=shape[0] * shape[1]).reshape(shape)
        for name, value in values.items()
    }
    there = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
    whole = sums["agb_mg_ha"].sum()
    n = len(plots)
    error = sums["agb_mg_ha"].std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.nan
    table = {"class": names, "n_trees": there.sum(axis=1), "n_plots": (there > 0).sum(axis=1)}
    means = {name: value.mean(axis=1) for name, value in sums.items()}
    share = sums["agb_mg_ha"].sum(axis=1) / whole if whole > 0 else np.nan
    return pd.DataFrame({**table, **means, "agb_se_mg_ha": error, "share": share})


def _per_ha(trees: pd.DataFrame, plots: pd.DataFrame, place: NDArray[np.intp]) -> Array:
    if "per_ha" in trees:
        return trees["per_ha"].to_numpy(np.float64)
    require_columns(plots, ("area_ha",), "plots")
    return np.asarray(1 / plots["area_ha"].to_numpy(np.float64)[place], np.float64)
