"""Real plots through the reader."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.carbon import CarbonSettings
from phytomass.inventory import (
    InventorySettings,
    plot_statistics,
    plots_with_biomass,
    read_inventory,
)

DATA = os.environ.get("PHYTOMASS_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="PHYTOMASS_DATA names no data folder")
ROOT = Path(str(DATA))


def test_bartlett_has_415_measured_plots_with_the_known_means() -> None:
    """242.24 (2002) and 217.25 (1991) Mg/ha; SE 3.22, 2.72 and 2.04 of the change (CATALOG)."""
    source = {
        "path": "bartlett/plots.csv",
        "columns": {
            **{"easting": "x_epsg5070", "northing": "y_epsg5070", "elevation_m": "elev"},
            **{"agb_mg_ha": "agb_2002_Mg_ha", "agb_before_mg_ha": "agb_1991_Mg_ha"},
        },
        "where": {"measured": 1},
        "crs": "EPSG:5070",
    }
    settings = InventorySettings.model_validate({"plots": source})
    inventory = read_inventory(settings, ROOT, "EPSG:5070")
    plots = plots_with_biomass(inventory, None, CarbonSettings(), settings)
    assert len(plots) == 415 and len(inventory.rejected) == 22
    assert set(inventory.rejected["column"]) == {"measured"}
    now, before = plots["agb_mg_ha"], plots["agb_before_mg_ha"]
    assert round(now.mean(), 2) == 242.24 and round(before.mean(), 2) == 217.25
    change = now - before
    assert round(change.mean(), 2) == 24.99
    errors = [v.std(ddof=1) / np.sqrt(415) for v in (now, before, change)]
    assert [round(e, 2) for e in errors] == [3.22, 2.72, 2.04]


def test_finland_sample_of_300_pixels() -> None:
    columns = {"easting": "easting_m", "northing": "northing_m", "agb_mg_ha": "agb_Mg_ha"}
    source = {"path": "finland/plots.csv", "columns": columns}
    settings = InventorySettings.model_validate({"plots": source})
    inventory = read_inventory(settings, ROOT, "EPSG:32635")
    plots = plots_with_biomass(inventory, None, CarbonSettings(), settings)
    assert len(plots) == 300 and inventory.rejected.empty
    first = plots.iloc[0]
    assert (first["plot_id"], first["easting"], first["northing"]) == ("F000", 501285.0, 6999665.0)
    agb = plot_statistics(plots).iloc[0]
    assert agb["n"] == 300 and agb["min"] == 0.0
    assert abs(agb["mean"] - 76.49) < 3 * 72.88 / np.sqrt(300)  # the true mean and SD of the chip


def test_multi_stem_inventory_in_latin_names_reads_its_first_stem(tmp_path: Path) -> None:
    """The Atlantic forest inventory: authors in names, several plots, no coordinates of plots."""
    (tmp_path / "plots.csv").write_text("plot_id,easting,northing\n1,0,0\n2,50,0\n")
    source = {
        "path": str(ROOT / "atlantic" / "inventory_2020_2021.csv"),
        "columns": {
            **{"plot_id": "plot", "tree_id": "tree_id", "species": "scientific_name"},
            **{"dbh_cm": "DBH1_cm"},
        },
        "where": {"treatment": "SAFT", "site": 2, "block": 1},
    }
    settings = InventorySettings.model_validate(
        {"plots": {"path": "plots.csv"}, "trees": source, "plot_area_ha": 0.1}
    )
    inventory = read_inventory(settings, tmp_path, "EPSG:32722")
    assert inventory.trees is not None
    densities = dict.fromkeys(inventory.trees["species"], 0.6)
    allometry = AllometrySettings(fallback="chave2014", wood_density=densities)
    trees = tree_biomass(inventory.trees, allometry)
    first = trees.iloc[0]
    assert first["accepted_species"] == "Piptadenia gonoacantha"
    assert first["agb_kg"] == pytest.approx(0.0673 * (0.6 * 6.1**2 * 8.8) ** 0.976)
