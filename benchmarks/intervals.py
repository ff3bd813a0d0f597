"""How often the interval of an area's mean holds the truth: methods as plug-ins, truths as data.

Each repetition draws plots from a population that is known whole, measures them with a field chain
of its own (an error that all plots share, and one of each plot), fits an ensemble, and asks every
method for the mean of the population with its 95 % interval. Another method is a function in
`METHODS`; another truth a function in `TRUTHS`.

    PHYTOMASS_DATA=… python benchmarks/intervals.py [--repetitions 500] [--only finland/300] [--out CSV]

To be cheap, populations are 3 000 random pixels, and the ensemble is small: 30 members of 2 trees
(extremely randomised), each on its own bootstrap of the plots and its own draw of what they share.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from scipy import ndimage
from sklearn import config_context
from sklearn.tree import ExtraTreeRegressor

from phytomass.accounting import Estimate, area_estimates
from phytomass.accounting.totals import (
    Assisted,
    Cover,
    Factors,
    Modelled,
    assisted_estimates,
    modelled_estimates,
    residual_variogram,
)
from phytomass.carbon import CarbonSettings
from phytomass.draws import Draws
from phytomass.inventory.sampling import DesignSettings
from phytomass.mapping.map_draws import MapDraws

Array = NDArray[np.float64]
Interval = tuple[float, float, float]
MEMBERS, TREES, SIZE, K = 30, 2, 3000, 200
SIMPLE = DesignSettings(kind="simple_random")
CARBON = CarbonSettings()
DATA = Path(os.environ.get("PHYTOMASS_DATA", "."))


@dataclass(frozen=True, eq=False)
class Truth:
    """A population that is known whole.

    Parameters
    ----------
    name : str
    x : array of float32, shape (N, p)
        Predictors.
    y : array, shape (N,)
        Biomass, Mg/ha.
    place : array, shape (N, 2)
        Positions, m.
    n : int
        Plots that are drawn.
    shared, own : float
        SD of the logarithm of the error that all plots share, and relative SD of their own.
    purposive : bool
        Whether dense forest is preferred: the chance of a pixel grows with its biomass.
    """

    name: str
    x: NDArray[np.float32]
    y: Array
    place: Array
    n: int
    shared: float = 0.0
    own: float = 0.0
    purposive: bool = False


@dataclass(frozen=True, eq=False)
class Case:
    """One repetition: which units were drawn, what was measured, what the draws say, the ensemble."""

    truth: Truth
    rows: NDArray[np.intp]
    y: Array
    factors: Array
    seed: int

    @cached_property
    def plots(self) -> pd.DataFrame:
        """Plots as the library knows them."""
        at = self.truth.place[self.rows]
        ids = [f"P{i}" for i in range(len(self.rows))]
        return pd.DataFrame(
            {"plot_id": ids, "agb_mg_ha": self.y, "easting": at[:, 0], "northing": at[:, 1]}
        )

    def tree(self, y: Array, weights: Array, rng: np.random.Generator) -> Array:
        """Return what one tree predicts everywhere; the checks of inputs would cost most of it."""
        x = self.truth.x[self.rows]
        tree = ExtraTreeRegressor(min_samples_leaf=3, random_state=int(rng.integers(1 << 31)))
        with config_context(skip_parameter_validation=True):
            tree.fit(x, y, sample_weight=weights, check_input=False)
        return np.asarray(tree.tree_.predict(self.truth.x)[:, 0], np.float64)

    @cached_property
    def members(self) -> tuple[Array, NDArray[np.int64]]:
        """Predictions of all units by each member, and how often each plot is in it."""
        rng, n = np.random.default_rng(self.seed), len(self.rows)
        drawn = np.zeros((MEMBERS, n), np.int64)
        found = np.zeros((MEMBERS, len(self.truth.y)))
        for k in range(MEMBERS):
            drawn[k] = np.bincount(rng.integers(0, n, n), minlength=n)
            learned = self.y * self.factors[k % len(self.factors)]
            for _ in range(TREES):
                found[k] += self.tree(learned, drawn[k].astype(float), rng) / TREES
        return found, drawn

    @cached_property
    def draws(self) -> MapDraws:
        """What a run would keep of the ensemble."""
        found, drawn = self.members
        size = np.array([found.shape[1]])
        return MapDraws(
            ("all",),
            tuple(self.plots["plot_id"]),
            found[:, self.rows],
            drawn,
            np.tile(self.y, (MEMBERS, 1)),
            {"agb.tif": found.sum(axis=1)[:, None]},
            {"agb.tif": np.array([found.mean(axis=0).sum()])},
            {"agb.tif": size},
        )

    @cached_property
    def cover(self) -> Cover:
        """A mask that is mapped whole."""
        size, n = np.array([len(self.truth.y)]), len(self.rows)
        some = self.truth.place[:: max(1, len(self.truth.place) // 300)]
        return Cover(
            ("all",), size, size * 0, 0.01, (some,), some, np.zeros(n, np.intp), np.ones(n, bool)
        )

    def shared(self, pool: str, kind: str) -> Draws:
        """Draws of the plots in which what they share varies."""
        values = self.y[:, None] * self.factors
        return Draws(self.y, values, tuple(self.plots["plot_id"]), pool, kind, "Mg/ha")

    def held_out(self) -> pd.DataFrame:
        """Predictions of the plots by five folds of blocks."""
        n = len(self.rows)
        east = np.argsort(np.argsort(self.truth.place[self.rows, 0])) * 5 // n
        predicted, rng = np.zeros(n), np.random.default_rng(self.seed + 1)
        for fold in range(5):
            out = east == fold
            for _ in range(5):
                weights = np.bincount(rng.choice(np.flatnonzero(~out), n), minlength=n)
                predicted[out] += self.tree(self.y, weights.astype(float), rng)[self.rows][out] / 5
        ids = self.plots["plot_id"]
        return pd.DataFrame({"plot_id": ids, "observed": self.y, "predicted": predicted})


def one(rows: list[Estimate], quantity: str) -> Interval:
    """Return value and bounds of the AGB of the whole."""
    found = next(r for r in rows if (r.quantity, r.pool, r.kind) == (quantity, "AGB", "dry_mass"))
    return found.value, found.low, found.high


def design_based(case: Case) -> Interval:
    """Return the mean of the plots."""
    shared = case.shared if case.truth.shared else None
    return one(area_estimates(case.plots, SIMPLE, shared=shared), "area_mean")


FACTORS = Factors(
    ("all",),
    pd.DataFrame(
        1.0,
        index=["all"],
        columns=pd.MultiIndex.from_product([["AGB", "BGB", "total"], ["dry_mass", "C", "CO2e"]]),
    ),
)


def assisted(case: Case) -> Assisted:
    """Return what the library's estimator is given."""
    shared = case.shared if case.truth.shared else None
    return Assisted(case.draws, case.cover, case.plots, SIMPLE, FACTORS, CARBON, shared)


