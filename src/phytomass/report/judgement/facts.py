"""The numbers that the limits of a study are judged by, gathered from the results."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from phytomass.report.content.layers import Summary
from phytomass.report.content.results import Results
from phytomass.report.content.values import (
    NO_MASS,
    MapModel,
    in_whole,
    map_model_of,
    period_key,
    pick,
    predictions_of,
)

NAN = math.nan

ZONES = "zones"
"""Where the area of the zones comes from; the others come from files, and have their names."""

LEFT_OUT = "left out"
"""Kind of the rows of `rejected_rows.csv` that the project itself leaves out."""


@dataclass(frozen=True)
class Facts:
    """Numbers for the rules of `words`; NaN or empty where the results do not hold them.

    Parameters
    ----------
    n_plots, n_sites, n_outliers, n_rejected : float
        Counts.
    warnings : tuple of str or None
        What the check warned of before the run; None where it left nothing.
    zero_share : float
        Share of the plots without biomass.
    plot_low, plot_high, plot_mean : float
        AGB of the plots, Mg/ha.
    extrapolated_agb, doubtful_agb : float
        Share of the AGB of trees outside their equation's range, or by a doubtful equation.
    split, model, predictors : str
        Of the map's model, and the split its scores are quoted from.
    r2, rmse : dict of str to float
        Scores of the map's model by split.
    sd_ratio : float
        SD of predicted over SD of observed.
    top_bias, bottom_bias : float
        Mean error (predicted − observed) in the highest and the lowest quarter of observed AGB,
        Mg/ha.
    runner_up : tuple of str
        Model and predictors of the candidate next to the map's model in the quoted split.
    runner_gap, fold_sd : float
        RMSE of the runner-up minus the map's model, and the SD of RMSE between folds, Mg/ha.
    combined : dict of str to tuple
        Split → (R² optical, R² SAR, R² both) of the map's model.
    map_low, map_high, map_mean, share_below, share_above : float
        Of the map, Mg/ha; shares of its area beyond the range of the plots.
    areas : dict of str to float
        Hectares of the mapped area by result file.
    has_interval : bool or None
        Whether totals carry an interval or a standard error; None without totals.
    low_cover : tuple of str or None
        Predictors with values on less than 90 % of the grid.
    truth_mean, truth_r2 : float
        The known truth, and the map's R² against it.
    change_mean : float
        Mean change of the map, Mg/ha; NaN without one.
    remeasured : float
        Plots measured at both dates.
    """

    n_plots: float = NAN
    n_sites: float = NAN
    n_outliers: float = NAN
    n_rejected: float = NAN
    warnings: tuple[str, ...] | None = None
    zero_share: float = NAN
    plot_low: float = NAN
    plot_high: float = NAN
    plot_mean: float = NAN
    extrapolated_agb: float = NAN
    doubtful_agb: float = NAN
    split: str = ""
    model: str = ""
    predictors: str = ""
    r2: dict[str, float] = field(default_factory=dict)
    rmse: dict[str, float] = field(default_factory=dict)
    sd_ratio: float = NAN
    top_bias: float = NAN
    bottom_bias: float = NAN
    runner_up: tuple[str, str] = ("", "")
    runner_gap: float = NAN
    fold_sd: float = NAN
    combined: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    map_low: float = NAN
    map_high: float = NAN
    map_mean: float = NAN
    share_below: float = NAN
    share_above: float = NAN
    areas: dict[str, float] = field(default_factory=dict)
    has_interval: bool | None = None
    low_cover: tuple[str, ...] | None = None
    truth_mean: float = NAN
    truth_r2: float = NAN
    change_mean: float = NAN
    remeasured: float = NAN

    @property
    def main_r2(self) -> float:
        """R² of the map's model in the quoted split."""
        return self.r2.get(self.split, NAN)

    @property
    def main_rmse(self) -> float:
        """RMSE of the map's model in the quoted split, Mg/ha."""
        return self.rmse.get(self.split, NAN)


