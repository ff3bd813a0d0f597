"""A made-up results folder with the shape of a real one: small, consistent, deterministic."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter

from phytomass.draws import stream
from phytomass.files import write_csv
from tests.report.fabricate_numbers import PREDICTORS, write_area, write_models

ROWS, COLS, SIDE = 150, 210, 20.0
WEST, NORTH, CRS = 453_000.0, 3_782_000.0, "EPSG:32643"
NODATA = -9999.0
PLACE = Affine(SIDE, 0, WEST, 0, -SIDE, NORTH)
SPECIES = (
    ("Pinus roxburghii", "pinus_roxburghii_ali", "species", False),
    ("Cedrus deodara", "cedrus_deodara", "species", False),
    ("Robinia pseudoacacia", "robinia", "species", False),
    ("Ailanthus altissima", "general_ali", "general", False),
    ("Dodonaea viscosa", "dodonaea_viscosa", "species", True),
)


def fabricate(folder: Path, *, seed: int = 7, sites: int = 32) -> Path:
    """Write every file of the contract into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = _fields(seed)
    plots, trees = _plots_and_trees(fields, seed, sites)
    _write_inventory(folder, plots, trees)
    _write_rasters(folder, fields, seed)
    _write_predictors(folder, fields, plots, seed)
    write_models(folder, plots, seed)
    write_area(folder, fields, plots)
    _write_provenance(folder)
    return folder


