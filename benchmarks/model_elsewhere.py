"""Models mapped where they were not trained: what is said before the map, and what is true.

    python benchmarks/model_elsewhere.py PHYTOMASS_DATA

A random forest learns the plots in the west half of the chip in Finland and maps the west and the
east half (truth known) and two tiles of other countries (no truth); another learns a simulated
landscape and maps one of another seed, with its truth. Scores are over all pixels but the plots.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import rasterio
import yaml
from shapely.geometry import box

from phytomass.landscape import LandscapeSettings, simulate, write_landscape
from phytomass.workflow import load_project, run_steps, steps_of

EXAMPLES = Path(__file__).parents[1] / "examples"
DEMO = Path(__file__).parents[1] / "src/phytomass/workflow/templates/demo.yaml"
FOREST = {"name": "random_forest", "parameters": {"n_estimators": 300}, "grid": {}}
TILES = {"Denmark": "637U_59R_1_3", "Canada": "609U_541L_3_0"}
BANDS = dict(zip(("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"),
                 (2, 3, 4, 5, 6, 7, 8, 9, 11, 12), strict=True))  # fmt: skip


def run(folder: Path, content: dict[str, Any]) -> list[str]:
    """Make the map of a project; return what was warned of."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    opened = load_project(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in run_steps(opened, steps_of(opened.project), ["map"], workers=2):
            pass
    return [str(one.message) for one in caught if "pixels lie outside" in str(one.message)]


def scores(agb: Path, truth: Path) -> tuple[float, float, float]:
    """Return R², RMSE and bias over the pixels that both have."""
    with rasterio.open(agb) as one, rasterio.open(truth) as other:
        found, true = one.read(1).astype(float), other.read(1).astype(float)
    both = np.isfinite(found) & np.isfinite(true)
    error = found[both] - true[both]
    return (
        1 - (error**2).sum() / (true[both] - true[both].mean()).var() / both.sum(),
        float(np.sqrt((error**2).mean())),
        float(error.mean()),
    )


def tell(what: str, folder: Path, truth: Path | None, warned: list[str]) -> None:
    reach = folder / "results/model_distance.csv"
    if reach.exists():
        share = pd.read_csv(reach).set_index("predictor")["share_outside"]
        far = f"outside range {share['any']:.0%}, applicability {share['applicability']:.0%}"
    else:
        table = pd.read_csv(folder / "results/model_comparison.csv")
        far = f"R² of the home folds {table['r2'].iloc[0]:.2f}"
    true = "no truth"
    if truth is not None:
        r2, rmse, bias = scores(folder / "results/agb.tif", truth)
        true = f"true R² {r2:.2f}, RMSE {rmse:.0f}, bias {bias:+.0f} Mg/ha"
    print(f"{what}: {far}; {true}; {'warned' if warned else 'no warning'}", flush=True)
    for text in warned:
        print(f"    {text}")


def half(path: Path, west: bool) -> Path:
    """Write the polygon of one half of the chip."""
    left, middle = (500_000, 501_280) if west else (501_280, 502_560)
    area = box(left, 6_997_440, middle if west else 502_560, 7_000_000)
    geopandas.GeoDataFrame({"name": ["half"]}, geometry=[area], crs="EPSG:3067").to_file(path)
    return path


def finland(root: Path, data: Path) -> None:
    base = yaml.safe_load((EXAMPLES / "finland/project.yaml").read_text())
    text = yaml.safe_dump(base).replace("data/", f"{data / 'finland'}/")
    base = yaml.safe_load(text) | {"models": [FOREST]}
    base["validation"] = {"splits": ["spatial_blocks"], "select_by": "spatial_blocks"}
    base["predictors"]["sets"] = {"optical": [*BANDS, "NDVI"]}
    del base["truth"]
    truth = data / "finland/agb_truth.tif"
    plots = pd.read_csv(data / "finland/plots.csv")
    (root / "west").mkdir()
    plots[plots["easting_m"] < 501_280].to_csv(root / "west/plots.csv", index=False)
    west = deepcopy(base)
    west["inventory"]["plots"]["path"] = "plots.csv"
    west["study_area"] = str(half(root / "west.gpkg", west=True))
    tell("Finland, west half", root / "west", None, run(root / "west", west))
    r2, rmse, bias = scores(root / "west/results/agb.tif", truth)
    print(f"    there itself, plots included: R² {r2:.2f}, RMSE {rmse:.0f}, bias {bias:+.0f}")
    away = {k: v for k, v in base.items() if k not in ("inventory", "models", "validation")}
    away["map"] = {"model_from": "../west/results"}
    away["study_area"] = str(half(root / "east.gpkg", west=False))
    tell("Finland, east half", root / "east", truth, run(root / "east", away))
    for country, tile in TILES.items():
        content = {k: v for k, v in away.items() if k != "study_area"}
        images = data / "sentinel_tiles/S2L2A" / f"{tile}.tif"
        content["grid"] = {"like": str(images)}
        source = {"files": str(images), "sensor": "optical", "scale": 0.0001, "bands": BANDS}
        content["predictors"] = {"rasters": {"sentinel2": source}, "indices": ["NDVI"]}
        tell(country, root / country, None, run(root / country, content))


def landscapes(root: Path) -> None:
    base = yaml.safe_load(DEMO.read_text()) | {"models": [FOREST]}
    base["validation"] = {"splits": ["spatial_blocks"], "select_by": "spatial_blocks"}
    base["errors"] = {"draws": 100}
    for name in ("truth", "zones", "earlier", "potential", "model_tables"):
        base.pop(name, None)
    for name, seed in (("home", 1), ("other", 2)):
        settings = LandscapeSettings(rows=200, cols=200, n_sites=40, random_state=seed)
        write_landscape(simulate(settings), root / name / "data")
    truth = "data/truth/agb_2020.tif"
    content = base | {"period": "2020"}
    tell("simulated, home", root / "home", root / "home" / truth, run(root / "home", content))
    away = {k: v for k, v in content.items()
            if k not in ("inventory", "models", "validation", "allometry", "errors")}  # fmt: skip
    away["map"] = {"model_from": "../home/results"}
    tell("simulated, other seed", root / "other", root / "other" / truth, run(root / "other", away))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        finland(Path(name), Path(sys.argv[1]).resolve())
        landscapes(Path(name))


if __name__ == "__main__":
    main()
