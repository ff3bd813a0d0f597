"""Do the intervals hold the truth? Worlds made by numpy alone, measured as a crew would.

Nothing of the package makes a world: its trees get their mass from the formulas written here. Each
repetition is another world (another site, coefficients, wood, fractions); the package sees only the
field sheet and the published equation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.carbon import CarbonSettings
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, PlotDraws, plot_draws

PLOTS, TREES, AREA_HA = 8, 30, 0.1
A, B, S, SITE_SD = -2.7628, 0.976, 0.3575, 0.169
SE_A, SE_B, R_AB = 0.0215, 0.00275, -0.965
DENSITY, DENSITY_SD = 0.6, 0.09
FRACTION, FRACTION_SD, ROOT, ROOT_SD = 0.47, 0.0206, 0.26, 0.26 * 0.3
H_A, H_B, H_SD = 0.9, 0.6, 0.15
COVERED = ("plot, AGB", "mean, AGB", "plot, carbon", "mean, carbon")
SPECIES = "Arbor ficta"


@dataclass(frozen=True)
class World:
    """A field sheet and what is true: Mg/ha of AGB and of total carbon per plot."""

    sheet: pd.DataFrame
    agb: np.ndarray
    carbon: np.ndarray


def _world(rng: np.random.Generator, heights: int | None, corrected: bool) -> World:
    """Make one: `heights` trees with a measured height (None: all).

    `corrected`: whether the printed constant exp(A + S²/2) is the mean, or exp(A + S²/2) is only the
    median and the mean is exp(S²/2) higher.
    """
    n = PLOTS * TREES
    d = np.exp(rng.normal(np.log(18), 0.5, n)).clip(5, 120)
    h = np.exp(H_A + H_B * np.log(d) + rng.normal(0, H_SD, n))
    rho = DENSITY + np.sqrt(0.5) * DENSITY_SD * (rng.normal() + rng.normal(size=n))
    e = rng.multivariate_normal([0, 0], [[SE_A**2, c := R_AB * SE_A * SE_B], [c, SE_B**2]])
    own = np.sqrt(S**2 - SITE_SD**2)
    level = A + (0.0 if corrected else S**2 / 2)
    log_mass = level + e[0] + (B + e[1]) * np.log(rho * d**2 * h)
    log_mass += rng.normal(0, SITE_SD) + rng.normal(0, own, n)
    plot = np.repeat(np.arange(PLOTS), TREES)
    area = AREA_HA * np.exp(rng.normal(0, 0.01, PLOTS))
    agb = np.bincount(plot, np.exp(log_mass)) / 1000 / area
    gross = rng.random(n) < 0.05
    sd = np.where(gross, np.minimum(4.64, 0.2 * d), 0.0062 * d + 0.0904)
    seen_d = np.maximum(d + rng.normal(0, 1, n) * sd, 1.0)
    seen_h = h if heights is not None else h * (1 + rng.normal(0, 0.1, n)).clip(0.3)
    if heights is not None:
        seen_h = np.where(np.isin(np.arange(n), rng.choice(n, heights, False)), seen_h, np.nan)
    sheet = pd.DataFrame(
        {
            "tree_id": np.arange(n).astype(str),
            "plot_id": [f"P{p}" for p in plot],
            "species": SPECIES,
            "dbh_cm": seen_d,
            "height_m": seen_h,
        }
    )
    spread = np.sqrt(np.log(1 + (ROOT_SD / ROOT) ** 2))
    root = ROOT * np.exp(rng.normal(0, spread) - spread**2 / 2)
    return World(sheet, agb, agb * (1 + root) * rng.normal(FRACTION, FRACTION_SD))


def _model(folder: Path, correction: str, heights: int | None) -> ErrorModel:
    covariance = f"{SE_A**2};{R_AB * SE_A * SE_B};{SE_B**2}"
    row = {
        **{"id": "ficta", "form": "power_rhod2h", "a": np.exp(A + S**2 / 2), "b": B, "n": 4004},
        **{"rse_log": S, "correction": correction, "covariance": covariance, "source": "invented"},
        **{"site_sd": SITE_SD, "sites": 58},
    }
    pd.DataFrame([row]).to_csv(folder / "own.csv", index=False)
    allometry = AllometrySettings.model_validate(
        {
            **{"fallback": "ficta", "equations": "own.csv", "wood_density": {SPECIES: DENSITY}},
            "heights": None if heights is None else {"form": "log_log", "stratum": None},
        }
    )
    carbon = CarbonSettings.model_validate(
        {
            "carbon_fraction": {"value": FRACTION, "sd": FRACTION_SD},
            "root_shoot": {"value": ROOT, "sd": ROOT_SD},
        }
    )
    values = {} if heights is None else {"height_cv": 0.0}
    errors = ErrorSettings(draws=1000, values=values, wood_density_sd={SPECIES: DENSITY_SD})
    return ErrorModel(allometry, carbon, errors, folder)


def _held(drawn: PlotDraws, world: World) -> list[bool]:
    found = []
    for column, truth in (("agb_mg_ha", world.agb), ("carbon_mg_ha", world.carbon)):
        pool = drawn.pool(column)
        draws = np.asarray(pool.values[:])
        for some, true in ((draws[0], truth[0]), (draws.mean(axis=0), truth.mean())):
            low, high = np.percentile(some, [2.5, 97.5])
            found.append(bool(low <= true <= high))
    return found


def coverage(
    folder: Path, heights: int | None, correction: str, corrected: bool, repetitions: int
) -> dict[str, float]:
    """Return the share of repetitions whose 95 % interval holds the truth, for four targets."""
    model, rng = _model(folder, correction, heights), np.random.default_rng(11)
    plots = pd.DataFrame({"plot_id": [f"P{p}" for p in range(PLOTS)], "area_ha": AREA_HA})
    held = []
    for number in range(repetitions):
        world = _world(rng, heights, corrected)
        trees = tree_biomass(world.sheet, model.allometry, folder)
        drawn = plot_draws(trees, plots, model, random_state=number, workers=1)
        held.append(_held(drawn, world))
    return dict(zip(COVERED, np.mean(held, axis=0).tolist(), strict=True))


CASES = {
    "matched model, all heights measured": (None, "included", True),
    "25 measured heights": (25, "included", True),
    "unknown correction, it is included": (None, "unknown", True),
    "unknown correction, it is absent": (None, "unknown", False),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_95_percent_intervals_hold_the_truth_in_93_to_97_of_a_hundred_worlds(
    case: str, tmp_path: Path
) -> None:
    """400 worlds each; their own standard error is 1.1 %."""
    found = coverage(tmp_path, *CASES[case], 400)
    assert all(0.93 <= share <= 0.97 for share in found.values()), found
