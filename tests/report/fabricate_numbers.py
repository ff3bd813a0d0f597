"""The made-up models, scores and estimates of `fabricate`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass.draws import stream
from phytomass.files import write_csv, write_json

PIXEL_HA = 0.04
MODELS = {
    "simple_linear": 0.42,
    "mlr": 0.55,
    "plsr": 0.54,
    "svr": 0.60,
    "random_forest": 0.66,
    "xgboost": 0.63,
}
SETS = {"optical": -0.07, "sar": -0.16, "both": 0.0}
SPLITS = {"holdout_by_site": 0.02, "repeated_kfold": 0.0, "spatial_blocks": -0.16}
PREDICTORS = (
    ("B4", "optical", "band", "B4", "Sentinel-2 L2A", 0.05, -0.55),
    ("B8", "optical", "band", "B8", "Sentinel-2 L2A", 0.28, 0.48),
    ("NDVI", "optical", "index", "(B8 - B4) / (B8 + B4)", "Rouse et al. 1974", 0.62, 0.74),
    ("SAVI", "optical", "index", "1.5 (B8 - B4) / (B8 + B4 + 0.5)", "Huete 1988", 0.45, 0.71),
    ("RENDVI_B8_B6", "optical", "index", "(B8 - B6) / (B8 + B6)", "afforestation paper", 0.2, 0.66),
    ("VV", "sar", "band", "VV", "Sentinel-1 RTC", -9.5, 0.46),
    ("VH", "sar", "band", "VH", "Sentinel-1 RTC", -15.5, 0.58),
    ("VV_VH_ratio", "sar", "ratio", "VV - VH (dB)", "Sentinel-1 RTC", 6.0, -0.31),
    ("slope", "terrain", "terrain", "Horn 1981", "DEM", 17.0, 0.12),
    ("aspect_cos", "terrain", "terrain", "cos(aspect)", "DEM", 0.0, 0.05),
)


def write_models(folder: Path, plots: pd.DataFrame, seed: int) -> None:
    observed = plots["agb_mg_ha"].to_numpy()
    tests = {
        "holdout_by_site": np.arange(len(observed)) % 10 < 3,
        "repeated_kfold": np.ones(len(observed), dtype=bool),
        "spatial_blocks": np.ones(len(observed), dtype=bool),
    }
    scores, rows = [], []
    for model, level in MODELS.items():
        for name, less in SETS.items():
            for split, shift in SPLITS.items():
                aim = min(max(level + less + shift, 0.05), 0.95)
                y = observed[tests[split]]
                random = stream(seed, model, name, split)
                noise = random.normal(0, y.std() * np.sqrt(aim * (1 - aim)), len(y))
                guess = y.mean() + aim * (y - y.mean()) + noise
                scores.append(_score(model, name, split, y, guess))
                for plot, o, g in zip(plots["plot_id"][tests[split]], y, guess, strict=True):
                    rows.append((plot, model, name, split, 0, 0, o, g))
    write_csv(folder / "model_comparison.csv", pd.DataFrame(scores))
    write_csv(folder / "sensor_comparison.csv", _sensors(pd.DataFrame(scores)))
    left_out = pd.DataFrame({"plot_id": ["P900", "P901"], "missing": ["B4, B8", "VV"]})
    write_csv(folder / "plots_left_out.csv", left_out)
    names = ["plot_id", "model", "predictors", "split", "repeat", "fold", "observed", "predicted"]
    write_csv(folder / "predictions.csv", pd.DataFrame(rows, columns=names))
    best = next(
        s
        for s in scores
        if (s["model"], s["predictors"], s["split"]) == ("random_forest", "both", "repeated_kfold")
    )
    said = {
        "model": "random_forest",
        "predictors_set": "both",
        "predictors": [p[0] for p in PREDICTORS[:8]],
        "parameters": {"n_estimators": 500, "min_samples_leaf": 3},
        "selected_by": "repeated_kfold",
        "n_train": len(observed),
        "choice": {
            "model": "random_forest",
            "predictors": "both",
            "split": "repeated_kfold",
            "rmse": best["rmse"],
            "r2": best["r2"],
            "n_candidates": 18,
            "runner_up": ["svr", "both"],
            "difference": {"rmse": 0.8, "rmse_low": -0.4, "rmse_high": 2.1, "n_units": 31},
        },
        "scores": {"r2": best["r2"], "rmse": best["rmse"]},
    }
    write_json(folder / "map_model.json", said)


def _sensors(scores: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (model, split), part in scores.groupby(["model", "split"], sort=False):
        by_set = part.set_index("predictors")
        single = str(by_set.loc[["optical", "sar"], "rmse"].astype(float).idxmin())
        gap = by_set.loc["both", "rmse"] - by_set.loc[single, "rmse"]
        rows.append(
            {
                "model": model,
                "split": split,
                "best_single": single,
                "r2_both": by_set.loc["both", "r2"],
                "r2_single": by_set.loc[single, "r2"],
                "rmse_both": by_set.loc["both", "rmse"],
                "rmse_single": by_set.loc[single, "rmse"],
                "rmse_difference": gap,
                "rmse_low": gap - 2.0,
                "rmse_high": gap + 2.0,
                "n_units": 32,
                "verdict": "no_difference"
                if abs(gap) < 2
                else ("both_better" if gap < 0 else "single_better"),
            }
        )
    return pd.DataFrame(rows)


def _score(
    model: str, name: str, split: str, y: np.ndarray, guess: np.ndarray
) -> dict[str, object]:
    error = guess - y
    total = ((y - y.mean()) ** 2).sum()
    rmse = float(np.sqrt((error**2).mean()))
    return {
        "model": model,
        "predictors": name,
        "split": split,
        "n_train": len(y) * 9 // 10,
        "n_test": len(y),
        "r2": 1 - (error**2).sum() / total,
        "rmse": rmse,
        "rrmse_percent": 100 * rmse / y.mean(),
        "bias": error.mean(),
        "mae": np.abs(error).mean(),
        "r2_literal_p2": 1 - (error**2).sum() / total * 1.1,
        "fold_sd_rmse": 0.12 * rmse,
    }


def write_area(folder: Path, fields: dict[str, np.ndarray], plots: pd.DataFrame) -> None:
    mask, agb = fields["mask"], fields["agb"]
    edges = [0, 25, 50, 75, 100, 125, 150, 200, 300]
    shares = []
    for low, high in pairwise(edges):
        inside = mask & (agb >= low) & (agb < high)
        shares.append((low, high, inside.sum() * PIXEL_HA, agb[inside].sum() * PIXEL_HA))
    table = pd.DataFrame(shares, columns=["low_mg_ha", "high_mg_ha", "area_ha", "agb_mg"])
    table["area_share"] = table["area_ha"] / table["area_ha"].sum()
    table["agb_share"] = table["agb_mg"] / table["agb_mg"].sum()
    write_csv(folder / "class_shares.csv", table)
    write_csv(folder / "elevation_profile.csv", _profile(fields))
    estimates = pd.DataFrame(_estimates(fields, plots))
    write_csv(folder / "estimates.csv", estimates)
    write_csv(folder / "truth_comparison.csv", _truth(fields))
    values = {"n": 30, "coverage": 0.9, "width_mg_ha": 100.0, "bias_mg_ha": 4.0}
    classes = {
        "low_mg_ha": 10.0,
        "high_mg_ha": 20.0,
        "predicted_mg_ha": 18.0,
        "observed_mg_ha": 14.0,
    }
    rows = [{"by": by, **classes, **values} for by in ("predicted", "observed")]
    write_csv(
        folder / "reliability.csv", pd.DataFrame([rows[0], {**rows[0], "coverage": 0.81}, rows[1]])
    )


def _profile(fields: dict[str, np.ndarray]) -> pd.DataFrame:
    mask, agb, before = fields["mask"], fields["agb"], fields["agb_before"]
    rows = []
    for low in range(800, 2800, 200):
        inside = mask & (fields["elevation"] >= low) & (fields["elevation"] < low + 200)
        if not inside.any():
            continue
        area = inside.sum() * PIXEL_HA
        change = (agb - before)[inside].mean()
        rows.append(
            {
                "low_m": low,
                "high_m": low + 200,
                "area_ha": area,
                "area_share": inside.sum() / mask.sum(),
                "mean_mg_ha": agb[inside].mean(),
                "sd_mg_ha": agb[inside].std(),
                "stock_mg": agb[inside].mean() * area,
                "mean_before_mg_ha": before[inside].mean(),
                "change_mg_ha": change,
                "change_mg": change * area,
            }
        )
    table = pd.DataFrame(rows)
    table["change_share"] = table["change_mg"] / table["change_mg"].sum()
    return table


UNITS = {"dry_mass": "Mg", "C": "Mg C", "CO2e": "Mg CO₂"}
FACTORS = [
    (pool, kind, of_agb * of_mass)
    for pool, of_agb in (("AGB", 1.0), ("BGB", 0.26), ("total", 1.26))
    for kind, of_mass in (("dry_mass", 1.0), ("C", 0.47), ("CO2e", 0.47 * 44 / 12))
]


HEADLINES = {
    ("mean", "AGB", "dry_mass"), ("total", "AGB", "dry_mass"), ("total", "total", "C"),
    ("total", "total", "CO2e"),
}  # fmt: skip


class Rows:
    """Rows of `estimates.csv`; those of biomass come in every pool and kind."""

    def __init__(self, area: float, n: int) -> None:
        self.rows: list[dict[str, object]] = []
        self.common = {
            "zone": "all",
            "area_ha": area,
            "n": n,
            "period": "2020",
            "method": "made up",
        }

    def add(self, quantity: str, value: float, statistic: str, unit: str, **more: object) -> None:
        """Add one row as it is."""
        row = {"quantity": quantity, "value": value, "statistic": statistic, "unit": unit}
        self.rows.append({"pool": "", "kind": ""} | row | self.common | more)

    def mass(self, quantity: str, value: float, statistic: str, unit: str, **more: object) -> None:
        """Add rows of a value of AGB dry mass in every pool and kind."""
        for pool, kind, factor in FACTORS:
            named = unit.replace("Mg", UNITS[kind], 1)
            about = {"pool": pool, "kind": kind} | more
            self.add(quantity, value * factor, statistic, named, **about)


def _estimates(fields: dict[str, np.ndarray], plots: pd.DataFrame) -> list[dict[str, object]]:
    mask, agb, before = fields["mask"], fields["agb"], fields["agb_before"]
    area = float(mask.sum() * PIXEL_HA)
    rows = Rows(area, int(mask.sum()))
    _plot_rows(rows, plots)
    rows.add("area", area, "total", "ha")
    for period, layer in (("2015", before), ("2020", agb)):
        rows.mass("map_mean", layer[mask].mean(), "mean", "Mg/ha", period=period)
        rows.mass("map_mean", layer[mask].std(), "spatial_SD", "Mg/ha", period=period)
        rows.mass("stock", layer[mask].mean() * area, "total", "Mg", period=period)
    value, level = (
        float(agb[mask].mean()),
        {"level": 0.95, "method": "model_assisted+sampling+shared_errors"},
    )
    for quantity, statistic, size in (
        ("assisted_mean", "mean", 1.0), ("assisted_total", "total", area),
    ):  # fmt: skip
        unit = "Mg/ha" if statistic == "mean" else "Mg"
        for pool, kind, factor in FACTORS:
            own = value * size * factor
            mass = {"pool": pool, "kind": kind, "low": 0.9 * own, "high": 1.1 * own} | level
            first = (statistic, pool, kind) in HEADLINES
            rows.add(
                quantity, own, statistic, unit.replace("Mg", UNITS[kind], 1), se=0.05 * own,
                headline=first, **mass,
            )  # fmt: skip
    rows.add("mask_area", 1.02 * area, "total", "ha", area_ha=1.02 * area)
    rows.add("missing_area", 0.02 * area, "total", "ha", n=20, area_ha=0.02 * area)
    for i, zone in enumerate(("North valley", "Middle slopes", "South ridge")):
        part = mask & (np.arange(mask.shape[0])[:, None] // (mask.shape[0] // 3) == i)
        about = {"zone": zone, "area_ha": part.sum() * PIXEL_HA, "n": int(part.sum())}
        rows.mass("map_mean", agb[part].mean(), "mean", "Mg/ha", **about)
        rows.mass("stock", agb[part].mean() * part.sum() * PIXEL_HA, "total", "Mg", **about)
    change, dates = float((agb - before)[mask].mean()), {"period": "2015 to 2020"}
    rows.mass("change_mean", change, "mean", "Mg/ha", **dates)
    rows.mass("change_mean", float((agb - before)[mask].std()), "spatial_SD", "Mg/ha", **dates)
    for quantity in ("change_common_total", "change_total", "change_density_term"):
        rows.mass(quantity, change * area, "total", "Mg", **dates)
    rows.mass("change_area_term", 0.0, "total", "Mg", **dates)
    _potential_rows(rows, float(agb[mask].mean()), area)
    truth = {"pool": "AGB", "kind": "dry_mass"}
    rows.add("truth_mean", fields["truth"][mask].mean(), "mean", "Mg/ha", **truth)
    rows.add("truth_mean", fields["truth"][mask].std(), "spatial_SD", "Mg/ha", **truth)
    rows.add("truth_stock", fields["truth"][mask].mean() * area, "total", "Mg", **truth)
    return rows.rows


def _plot_rows(rows: Rows, plots: pd.DataFrame) -> None:
    about = {"n": len(plots), "area_ha": np.nan}
    later, earlier = plots["agb_mg_ha"], plots["agb_before_mg_ha"]
    for quantity, values, period in (
        ("plot_mean", later, "2020"),
        ("plot_mean", earlier, "2015"),
        ("plot_change", later - earlier, "2015 to 2020"),
    ):
        rows.mass(quantity, values.mean(), "mean", "Mg/ha", period=period, **about)
        error = values.std() / np.sqrt(len(plots))
        rows.mass(quantity, error, "SE", "Mg/ha", period=period, **about)
        rows.mass(quantity, values.std(), "SD", "Mg/ha", period=period, **about)


def _potential_rows(rows: Rows, mean: float, area: float) -> None:
    about = {"pool": "total", "kind": "C", "method": "capacity_less_density:102 (made up)"}
    room = 102 - 1.26 * 0.47 * mean
    rows.add("potential", room, "mean", "Mg C/ha", **about)
    rows.add("potential", 15.0, "SE", "Mg C/ha", **about)
    rows.add("potential_total", room * area, "total", "Mg C", **about)
    rows.add("potential_total", 15.0 * area, "SE", "Mg C", **about)
    rows.add("potential_rate", room / 15, "mean", "Mg C/ha/yr", **about)
    rows.add("potential_rate", 1.0, "SE", "Mg C/ha/yr", **about)


def _truth(fields: dict[str, np.ndarray]) -> pd.DataFrame:
    mask, truth, agb = fields["mask"], fields["truth"], fields["agb"]
    rows = []
    for model, level in MODELS.items():
        for name, less in SETS.items():
            for block, gain in ((20, 0.0), (60, 0.06), (100, 0.1)):
                r2 = level + less - 0.05 + gain
                rows.append(
                    {
                        "period": "2020",
                        "model": model,
                        "predictors": name,
                        "block_m": block,
                        "n": int(mask.sum() / (block / 20) ** 2),
                        "r2": r2,
                        "rmse": truth[mask].std() * np.sqrt(1 - r2),
                        "bias": agb[mask].mean() - truth[mask].mean(),
                        "mae": 18.0,
                        "map_mean": agb[mask].mean(),
                        "truth_mean": truth[mask].mean(),
                        "used_for_map": (model, name) == ("random_forest", "both"),
                    }
                )
    return pd.DataFrame(rows)