def _smooth(seed: int, name: str, sigma: float) -> np.ndarray:
    noise = gaussian_filter(stream(seed, name).standard_normal((ROWS, COLS)), sigma, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def _fields(seed: int) -> dict[str, np.ndarray]:
    elevation = 1500.0 + 420.0 * _smooth(seed, "terrain", 24)
    patchy = _smooth(seed, "patches", 5)
    truth = np.clip(95 + 0.05 * (elevation - 1500) + 48 * patchy, 0, None)
    shrunk = truth.mean() + 0.72 * (truth - truth.mean()) + 12 * _smooth(seed, "error", 3)
    before = np.clip(shrunk - 9 - 8 * _smooth(seed, "growth", 12), 0, None)
    mask = (elevation > 950) & (_smooth(seed, "forest", 16) > -1.1)
    return {
        "elevation": elevation,
        "truth": truth,
        "agb": np.clip(shrunk, 0, None),
        "agb_before": before,
        "mask": mask,
    }


def _plots_and_trees(
    fields: dict[str, np.ndarray], seed: int, sites: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = stream(seed, "plots")
    inside = np.argwhere(gaussian_filter(fields["mask"].astype(float), 2) > 0.97)
    centres = inside[random.choice(len(inside), sites, replace=False)]
    cells = np.repeat(centres, 3, axis=0) + random.integers(-2, 3, (sites * 3, 2))
    cells = cells.clip(0, [ROWS - 1, COLS - 1])
    agb = fields["truth"][cells[:, 0], cells[:, 1]] + random.normal(0, 14, len(cells))
    agb = np.clip(agb, 3, None)
    agb[5] = 392.0
    trees = _trees(agb, random)
    agb = trees.groupby("plot_id")["agb_kg"].sum().to_numpy() * 10 / 1000
    plots = pd.DataFrame(
        {
            "plot_id": [f"P{i + 1:03d}" for i in range(len(cells))],
            "easting": WEST + (cells[:, 1] + 0.5) * SIDE,
            "northing": NORTH - (cells[:, 0] + 0.5) * SIDE,
            "site": [f"S{i // 3 + 1:02d}" for i in range(len(cells))],
            "n_trees": trees.groupby("plot_id").size().to_numpy(),
            "agb_mg_ha": agb,
        }
    )
    plots["bgb_mg_ha"] = 0.26 * agb
    plots["total_mg_ha"] = 1.26 * agb
    plots["agc_mg_ha"] = 0.47 * agb
    plots["bgc_mg_ha"] = 0.47 * 0.26 * agb
    plots["carbon_mg_ha"] = 0.47 * 1.26 * agb
    plots["co2e_mg_ha"] = 0.47 * 1.26 * agb * 44 / 12
    plots["outlier"] = np.abs(agb - agb.mean()) > 3 * agb.std(ddof=1)
    plots["elevation_m"] = fields["elevation"][cells[:, 0], cells[:, 1]]
    plots["agb_before_mg_ha"] = np.clip(agb - random.normal(10, 9, len(agb)), 0, None)
    return plots, trees


def _trees(agb: np.ndarray, random: np.random.Generator) -> pd.DataFrame:
    rows = []
    for index, density in enumerate(agb):
        size = int(random.integers(6, 14))
        share = random.dirichlet(np.full(size, 2.0))
        for part in share:
            kg = float(part * density * 1000 / 10)
            species, equation, choice, doubtful = SPECIES[
                int(random.choice(len(SPECIES), p=(0.42, 0.2, 0.18, 0.15, 0.05)))
            ]
            diameter = float(np.exp(np.log(kg / 0.09 + 1) / 2.45))
            rows.append(
                {
                    "tree_id": f"T{len(rows) + 1:05d}",
                    "plot_id": f"P{index + 1:03d}",
                    "species": species,
                    "dbh_cm": diameter,
                    "height_m": 1.3 + 0.62 * diameter**0.92,
                    "equation_id": equation,
                    "choice": choice,
                    "reason": f"equation for {choice}",
                    "doubtful": doubtful,
                    "extrapolated": diameter < 12,
                    "agb_kg": kg,
                }
            )
    return pd.DataFrame(rows)


def _write_inventory(folder: Path, plots: pd.DataFrame, trees: pd.DataFrame) -> None:
    write_csv(folder / "trees.csv", trees)
    write_csv(folder / "plots.csv", plots)
    reasons = (
        ("dbh_cm", "412", "DBH above 300 cm: millimetres?"),
        ("height_m", "", "no height"),
        ("species", "unknwon", "no equation for this species"),
    )
    rejected = [("trees.csv", 14 + 3 * i, *reasons[i % 3]) for i in range(17)]
    names = ["file", "row", "column", "value", "reason"]
    write_csv(folder / "rejected_rows.csv", pd.DataFrame(rejected, columns=names))
    pools = ["agb", "bgb", "total", "agc", "bgc", "carbon", "co2e"]
    rows = []
    for pool in pools:
        values = plots[f"{pool}_mg_ha"]
        rows.append(
            {
                "pool": pool,
                "unit": {"agc": "Mg C/ha", "bgc": "Mg C/ha", "carbon": "Mg C/ha"}.get(
                    pool, "Mg/ha"
                ),
                "n": len(values),
                "sum": values.sum(),
                "mean": values.mean(),
                "sd": values.std(),
                "min": values.min(),
                "max": values.max(),
                "range": values.max() - values.min(),
                "skewness": values.skew(),
            }
        )
    write_csv(folder / "plot_statistics.csv", pd.DataFrame(rows))
    means = pd.DataFrame(rows)[["pool", "unit", "n", "mean"]]
    bounds = {"se": 0.08, "low90": 0.9, "high90": 1.2, "low95": 0.85, "high95": 1.25}
    for name, factor in bounds.items():
        means[name] = means["mean"] * factor
    write_csv(folder / "field_error.csv", means)
    shares = pd.DataFrame(
        {
            "source": ["dbh", "residual", "equation_choice", "all"],
            "alone_plot": [0.01, 0.4, 0.5, 1.0],
            "alone_mean": [0.0002, 0.02, 0.9, 1.0],
            "cv_plot_percent": [1.2, 7.7, 8.6, 12.2],
            "cv_mean_percent": [0.1, 1.1, 7.9, 8.3],
        }
    )
    write_csv(folder / "error_shares.csv", shares)


def write_raster(
    path: Path,
    bands: np.ndarray,
    names: list[str],
    crs: str | None = CRS,
    place: Affine = PLACE,
) -> None:
    """Write float32 bands, shape (bands, rows, cols), NaN as nodata."""
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": bands.shape[0],
        "crs": crs,
        "height": bands.shape[1],
        "width": bands.shape[2],
        "nodata": NODATA,
        "transform": place,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.where(np.isfinite(bands), bands, NODATA).astype(np.float32))
        for i, name in enumerate(names, start=1):
            target.set_band_description(i, name)


def _write_rasters(folder: Path, fields: dict[str, np.ndarray], seed: int) -> None:
    mask = fields["mask"]
    for name in ("agb", "agb_before"):
        write_raster(folder / f"{name}.tif", np.where(mask, fields[name], np.nan)[None], [name])
    change = np.where(mask, fields["agb"] - fields["agb_before"], np.nan)
    write_raster(folder / "agb_change.tif", change[None], ["agb_change"])
    layers = fields["agb"] * np.array([0.1, 0.3, -0.5, 0.5])[:, None, None]
    layers[2:] += fields["agb"]
    names = ["se", "sd", "low90", "high90"]
    write_raster(folder / "agb_uncertainty.tif", np.where(mask, layers, np.nan), names)
    bands = []
    for name, _, _, _, _, mean, r in PREDICTORS:
        signal = (fields["truth"] - fields["truth"].mean()) / fields["truth"].std()
        noise = _smooth(seed, f"band {name}", 1.0)
        value = r * signal + np.sqrt(1 - r * r) * noise
        bands.append(mean + (abs(mean) * 0.2 + 0.05) * value)
    write_raster(folder / "predictors.tif", np.array(bands), [p[0] for p in PREDICTORS])


def _write_predictors(
    folder: Path, fields: dict[str, np.ndarray], plots: pd.DataFrame, seed: int
) -> None:
    with rasterio.open(folder / "predictors.tif") as source:
        stack = source.read().astype(float)
    cols = ((plots["easting"] - WEST) // SIDE).astype(int)
    rows = ((NORTH - plots["northing"]) // SIDE).astype(int)
    table, correlations = [], []
    for i, (name, sensor, kind, formula, origin, _, _) in enumerate(PREDICTORS):
        band = stack[i]
        table.append(
            {
                "name": name,
                "sensor": sensor,
                "kind": kind,
                "formula": formula,
                "source": origin,
                "unit": "dB" if name in ("VV", "VH") else "1",
                "mean": band.mean(),
                "sd": band.std(),
                "min": band.min(),
                "max": band.max(),
                "valid_share": 0.86 if sensor == "optical" else 1.0,
            }
        )
        r = np.corrcoef(band[rows, cols], plots["agb_mg_ha"])[0, 1]
        p = float(np.exp(-len(plots) * r * r))
        correlations.append({"predictor": name, "sensor": sensor, "r": r, "n": len(plots), "p": p})
    write_csv(folder / "predictors.csv", pd.DataFrame(table))
    write_csv(folder / "correlations.csv", pd.DataFrame(correlations))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_provenance(folder: Path) -> None:
    outputs = {
        "plots": [
            "trees.csv",
            "rejected_rows.csv",
            "plots.csv",
            "plots.gpkg",
            "plot_statistics.csv",
        ],
        "stack": ["predictors.tif", "predictors.csv", "correlations.csv"],
        "compare": ["model_comparison.csv", "sensor_comparison.csv", "predictions.csv"],
        "map": ["agb.tif", "agb_before.tif", "agb_change.tif", "map_model.json"],
        "account": ["class_shares.csv", "elevation_profile.csv", "estimates.csv"],
    }
    steps = [
        {
            "name": name,
            "status": "done",
            "why": "first run",
            "started": "2025-01-01T00:00:00Z",
            "seconds": 1.5,
            "outputs": [{"path": p, "sha256": _digest(p)} for p in paths],
        }
        for name, paths in outputs.items()
    ]
    inputs = [
        {"path": f"data/{p}", "role": role, "sha256": _digest(p), "bytes": size}
        for p, role, size in (
            ("trees.csv", "trees", 91_233),
            ("s2_2020-07.tif", "raster", 12_400_331),
            ("s1_2020-07.tif", "raster", 4_120_000),
            ("dem.tif", "raster", 1_004_000),
        )
    ]
    content = {
        "phytomass": "0.1.0",
        "python": "3.11.2",
        "platform": "Linux x86_64",
        "packages": {"numpy": "2.4.0", "scikit-learn": "1.9.0", "rasterio": "1.5.0"},
        "random_state": 20,
        "inputs": inputs,
        "steps": steps,
        "project": {
            "name": "Kurram valley plantations",
            "grid": {"crs": CRS, "resolution": SIDE},
            "carbon": {"root_shoot": 0.26, "carbon_fraction": 0.47},
            "inventory": {"outlier_sd": 3, "remove_outliers": False},
            "validation": {"folds": 10, "repeats": 5, "block_m": 500},
        },
    }
    (folder / "provenance.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
