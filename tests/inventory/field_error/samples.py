"""Trees whose biomass is known, for the tests of the draws."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, PlotDraws, plot_draws

TROPICAL = AllometrySettings(fallback="chave2014")
LOCAL = AllometrySettings(fallback="chave2005_moist")


def stand(
    n: int = 30,
    plots: int = 3,
    species: tuple[str, ...] = ("Melia azedarach", "Ailanthus altissima"),
    seed: int = 0,
    dbh: float = 20.0,
) -> pd.DataFrame:
    """Return trees of several plots and species."""
    rng = np.random.default_rng(seed)
    d = dbh * np.exp(rng.normal(0, 0.4, n))
    return pd.DataFrame(
        {
            "tree_id": [str(i) for i in range(n)],
            "plot_id": [f"P{i % plots}" for i in range(n)],
            "species": [species[i % len(species)] for i in range(n)],
            "dbh_cm": d,
            "height_m": 3.1 * d**0.6,
        }
    )


def areas(trees: pd.DataFrame, area_ha: float = 0.1) -> pd.DataFrame:
    """Return the table of plots."""
    return pd.DataFrame({"plot_id": sorted(trees["plot_id"].unique()), "area_ha": area_ha})


def draw(
    trees: pd.DataFrame,
    errors: ErrorSettings | None = None,
    allometry: AllometrySettings = TROPICAL,
    workers: int = 1,
    random_state: int = 1,
    campaign: str = "",
) -> PlotDraws:
    """Draw with small settings."""
    model = ErrorModel(allometry, errors=errors or ErrorSettings(draws=600), campaign=campaign)
    table = tree_biomass(trees, allometry)
    return plot_draws(table, areas(trees), model, random_state=random_state, workers=workers)


def agb(drawn: PlotDraws, plot: str) -> np.ndarray:
    """Return the draws of one plot."""
    return np.asarray(drawn.agb.values[drawn.agb.ids.index(plot)], dtype=float)


def pool(drawn: PlotDraws, column: str) -> np.ndarray:
    """Return the draws of one pool of all plots."""
    return np.asarray(drawn.pool(column).values[:])