def facts_of(results: Results, mapped: Summary | None) -> Facts:
    """Gather the facts.

    Parameters
    ----------
    results : Results
        What was read.
    mapped : Summary or None
        Of `agb.tif`, with the range of the plots as its limits.
    """
    chosen = map_model_of(results)
    found: dict[str, object] = {}
    found |= _plot_facts(results) | _tree_facts(results)
    if chosen is not None:
        found |= _score_facts(chosen) | _rivals(results, chosen) | _error_facts(results, chosen)
        found["combined"] = sensor_scores(results, chosen.model)
    if mapped is not None and mapped.n:
        found |= {
            "map_low": mapped.low, "map_high": mapped.high, "map_mean": mapped.mean,
            "share_below": mapped.below, "share_above": mapped.above,
        }  # fmt: skip
    found |= _area_facts(results, mapped) | _other_facts(results)
    return Facts(**found)  # type: ignore[arg-type]


def _plot_facts(results: Results) -> dict[str, object]:
    found: dict[str, object] = {}
    if results.rejected_rows is not None:
        faulty = results.rejected_rows["kind"] != LEFT_OUT
        found["n_rejected"] = float(faulty.sum())
    if results.findings is not None:
        warned = results.findings[results.findings["level"] == "warning"]
        found["warnings"] = tuple(f"{row.where}: {row.what}" for row in warned.itertuples())
    plots = results.plots
    if plots is None or plots.empty:
        return found
    agb = plots["agb_mg_ha"].dropna()
    found |= {
        "n_plots": float(len(plots)),
        "plot_low": float(agb.min()), "plot_high": float(agb.max()), "plot_mean": float(agb.mean()),
        "zero_share": float((agb == 0).mean()) if len(agb) else NAN,
        "n_outliers": float(plots["outlier"].sum()),
        "remeasured": float(plots["agb_before_mg_ha"].notna().sum()),
    }  # fmt: skip
    sites = plots["site"]
    if (sites != "").any():
        found["n_sites"] = float(sites[sites != ""].nunique())
    return found


def _tree_facts(results: Results) -> dict[str, object]:
    trees = results.trees
    if trees is None or trees.empty:
        return {}
    kg = trees["agb_kg"].fillna(0.0)
    total = float(kg.sum())
    if total <= 0:
        return {}
    return {
        f"{name}_agb": float(kg[trees[name]].sum()) / total for name in ("extrapolated", "doubtful")
    }


def _score_facts(chosen: MapModel) -> dict[str, object]:
    rows = chosen.scores
    found: dict[str, object] = {
        "split": chosen.split, "model": chosen.model, "predictors": chosen.predictors,
    }  # fmt: skip
    for score in ("r2", "rmse"):
        if score in rows:
            found[score] = {
                str(s): float(v) for s, v in zip(rows["split"], rows[score], strict=True) if v == v
            }
    return found


def _rivals(results: Results, chosen: MapModel) -> dict[str, object]:
    """Find the candidate whose RMSE comes next to the map's model in the quoted split."""
    table = results.model_comparison
    own = chosen.score("rmse")
    if table is None or math.isnan(own):
        return {}
    rows = table[(table["split"] == chosen.split) & table["rmse"].notna()]
    other = rows[(rows["model"] != chosen.model) | (rows["predictors"] != chosen.predictors)]
    found: dict[str, object] = {"fold_sd": chosen.score("fold_sd_rmse")}
    if len(other):
        nearest = other.iloc[int((other["rmse"] - own).abs().to_numpy().argmin())]
        found["runner_up"] = (str(nearest["model"]), str(nearest["predictors"]))
        found["runner_gap"] = float(nearest["rmse"]) - own
    return found