def model_assisted(case: Case) -> Interval:
    """Return the mean of the map, corrected by plots that its members did not see."""
    return one(assisted_estimates(assisted(case)), "assisted_mean")


def without_shared(case: Case) -> Interval:
    """Return the same without what the plots share: too narrow."""
    return one(assisted_estimates(replace(assisted(case), shared=None)), "assisted_mean")


def in_sample(case: Case) -> Interval:
    """Return the mean of the map, corrected by residuals of plots that it saw: too narrow."""
    found, _ = case.members
    everything = found.mean(axis=0)
    left = case.y - everything[case.rows]
    n = len(left)
    value, se = float(everything.mean() + left.mean()), float(left.std(ddof=1) / np.sqrt(n))
    return value, value - 1.98 * se, value + 1.98 * se


def model_based(case: Case) -> Interval:
    """Return the mean of the map under the model."""
    given = Modelled(
        case.draws, case.cover, FACTORS, CARBON, residual_variogram(case.plots, case.held_out())
    )
    return one(modelled_estimates(given), "model_mean")


METHODS: dict[str, Callable[[Case], Interval]] = {
    "design": design_based,
    "model_assisted": model_assisted,
    "model_based": model_based,
    "in_sample_residuals": in_sample,
    "without_shared_errors": without_shared,
}


def finland() -> tuple[Array, Array, Array]:
    """Return medians of the summer's images, biomass and positions of the Finnish chip."""
    folder = DATA / "finland"
    bands = []
    for pattern in ("s2_month0[678].tif", "s1_month0[56789].tif"):
        months = []
        for path in sorted(folder.glob(pattern)):
            with rasterio.open(path) as source:
                months.append(source.read(masked=True).astype(float).filled(np.nan))
        bands.append(np.nanmedian(months, axis=0))
    with rasterio.open(folder / "agb_truth.tif") as source:
        y = source.read(1).astype(float)
    x = np.nan_to_num(np.concatenate(bands).reshape(sum(map(len, bands)), -1).T)
    rows, cols = np.indices(y.shape).reshape(2, -1)
    return x, y.ravel(), np.column_stack([cols, rows]) * 10.0


def barro_colorado() -> tuple[Array, Array, Array]:
    """Return position and stems, biomass, and positions of the quadrats of Barro Colorado Island."""
    table = pd.read_csv(DATA / "bci" / "quadrats.csv")
    at = table[["px_center", "py_center"]].to_numpy(float)
    return (
        table[["px_center", "py_center", "n_stems"]].to_numpy(float),
        table["agb_mg_ha"].to_numpy(float),
        at,
    )


