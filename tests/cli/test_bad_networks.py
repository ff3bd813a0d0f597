"""Each bad input of a network, as a user meets it: a clear error, or a map that is right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from odc.geo.geobox import GeoBox

pytest.importorskip("torch")

from phytomass.errors import InputError
from phytomass.features import PredictorStack
from phytomass.grid import Block, grid_from_bounds
from phytomass.mapping import predict_map
from phytomass.models.patch_cnn import load_network
from tests.cli.test_bad_input import run
from tests.workflow.small import write_project

SIDE, N = 40, 48
GRID = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_400, 3_800_400))
NET = {"patch": 5, "filters": 2, "epochs": 2, "n_members": 1}
Change = Callable[[Path, dict[str, Any]], None]


def write_bands(path: Path, bands: dict[str, np.ndarray], grid: GeoBox = GRID) -> None:
    profile = {"driver": "GTiff", "dtype": "float32", "nodata": np.nan, "count": len(bands)}
    profile |= {"height": grid.shape[0], "width": grid.shape[1], "crs": str(grid.crs)}
    with rasterio.open(path, "w", transform=grid.transform, **profile) as out:
        out.write(np.stack(list(bands.values())).astype(np.float32))
        out.descriptions = tuple(bands)


def bands_of() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {name: rng.normal(size=(SIDE, SIDE)) for name in ("a", "b", "c")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project of plots with their biomass and one network."""
    rng = np.random.default_rng(5)
    bands = bands_of()
    write_bands(tmp_path / "x.tif", bands)
    rows, cols = (rng.permutation(np.arange(N) * 5 % 38) + 1 for _ in range(2))
    write_plots(tmp_path, rows, cols, bands)
    write_project(tmp_path, content())
    return tmp_path


def write_plots(folder: Path, rows: np.ndarray, cols: np.ndarray, bands: Any) -> None:
    plots = {
        "plot_id": [f"P{i}" for i in range(len(rows))],
        "easting": 500_005.0 + 10 * cols,
        "northing": 3_800_395.0 - 10 * rows,
        "agb_mg_ha": 100 + 20 * bands["a"][rows, cols],
    }
    pd.DataFrame(plots).to_csv(folder / "plots.csv", index=False)


def content() -> dict[str, Any]:
    return {
        "name": "Small",
        "period": "2020",
        "grid": {"like": "x.tif"},
        "inventory": {"plots": {"path": "plots.csv"}},
        "predictors": {"rasters": {"x": {"files": "x.tif"}}},
        "models": [{"name": "resnet", "parameters": dict(NET)}],
        "validation": {"splits": ["holdout_by_site"]},
    }


def large_patch(folder: Path, made: dict[str, Any]) -> None:
    made["models"][0]["parameters"]["patch"] = 15
    grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_400, 3_800_140))
    short = {name: band[-14:] for name, band in bands_of().items()}
    write_bands(folder / "x.tif", short, grid)
    plots = pd.read_csv(folder / "plots.csv")
    plots["northing"] = 3_800_005.0 + (plots["northing"] - 3_800_005.0) % 140
    plots.to_csv(folder / "plots.csv", index=False)


def missing_band(folder: Path, made: dict[str, Any]) -> None:
    made["predictors"]["rasters"]["x"]["bands"] = ["a", "b", "NDVI"]


def holes_at_plots(folder: Path, made: dict[str, Any]) -> None:
    bands = bands_of()
    plots = pd.read_csv(folder / "plots.csv")
    with rasterio.open(folder / "x.tif") as source:
        for place in plots.iloc[:3].itertuples():
            bands["b"][source.index(place.easting, place.northing)] = np.nan
    write_bands(folder / "x.tif", bands)


def one_plot(folder: Path, made: dict[str, Any]) -> None:
    pd.read_csv(folder / "plots.csv").iloc[:1].to_csv(folder / "plots.csv", index=False)


def empty_band(folder: Path, made: dict[str, Any]) -> None:
    bands = bands_of()
    bands["c"][:] = np.nan
    write_bands(folder / "x.tif", bands)


