"""A printed number lies in the middle of its own draws: between their 40th and 60th percentile."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import AllometrySettings, load_equations, tree_biomass
from phytomass.inventory.field_error import (
    ErrorModel,
    ErrorSettings,
    ensemble_biomass,
    plot_draws,
)
from phytomass.landscape import ALLOMETRY, LandscapeSettings
from phytomass.landscape.forest import simulate_forest
from phytomass.landscape.sampling import plot_table
from phytomass.landscape.simulate import grid_at
from phytomass.landscape.terrain import simulate_terrain
from phytomass.landscape.trees import tree_table

DATA = Path(os.environ.get("PHYTOMASS_DATA", "absent"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="PHYTOMASS_DATA names no data folder")
WYOMING = {
    **{"19": "Abies lasiocarpa", "66": "Juniperus scopulorum", "93": "Picea engelmannii"},
    **{"101": "Pinus albicaulis", "108": "Pinus contorta", "113": "Pinus flexilis"},
    **{"122": "Pinus ponderosa", "202": "Pseudotsuga menziesii", "746": "Populus tremuloides"},
}


def demo() -> tuple[pd.DataFrame, AllometrySettings]:
    """Return the field sheet of a small landscape: local, group and general equations."""
    settings = LandscapeSettings(rows=100, cols=100, n_sites=6)
    terrain = simulate_terrain(settings)
    forest = simulate_forest(settings, terrain)
    plots = plot_table(settings, grid_at(settings, 10), terrain, forest)
    return tree_table(settings, plots, forest).dropna(), ALLOMETRY


def atlantic() -> tuple[pd.DataFrame, AllometrySettings]:
    """Return 172 trees whose species have a density from the field."""
    trees = pd.read_csv(DATA / "atlantic" / "sampled_trees.csv")
    densities = pd.read_csv(DATA / "atlantic" / "field_WD_measurements.csv")
    mean = densities.groupby("species")["wood_density_g_cm3"].mean().to_dict()
    plot = trees["treatment"] + "-" + trees["site"].astype(str)
    trees = trees.rename(columns={"DBH_cm": "dbh_cm"}).assign(plot_id=plot)
    trees["tree_id"] = np.arange(len(trees)).astype(str)
    return trees, AllometrySettings(fallback="chave2014", wood_density=mean)


def wyoming() -> tuple[pd.DataFrame, AllometrySettings]:
    """Return live trees in cm and m; every third height is taken away and filled by a model."""
    trees = pd.read_csv(DATA / "wyoming" / "tree.csv").query("STATUSCD == 1")
    trees = trees.dropna(subset=["DIA", "HT"]).reset_index(drop=True)
    names = trees["SPCD"].astype(int).astype(str).map(WYOMING)
    height = trees["HT"].to_numpy() * 0.3048
    height[::3] = np.nan
    table = pd.DataFrame(
        {
            "tree_id": np.arange(len(trees)).astype(str),
            "plot_id": trees["PLT_CN"].astype(str),
            "species": names,
            "dbh_cm": trees["DIA"] * 2.54,
            "height_m": height,
        }
    ).dropna(subset="species")
    return table, AllometrySettings.model_validate(
        {
            "groups": {"conifer": "general_conifer_ali"},
            "fallback": "chave2014",
            "wood_density_table": "gwdd2_estimates.csv",
            "heights": {"form": "log_quadratic"},
        }
    )


def harvest() -> tuple[pd.DataFrame, AllometrySettings]:
    """Return the trees of Chave et al. 2014, one plot per site, with the densities of their rows."""
    names = {
        "Locality": "plot_id",
        "Trunk.diameter..cm.": "dbh_cm",
        "Total.height..m.": "height_m",
        "Wood.specific.gravity": "wood_density",
    }
    trees = pd.read_csv(DATA / "harvest" / "trees.csv", encoding="latin-1", usecols=list(names))
    trees = trees.rename(columns=names).dropna().query("dbh_cm >= 4.9").reset_index(drop=True)
    trees = trees.assign(tree_id=trees.index.astype(str), species="Melia azedarach")
    return trees, AllometrySettings(fallback="chave2014")


CASES = {
    "demo": (demo, {}),
    "demo, ensemble": (demo, {"equation_choice": "ensemble"}),
    "Atlantic": (atlantic, {}),
    "Atlantic, two equations": (atlantic, {"alternatives": ["chave2005_moist"]}),
    "Wyoming": (wyoming, {}),
    "Wyoming, ensemble": (wyoming, {"equation_choice": "ensemble"}),
    "harvest": (harvest, {}),
    "harvest, four equations": (
        harvest,
        {"alternatives": ["chave2005_dry", "chave2005_moist", "chave2005_wet"]},
    ),
}


def places(case: str) -> dict[str, float]:
    """Return the percentile of the printed mean of the plots among its draws, per pool."""
    source, settings = CASES[case]
    sheet, allometry = source()
    errors = ErrorSettings.model_validate({"draws": 4000, **settings})
    model = ErrorModel(allometry, errors=errors, root=DATA / "wood_density")
    trees = ensemble_biomass(tree_biomass(sheet, allometry, model.root), model)
    if "wood_density" in sheet:
        sizes = (sheet["dbh_cm"], sheet["height_m"], sheet["wood_density"])
        mass = load_equations()["chave2014"].agb_kg(*sizes)
        trees = trees.assign(wood_density=sheet["wood_density"], agb_kg=mass)
    plots = pd.DataFrame({"plot_id": sorted(trees["plot_id"].astype(str).unique()), "area_ha": 1})
    drawn = plot_draws(trees, plots, model, random_state=1)
    found = {}
    for pool in ("agb_mg_ha", "total_mg_ha", "carbon_mg_ha", "co2e_mg_ha"):
        mean = drawn.pool(pool).mean()
        found[pool] = float((mean.values[0] < mean.point[0]).mean())
    return found


@pytest.mark.parametrize(
    "case", [c if "demo" in c else pytest.param(c, marks=needs_data) for c in CASES]
)
def test_the_printed_mean_lies_in_the_middle_of_its_draws(case: str) -> None:
    found = places(case)
    assert all(0.4 < place < 0.6 for place in found.values()), found