def volumes() -> tuple[Array, Array, Array]:
    """Return lidar metrics and growing stock of the 100 000 units of Saarela et al. (2016)."""
    table = pd.read_csv(DATA / "oracles" / "hybrid" / "population.csv.gz")
    x = table[["hMAX", "h80", "CRR", "pVeg"]].to_numpy(float)
    place = np.arange(len(table))
    return x, table["GSV"].to_numpy(float), np.column_stack([place % 316, place // 316]) * 16.0


def landscape() -> tuple[Array, Array, Array]:
    """Return a simulated landscape whose images saturate, and whose residuals hang together."""
    rng = np.random.default_rng(4)

    def smooth(sigma: float) -> Array:
        field = ndimage.gaussian_filter(rng.standard_normal((128, 128)), sigma, mode="wrap")
        return np.asarray(field / field.std())

    forest = np.exp(4.5 + 0.5 * smooth(8) + 0.3 * smooth(1))
    seen = 1 - np.exp(-forest / 90)
    x = [seen + 0.05 * rng.standard_normal(forest.shape) for _ in range(3)] + [smooth(8)]
    rows, cols = np.indices(forest.shape).reshape(2, -1)
    return np.array(x).reshape(4, -1).T, forest.ravel(), np.column_stack([cols, rows]) * 30.0


WHERE: dict[str, Callable[[], tuple[Array, Array, Array]]] = {
    "finland": finland, "bci": barro_colorado, "volumes": volumes, "landscape": landscape,
}  # fmt: skip

CASES = (
    ("finland", {"n": 100}),
    ("finland", {"n": 300}),
    ("landscape", {"n": 150, "shared": 0.1, "own": 0.15}),
    ("finland", {"n": 100, "purposive": True}),
    ("bci", {"n": 100}),
    ("volumes", {"n": 150}),
)


def truths(only: str) -> Iterator[Truth]:
    """Give the populations: at most `SIZE` random units of each."""
    for name, settings in CASES:
        label = "/".join(map(str, (name, *settings.values())))
        if label.startswith(only):
            x, y, at = WHERE[name]()
            rows = np.random.default_rng(1).permutation(len(y))[:SIZE]
            yield Truth(
                name, np.ascontiguousarray(x[rows], np.float32), y[rows], at[rows], **settings
            )  # type: ignore[arg-type]


def cases(truth: Truth, repetitions: int) -> Iterator[Case]:
    """Give the repetitions."""
    for seed in range(repetitions):
        rng = np.random.default_rng((seed, truth.n))
        chance = truth.y + 0.2 * truth.y.mean() if truth.purposive else np.ones(len(truth.y))
        rows = rng.choice(len(truth.y), truth.n, replace=False, p=chance / chance.sum())
        wrong = np.exp(truth.shared * rng.standard_normal() - truth.shared**2 / 2)
        own = 1 + truth.own * rng.standard_normal(truth.n)
        z = rng.standard_normal(K)
        factors = np.exp(truth.shared * z - truth.shared**2 / 2)
        yield Case(truth, rows, truth.y[rows] * wrong * own, factors, seed)


def measured(truth: Truth, repetitions: int) -> list[dict[str, object]]:
    """Return coverage, bias, width, error and interval score of every method."""
    goal = truth.y.mean()
    found: dict[str, list[Interval]] = {name: [] for name in METHODS}
    for case in cases(truth, repetitions):
        for name, method in METHODS.items():
            if name == "without_shared_errors" and not truth.shared:
                continue
            found[name].append(method(case))
    rows = []
    for name, intervals in found.items():
        if not intervals:
            continue
        value, low, high = np.array(intervals).T
        beyond = np.maximum(low - goal, 0) + np.maximum(goal - high, 0)
        rows.append({
            "truth": truth.name + (", purposive" if truth.purposive else ""), "n": truth.n,
            "method": name, "repetitions": len(value),
            "coverage": float(((low <= goal) & (goal <= high)).mean()),
            "bias": float((value - goal).mean() / goal),
            "rmse": float(np.sqrt(((value - goal) ** 2).mean()) / goal),
            "width": float((high - low).mean() / goal),
            "score": float((high - low + 40 * beyond).mean() / goal),
        })  # fmt: skip
    return rows


def main() -> None:
    """Run, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for truth in truths(options.only):
        rows += measured(truth, options.repetitions)
        table = pd.DataFrame(rows)
        if options.out is not None:
            table.to_csv(options.out, index=False)
        sys.stdout.write(table.tail(len(METHODS)).round(3).to_string() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
