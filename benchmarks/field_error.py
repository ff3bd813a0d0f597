"""How fast plot biomass is drawn, and in how much memory.

    python benchmarks/field_error.py [trees] [draws] [workers]

One process, one fresh folder for the draws. R BIOMASS's AGBmonteCarlo does 2.4 million tree-draws
per second on this kind of machine (600 trees × 1 000 draws in 0.25 s); ten times that is the goal.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, plot_draws

BIOMASS_R = 2.4e6
TREES_PER_PLOT = 50


def forest(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    d = np.exp(rng.normal(np.log(20), 0.5, n)).clip(5, 150)
    species = ["Melia azedarach", "Ailanthus altissima", "Dalbergia sissoo", "Quercus incana"]
    trees = pd.DataFrame(
        {
            "tree_id": np.arange(n).astype(str),
            "plot_id": (np.arange(n) // TREES_PER_PLOT).astype(str),
            "species": rng.choice(species, n),
            "dbh_cm": d,
            "height_m": 3.1 * d**0.6,
        }
    )
    plots = pd.DataFrame({"plot_id": trees["plot_id"].unique(), "area_ha": 0.1})
    return trees, plots


def main() -> None:
    n, draws, workers = (
        int(v) for v in (*sys.argv[1:], *("100000", "10000", "2")[len(sys.argv) - 1 :])
    )
    allometry = AllometrySettings(fallback="chave2014")
    trees, plots = forest(n)
    table = tree_biomass(trees, allometry)
    errors = ErrorSettings(draws=draws, alternatives=("chave2005_moist",))
    small = ErrorModel(allometry, errors=ErrorSettings(draws=20))
    plot_draws(table.iloc[:10], plots, small, random_state=0)  # compile
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        model = ErrorModel(allometry, errors=errors)
        store = Path(folder) / "plot_draws.zarr"
        drawn = plot_draws(table, plots, model, random_state=1, store=store, workers=workers)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        result = drawn.table()
        table_seconds = time.perf_counter() - start
        stored = sum(p.stat().st_size for p in store.rglob("*") if p.is_file()) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = n * draws / seconds
    print(f"{n} trees × {draws} draws, {len(plots)} plots, {workers} threads")
    print(f"draws: {seconds:.1f} s, {rate / 1e6:.1f} million tree-draws/s")
    print(f"that is {rate / BIOMASS_R:.1f} × R BIOMASS ({BIOMASS_R / 1e6:.1f} million/s)")
    print(f"table of se and bounds: {table_seconds:.1f} s; zarr {stored:.0f} MiB")
    print(f"peak memory {peak:.0f} MiB (before: {before:.0f} MiB)")
    cv = (result["agb_se_mg_ha"] / result["agb_mg_ha"]).median()
    print(f"median plot CV {100 * cv:.1f} %; mean {100 * drawn_cv(result):.1f} %")


def drawn_cv(result: pd.DataFrame) -> float:
    return float((result["agb_mean_mg_ha"] / result["agb_mg_ha"]).mean() - 1)


if __name__ == "__main__":
    main()