def _error_facts(results: Results, chosen: MapModel) -> dict[str, object]:
    rows = predictions_of(results, chosen, chosen.split)
    spread = float(rows["observed"].std()) if len(rows) > 2 else 0.0
    if spread == 0 or math.isnan(spread):
        return {}
    low, high = rows["observed"].quantile([0.25, 0.75])
    error = rows["predicted"] - rows["observed"]
    return {
        "sd_ratio": float(rows["predicted"].std()) / spread,
        "top_bias": float(error[rows["observed"] >= high].mean()),
        "bottom_bias": float(error[rows["observed"] <= low].mean()),
    }


def sensor_scores(results: Results, model: str) -> dict[str, tuple[float, float, float]]:
    """Return R² of a model with optical, SAR and both predictors, for each split that has all.

    Without a set called ``both``, ``all`` stands for the combined predictors.
    """
    table = results.model_comparison
    if table is None:
        return {}
    rows = table[table["model"] == model]
    found = {}
    for split in dict.fromkeys(rows["split"]):
        part = rows[rows["split"] == split]
        sets, r2 = part["predictors"].str.lower().tolist(), part["r2"].tolist()
        by_set: dict[str, float] = dict(zip(sets, r2, strict=True))
        together = by_set.get("both", by_set.get("all", NAN))
        scores = (by_set.get("optical", NAN), by_set.get("sar", NAN), together)
        if all(math.isfinite(s) for s in scores):
            found[str(split)] = scores
    return found


def _area_facts(results: Results, mapped: Summary | None) -> dict[str, object]:
    areas: dict[str, float] = {}
    said = pick(results, "area", "total", NO_MASS) or pick(results, "map_mean", "mean")
    if said is not None:
        areas["estimates.csv"] = said.value if said.unit == "ha" else said.area_ha
    if mapped is not None and mapped.n:
        areas["agb.tif"] = mapped.n * mapped.pixel_ha
    for name, table in (
        ("class_shares.csv", results.class_shares),
        ("elevation_profile.csv", results.elevation_profile),
    ):
        if table is not None and len(table):
            areas[name] = float(table["area_ha"].sum())
    zones = zone_area(results)
    if math.isfinite(zones):
        areas[ZONES] = zones
    return {"areas": {name: area for name, area in areas.items() if math.isfinite(area)}}


def zone_area(results: Results) -> float:
    """Return the sum of the zones' areas at the latest period, hectares; NaN without zones."""
    table = results.estimates
    if table is None:
        return NAN
    rows = table[(table["quantity"] == "map_mean") & (table["statistic"] == "mean")]
    rows = rows[~in_whole(rows)]
    if rows.empty:
        return NAN
    latest = max(rows["period"], key=period_key)
    rows = rows[rows["period"] == latest].drop_duplicates("zone")
    return float(rows["area_ha"].sum())


def _other_facts(results: Results) -> dict[str, object]:
    found: dict[str, object] = {}
    table = results.estimates
    if table is not None:
        totals = table[table["quantity"] == "stock"]
        if len(totals):
            found["has_interval"] = bool(
                totals[["se", "low", "high"]].notna().any(axis=None)
                or (totals["statistic"] == "SE").any()
            )
    change = pick(results, "change_mean", "mean")
    found["change_mean"] = change.value if change is not None else NAN
    truth = pick(results, "truth_mean", "mean")
    found["truth_mean"] = truth.value if truth is not None else NAN
    found |= _truth_facts(results.truth_comparison)
    cover = results.predictors
    if cover is not None and cover["valid_share"].notna().any():
        thin = cover["valid_share"] < 0.9
        found["low_cover"] = tuple(str(name) for name in cover.loc[thin, "name"])
    return found


def _truth_facts(table: pd.DataFrame | None) -> dict[str, object]:
    if table is None or table.empty:
        return {}
    used = table[table["used_for_map"]]
    if used["block_m"].notna().any():
        used = used[used["block_m"] == used["block_m"].min()]
    if used.empty:
        return {}
    latest = max(used["period"], key=period_key)
    last = used[used["period"] == latest].iloc[0]
    truth = float(last["truth_mean"])
    found: dict[str, object] = {"truth_r2": float(last["r2"])}
    return found | ({"truth_mean": truth} if np.isfinite(truth) else {})
