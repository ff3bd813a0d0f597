"""Tables of wood density: a user's own, the global database, the fall-back and its SD."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import (
    AllometrySettings,
    load_wood_density,
    tree_biomass,
    wood_density,
)
from phytomass.errors import InputError
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, plot_draws

DATA = os.environ.get("PHYTOMASS_DATA")


@pytest.mark.skipif(DATA is None, reason="PHYTOMASS_DATA names no data folder")
def test_the_global_database_species_genus_family() -> None:
    """Values of methods 1.3; the family is found for a species whose genus is not there."""
    table = load_wood_density(Path(str(DATA)) / "wood_density" / "gwdd2_estimates.csv")
    names = ["Acacia modesta", "Robinia pseudoacacia", "Quercus inexistens", "Acanthus nullus"]
    found = wood_density([*names, "Nullus nullus"], table=table)
    assert found["level"].tolist() == ["species", "species", "genus", "genus", "none"]
    values = [0.798, 0.606, 0.711, 0.443]
    assert found["wood_density"][:4].to_numpy() == pytest.approx(values, abs=6e-4)
    assert found["wood_density_sd"][:2].to_numpy() == pytest.approx([0.102, 0.090], abs=6e-4)
    assert len(table.values) > 20_000


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_own_table_comes_before_the_built_in_one_level_by_level(tmp_path: Path) -> None:
    text = "taxon,wood_density,sd\nPinus roxburghii,0.5,0.02\nCedrus,0.48,\nFagaceae,0.65,0.1\n"
    table = load_wood_density(write(tmp_path / "own.csv", text))
    names = ["Chir", "Cedrus deodara", "Cedrus libani", "Lithocarpus edulis", "Quercus incana"]
    found = wood_density(names, table=table)
    assert found["wood_density"].tolist()[:3] == [0.5, 0.523, 0.48]
    assert found["level"].tolist() == ["species", "species", "genus", "family", "species"]
    assert np.isnan(found["wood_density_sd"].iloc[2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("taxon,density\nA b,0.5\n", "no column wood_density"),
        ("taxon,wood_density\nA b,450\nC d,0.4\n", "row 2: '450' is not a wood density"),
        ("taxon,wood_density\nA b,450\nC d,610\nE f,0.4\n", "2 of 3 .* add a column unit"),
        ("taxon,wood_density,unit\nA b,450,kg/m2\n", "row 2, column unit: unknown unit 'kg/m2'"),
        ("taxon,wood_density\nA b,heavy\n", "'heavy' is not"),
        ("taxon,wood_density\nA b,0.5\nA b,0.6\n", "two densities"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_wood_density(write(tmp_path / "own.csv", text))
    with pytest.raises(InputError, match="no such file"):
        load_wood_density(tmp_path / "absent.csv")


def test_densities_in_another_unit_that_the_table_says(tmp_path: Path) -> None:
    text = "taxon,wood_density,sd,unit\nPinus roxburghii,500,20,kg/m3\nCedrus,0.48,0.03,\n"
    table = load_wood_density(write(tmp_path / "own.csv", text))
    found = wood_density(["Chir", "Cedrus libani"], table=table)
    assert found["wood_density"].tolist() == pytest.approx([0.5, 0.48])
    assert found["wood_density_sd"].tolist() == pytest.approx([0.02, 0.03])


def test_plot_mean_is_a_choice_and_its_error_is_large() -> None:
    """Two known trees of 0.402 and 0.606: the third gets 0.504 ± 0.12."""
    trees = pd.DataFrame(
        {
            "tree_id": ["1", "2", "3"],
            "plot_id": "P",
            "species": ["Populus deltoides", "Robinia pseudoacacia", "Nullus nullus"],
            "dbh_cm": 20.0,
            "height_m": 15.0,
        }
    )
    equations = dict.fromkeys(trees["species"], "chave2014")
    with pytest.raises(InputError, match="no wood density"):
        tree_biomass(trees, AllometrySettings(species=equations))
    allometry = AllometrySettings(species=equations, wood_density_plot_mean=True)
    table = tree_biomass(trees, allometry)
    assert table["wood_density"].tolist() == pytest.approx([0.402, 0.606, 0.504])
    assert table["wood_density_level"].tolist() == ["species", "species", "plot"]
    third = table.iloc[2:]
    plots = pd.DataFrame({"plot_id": ["P"], "area_ha": [1.0]})
    model = ErrorModel(allometry, errors=ErrorSettings(draws=20_000).only("wood_density"))
    drawn = np.asarray(plot_draws(third, plots, model, random_state=1).agb.values[0], dtype=float)
    assert drawn.std() / drawn.mean() == pytest.approx(0.976 * 0.12 / 0.504, rel=0.03)