MISTAKES: dict[str, tuple[Change, str]] = {
    "patch larger than the raster": (large_patch, r"15 × 15 pixels is larger than the raster"),
    "missing band": (missing_band, r"x\.tif.*no band 'NDVI'"),
    "no data at plots": (holes_at_plots, r"no data in b.*at 3 plots.*missing_at_plots"),
    "one plot": (one_plot, r"resnet needs 20 plots or more to train on, there are 1"),
    "empty band": (empty_band, r"c.*no valid pixel"),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
@pytest.mark.parametrize("verb", ["check", "map"])
def test_one_clear_error_and_nothing_written(
    verb: str,
    mistake: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change, message = MISTAKES[mistake]
    made = content()
    change(project, made)
    write_project(project, made)
    assert run(monkeypatch, verb, str(project)) == 2
    error = capsys.readouterr().err
    assert re.search(message, " ".join(error.split())), error
    assert "Traceback" not in error
    assert not (project / "results").exists()


def mapped(project: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    assert run(monkeypatch, "map", str(project), "--quiet", "-j", "1") == 0
    with rasterio.open(project / "results/agb.tif") as source:
        agb: np.ndarray = source.read(1)
    return agb


def test_plots_all_at_the_edge_see_the_mirror_image(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bands, along = bands_of(), np.arange(1, SIDE - 1, 3)
    rows = np.concatenate([np.zeros_like(along), np.full_like(along, SIDE - 1), along, along])
    cols = np.concatenate([along, along, np.zeros_like(along), np.full_like(along, SIDE - 1)])
    write_plots(project, rows, cols, bands)
    agb = mapped(project, monkeypatch)
    assert np.isfinite(agb).all()
    network, card = load_network(project / "results/map_network.safetensors")
    assert card.n_train == len(rows)
    around = np.pad(
        np.stack(list(bands.values())).astype(np.float32), ((0, 0), (2, 2), (2, 2)), "symmetric"
    )
    patches = np.stack([around[:, r : r + 5, c : c + 5] for r, c in zip(rows, cols, strict=True)])
    assert agb[rows, cols] == pytest.approx(network.predict(patches), rel=1e-5)


def test_a_constant_band_says_nothing_and_harms_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bands = bands_of()
    bands["c"][:] = 7.0
    write_bands(project / "x.tif", bands)
    agb = mapped(project, monkeypatch)
    assert np.isfinite(agb).all()
    assert agb.std() > 0
    card = json.loads((project / "results/map_network.json").read_text())
    assert (card["mean"][2], card["sd"][2]) == (7.0, 1.0)  # scaled, it is 0


def test_plots_without_data_are_left_out_when_asked_for_and_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = content()
    holes_at_plots(project, made)
    made["predictors"]["missing_at_plots"] = "drop"
    write_project(project, made)
    agb = mapped(project, monkeypatch)
    assert np.isnan(agb).sum() == 3  # the pixels themselves; their neighbours are mapped
    left = pd.read_csv(project / "results/plots_left_out.csv")
    assert left["plot_id"].tolist() == ["P0", "P1", "P2"]
    assert set(left["missing"]) == {"b"}


def test_a_plot_without_biomass_is_rejected_with_its_row(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plots = pd.read_csv(project / "plots.csv")
    plots.loc[4, "agb_mg_ha"] = np.nan
    plots.to_csv(project / "plots.csv", index=False)
    mapped(project, monkeypatch)
    rejected = pd.read_csv(project / "results/rejected_rows.csv")
    assert rejected[["row", "column"]].to_numpy().tolist() == [[6, "agb_mg_ha"]]
    assert json.loads((project / "results/map_network.json").read_text())["n_train"] == N - 1


def test_bands_in_another_order_are_found_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agb = mapped(project, monkeypatch)
    bands = bands_of()
    turned = tmp_path / "turned.tif"
    write_bands(turned, {name: bands[name] for name in ("c", "a", "b")})
    stack = PredictorStack.open(turned)
    weights = project / "results/map_network.safetensors"
    network, card = load_network(weights, available=stack.names)

    def everywhere(block: Block) -> np.ndarray:
        return np.ones((block.rows, block.cols), dtype=bool)

    predict_map(network, stack, card.bands, everywhere, tmp_path / "again.tif")
    with rasterio.open(tmp_path / "again.tif") as source:
        assert np.array_equal(source.read(1), agb)
    with pytest.raises(InputError, match="needs band 'b', which the stack lacks"):
        load_network(weights, available=["a", "c"])


def test_a_card_of_a_newer_version_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped(project, monkeypatch)
    path = project / "results/map_network.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(InputError, match="has format version 9, this phytomass reads up to 1"):
        load_network(path.with_suffix(".safetensors"))
