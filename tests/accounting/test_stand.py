"""Species and size classes add up to the mean of the plots."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from phytomass.accounting.stand import by_size, by_species


@given(st.integers(1, 60), st.integers(2, 6), st.booleans(), st.integers(0, 10**6))
def test_classes_add_up_to_the_plots(n: int, n_plots: int, expanded: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plots = pd.DataFrame({"plot_id": [f"P{i}" for i in range(n_plots)]})
    plots["area_ha"] = rng.uniform(0.05, 0.2, n_plots)
    trees = pd.DataFrame(
        {
            "plot_id": rng.choice(plots["plot_id"], n),
            "species": rng.choice(["Pinus", "Abies", "Quercus"], n),
            "dbh_cm": rng.uniform(5, 70, n),
            "agb_kg": rng.gamma(2, 200, n),
        }
    )
    weight = 1 / trees["plot_id"].map(plots.set_index("plot_id")["area_ha"])
    if expanded:
        trees["per_ha"], plots = weight, plots[["plot_id"]]
    mean = float((weight * trees["agb_kg"]).sum()) / 1000 / n_plots
    basal = float((weight * np.pi / 4 * (trees["dbh_cm"] / 100) ** 2).sum()) / n_plots
    for table in (by_species(trees, plots), by_size(trees, plots)):
        assert_allclose(table["agb_mg_ha"].sum(), mean)
        assert_allclose(table["basal_area_m2_ha"].sum(), basal)
        assert_allclose(table["share"].sum(), 1)
        assert table["n_trees"].sum() == n


def test_error_and_order_by_hand() -> None:
    trees = pd.DataFrame({"plot_id": ["A", "A", "B", "Z"], "accepted_species": list("xyxx"),
                          "dbh_cm": [9.9, 10.0, 20.0, 100.0], "agb_kg": [100.0, 50.0, 300.0, 1.0]})  # fmt: skip
    plots = pd.DataFrame({"plot_id": ["A", "B", "C"], "area_ha": 0.1})
    table = by_species(trees, plots).set_index("class")
    assert table["n_plots"].to_dict() == {"x": 2, "y": 1}
    assert_allclose(table.loc["x", "agb_se_mg_ha"], np.std([1, 3, 0], ddof=1) / np.sqrt(3))
    assert by_size(trees, plots)["class"].tolist() == ["0-10", "10-20", "20-30"]
