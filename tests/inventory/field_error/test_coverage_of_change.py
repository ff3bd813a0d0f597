"""Do the intervals of change hold the truth? Worlds of two dates made by numpy alone.

As `test_coverage`: every repetition is another site, other coefficients and wood; here its trees
grow, die and come in, each with its own deviation from the equation for good, and each date is
measured with its own errors.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import tree_biomass
from phytomass.inventory import Remeasurement
from phytomass.inventory.field_error import plot_change, plot_draws
from tests.inventory.field_error import test_coverage as one_date

YEARS = 10.0
TRUTHS = ("growth", "mortality", "change")


def _seen(rng: np.random.Generator, d: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gross = rng.random(d.size) < 0.05
    sd = np.where(gross, np.minimum(4.64, 0.2 * d), 0.0062 * d + 0.0904)
    return np.maximum(d + rng.normal(0, 1, d.size) * sd, 1.0), h * (
        1 + rng.normal(0, 0.1, d.size)
    ).clip(0.3)


def _world(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a sheet (diameters and heights of both dates) and the truth, Mg/ha/yr per plot."""
    c = one_date
    n = c.PLOTS * c.TREES
    d = np.exp(rng.normal(np.log(18), 0.5, n)).clip(5, 120)
    grown = d + rng.gamma(2, 2, n)
    deviation = rng.normal(0, c.H_SD, n)
    rho = c.DENSITY + np.sqrt(0.5) * c.DENSITY_SD * (rng.normal() + rng.normal(size=n))
    cov = c.R_AB * c.SE_A * c.SE_B
    e = rng.multivariate_normal([0, 0], [[c.SE_A**2, cov], [cov, c.SE_B**2]])
    own = rng.normal(0, np.sqrt(c.S**2 - c.SITE_SD**2), n) + rng.normal(0, c.SITE_SD)
    plot = np.repeat(np.arange(c.PLOTS), c.TREES)
    area = c.AREA_HA * np.exp(rng.normal(0, 0.01, c.PLOTS))
    died, new = rng.random(n) < 0.1, rng.random(n) < 0.1
    new &= ~died
    sheet = pd.DataFrame({"tree_id": np.arange(n).astype(str), "plot_id": [f"P{p}" for p in plot]})
    mass = {}
    for name, at, gone in (("before", d, new), ("after", grown, died)):
        h = np.exp(c.H_A + c.H_B * np.log(at) + deviation)
        log_mass = c.A + e[0] + (c.B + e[1]) * np.log(rho * at**2 * h) + own
        mass[name] = np.where(gone, 0.0, np.exp(log_mass))
        seen = _seen(rng, at, h)
        sheet[f"d_{name}"], sheet[f"h_{name}"] = (np.where(gone, np.nan, x) for x in seen)
    change = mass["after"] - mass["before"]
    parts = (np.where(died | new, 0, change), np.where(died, mass["before"], 0), change)
    truth = {
        t: np.bincount(plot, x) / 1000 / area / YEARS for t, x in zip(TRUTHS, parts, strict=True)
    }
    return sheet.assign(fate=np.select([died, new], ["died", "recruit"], "survivor")), pd.DataFrame(
        truth
    )


def _dated(sheet: pd.DataFrame, name: str) -> pd.DataFrame:
    table = sheet.rename(columns={f"d_{name}": "dbh_cm", f"h_{name}": "height_m"})
    table = table[["tree_id", "plot_id", "dbh_cm", "height_m"]].assign(species=one_date.SPECIES)
    return table.dropna()


def coverage(folder: Path, repetitions: int) -> dict[str, float]:
    """Return the share of repetitions whose 95 % interval holds the truth: of plots, of their mean."""
    model, rng = one_date._model(folder, "included", None), np.random.default_rng(12)
    ids = [f"P{p}" for p in range(one_date.PLOTS)]
    plots = pd.DataFrame({"plot_id": ids, "area_ha": one_date.AREA_HA})
    visits = pd.DataFrame(
        {"date_before": "2000", "date": "2010", "years": YEARS}, index=pd.Index(ids, name="plot_id")
    )
    held: dict[str, list[float]] = {}
    for number in range(repetitions):
        sheet, truth = _world(rng)
        trees = [
            tree_biomass(_dated(sheet, n), model.allometry, folder) for n in ("before", "after")
        ]
        growth = sheet[["plot_id", "tree_id", "fate"]]
        earlier = Remeasurement(trees[0], growth, visits)
        table = plot_change(earlier, *trees, plots, model, random_state=number, workers=1)
        for name in TRUTHS:
            low, high = (table[f"{name}_{b}95_mg_ha_yr"].to_numpy() for b in ("low", "high"))
            inside = (low <= truth[name]) & (truth[name] <= high)
            held.setdefault(f"plot, {name}", []).append(float(inside.mean()))
        after, before = (
            plot_draws(t, plots, replace(model, campaign=c), random_state=number, workers=1).agb
            for t, c in ((trees[1], ""), (trees[0], "earlier"))
        )
        low, high = (after - before).mean().interval(0.95)
        true = truth["change"].mean() * YEARS
        held.setdefault("mean, change", []).append(float(low[0] <= true <= high[0]))
    return {name: float(np.mean(found)) for name, found in held.items()}


@pytest.mark.slow
def test_95_percent_intervals_of_change_hold_the_truth(tmp_path: Path) -> None:
    """400 worlds; the standard error of the mean's share is 1.1 %, that of the plots' below 1 %."""
    found = coverage(tmp_path, 400)
    assert all(0.93 <= share <= 0.97 for share in found.values()), found
