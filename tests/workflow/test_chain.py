"""The whole chain on a small landscape with known truth."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import zarr

from phytomass.files import sha256_of
from phytomass.workflow import STEPS, check_project, keep_findings, load_project, run_steps
from phytomass.workflow.names import WRITES
from tests.workflow.small import small_settings, write_project

ALL = [step.name for step in STEPS]
BEFORE_REPORT = [name for name in ALL if name != "report"]
COLUMNS = {
    "trees": "tree_id plot_id species dbh_cm height_m equation_id choice reason doubtful "
    "extrapolated agb_kg",
    "rejected_rows": "file row column value reason",
    "plots": "plot_id easting northing n_trees agb_mg_ha bgb_mg_ha total_mg_ha agc_mg_ha "
    "bgc_mg_ha carbon_mg_ha co2e_mg_ha outlier agb_mean_mg_ha agb_se_mg_ha agb_low95_mg_ha "
    "agb_high95_mg_ha co2e_se_mg_ha co2e_low90_mg_ha co2e_high90_mg_ha",
    "field_error": "pool unit n mean draws_mean percentile se low90 high90 low95 high95",
    "error_shares": "source alone_plot alone_mean lost_plot lost_mean",
    "plot_statistics": "pool unit n sum mean sd min max range skewness",
    "predictors": "name sensor kind formula source unit mean sd min max valid_share",
    "correlations": "predictor r n p",
    "model_comparison": "model predictors split n_train n_test r2 rmse rrmse_percent bias mae",
    "predictions": "plot_id model split fold observed predicted",
    "class_shares": "low_mg_ha high_mg_ha area_ha area_share agb_mg agb_share",
    "elevation_profile": "low_m high_m area_ha mean_mg_ha sd_mg_ha stock_mg change_mg_ha change_mg",
    "estimates": "quantity zone pool kind value unit area_ha statistic n period method se low high "
    "level n_draws",
    "truth_comparison": "period model predictors block_m n r2 rmse bias map_mean truth_mean",
}


@pytest.fixture
def results(finished: Path) -> Path:
    return finished / "results"


@pytest.mark.parametrize("name", list(COLUMNS))
def test_result_tables_keep_their_contract(results: Path, name: str) -> None:
    table = pd.read_csv(results / f"{name}.csv")
    assert set(COLUMNS[name].split()) <= set(table.columns)
    assert len(table) > 0


def test_other_results(results: Path) -> None:
    names = {path.name for path in results.iterdir()}
    assert {"plots.gpkg", "predictors.tif", "agb.tif", "report.html", "provenance.json"} <= names
    assert {"stac_item.json", "agb_before.tif", "agb_change.tif", "map_model.json"} <= names
    assert not [name for name in names if name.startswith(".")]
    points = geopandas.read_file(results / "plots.gpkg")
    assert points.crs == "EPSG:32646"
    plots = pd.read_csv(results / "plots.csv")
    assert np.allclose(points.geometry.x, plots["easting"])


def test_plots_carry_the_truth_of_the_landscape(finished: Path, results: Path) -> None:
    """Trees → kg → Mg/ha by the chain: in order with the landscape's truth under the plots' circles.

    The trees weigh by a law of the landscape's own, so that the level is off, and within bounds.
    """
    plots = pd.read_csv(results / "plots.csv")
    with rasterio.open(finished / "data/truth/agb_2020.tif") as source:
        truth, affine = source.read(1), source.transform
    rows, cols = np.indices(truth.shape)
    east, north = affine.c + 10 * (cols + 0.5), affine.f - 10 * (rows + 0.5)
    near = [
        truth[np.hypot(east - p.easting, north - p.northing) <= 17.84].mean()
        for p in plots.itertuples()
    ]
    assert np.corrcoef(near, plots["agb_mg_ha"])[0, 1] > 0.9
    assert plots["agb_mg_ha"].mean() / np.mean(near) == pytest.approx(1, abs=0.5)
    error = pd.read_csv(results / "field_error.csv").set_index("pool")
    assert error.loc["agb", "low95"] < np.mean(near) < error.loc["agb", "high95"]
    assert error["percentile"].between(40, 60).all()
    store = zarr.open_group(str(results / "plot_draws.zarr"), mode="r")
    assert error.loc["agb", "draws_mean"] == pytest.approx(np.mean(store["agb_mg_ha"]), rel=1e-3)


def test_the_error_of_the_mean_leaves_out_the_plots_that_are_removed(project: Path) -> None:
    content = small_settings()
    content["inventory"] |= {"outliers": "remove", "outlier_sd": 1.0}
    content["errors"] = {"draws": 300}
    write_project(project, content)
    opened = load_project(project)
    for _ in run_steps(opened, STEPS, ["plots"]):
        pass
    plots = pd.read_csv(project / "results" / "plots.csv")
    error = pd.read_csv(project / "results" / "field_error.csv").set_index("pool")
    kept = plots[~plots["outlier"]]
    assert 0 < len(kept) < len(plots)
    assert set(error["n"]) == {len(kept)}
    assert error.loc["agb", "mean"] == pytest.approx(kept["agb_mg_ha"].mean(), rel=1e-3)
    assert error.loc["agb", "draws_mean"] == pytest.approx(kept["agb_mean_mg_ha"].mean(), rel=1e-3)


def test_the_draws_give_the_bounds_of_the_plots(results: Path) -> None:
    plots = pd.read_csv(results / "plots.csv", dtype={"plot_id": str})
    store = zarr.open_group(str(results / "plot_draws.zarr"), mode="r")
    draws = np.asarray(store["agb_mg_ha"])
    assert draws.shape == (len(plots), 10_000)
    assert np.allclose(draws.std(axis=1, ddof=1), plots["agb_se_mg_ha"], rtol=1e-3)
    assert np.allclose(np.percentile(draws, 97.5, axis=1), plots["agb_high95_mg_ha"], rtol=1e-3)
    mean = pd.read_csv(results / "field_error.csv").set_index("pool")
    assert draws.mean(axis=0).std(ddof=1) == pytest.approx(mean.loc["agb", "se"], rel=1e-3)
    # shared errors: the mean of all plots is far less certain than independent plots would be
    independent = np.sqrt((plots["agb_se_mg_ha"] ** 2).sum()) / len(plots)
    assert mean.loc["agb", "se"] > 2 * independent


def test_pools_of_the_plots(results: Path) -> None:
    plots = pd.read_csv(results / "plots.csv")
    assert np.allclose(plots["bgb_mg_ha"], 0.26 * plots["agb_mg_ha"])
    assert np.allclose(plots["carbon_mg_ha"], 0.47 * plots["total_mg_ha"])
    assert np.allclose(plots["co2e_mg_ha"], plots["carbon_mg_ha"] * 44 / 12)


def test_totals_come_from_one_mask(finished: Path, results: Path) -> None:
    estimates = pd.read_csv(results / "estimates.csv")
    agb = estimates[(estimates["pool"] == "AGB") & (estimates["kind"] == "dry_mass")]

    def value(quantity: str, statistic: str, zone: str = "all") -> float:
        row = agb[
            (agb["quantity"] == quantity) & (agb["statistic"] == statistic) & (agb["zone"] == zone)
        ]
        return float(row["value"].iloc[0])

    with rasterio.open(results / "agb.tif") as source:
        mapped = source.read(1)
    with rasterio.open(finished / "data/forest_mask_2020.tif") as source:
        forest = source.read(1) == 1
    assert not np.isfinite(mapped[~forest]).any()
    area = np.isfinite(mapped).sum() * 0.01
    assert value("map_mean", "mean") == pytest.approx(np.nanmean(mapped), rel=1e-6)
    assert value("stock", "total") == pytest.approx(np.nanmean(mapped) * area, rel=1e-6)
    zones = [z for z in agb["zone"].dropna().unique() if z != "all"]
    assert len(zones) >= 3
    total = sum(value("stock", "total", zone) for zone in zones)
    assert total == pytest.approx(value("stock", "total"), rel=1e-9)


def test_change_is_density_term_plus_area_term(results: Path) -> None:
    estimates = pd.read_csv(results / "estimates.csv")
    agb = estimates[
        (estimates["pool"] == "AGB")
        & (estimates["kind"] == "dry_mass")
        & (estimates["zone"] == "all")
    ]
    value = {(r.quantity, r.statistic): r.value for r in agb.itertuples()}
    with (
        rasterio.open(results / "agb.tif") as now,
        rasterio.open(results / "agb_before.tif") as then,
    ):
        after, before = now.read(1).astype(float), then.read(1).astype(float)
    expected = (np.nansum(after) - np.nansum(before)) * 0.01
    terms = value["change_density_term", "total"] + value["change_area_term", "total"]
    assert terms == pytest.approx(expected, rel=1e-6)


def test_provenance_leads_from_the_report_to_the_files(finished: Path, results: Path) -> None:
    record = json.loads((results / "provenance.json").read_text())
    assert [step["name"] for step in record["steps"]] == ALL
    hashes = {entry["path"]: entry["sha256"] for entry in record["inputs"]}
    assert hashes["data/trees.csv"] == sha256_of(finished / "data/trees.csv")
    for step in record["steps"]:
        for output in step["outputs"]:
            assert sha256_of(results / output["path"]) == output["sha256"]


def test_a_second_run_does_nothing(project: Path) -> None:
    outcomes = list(run_steps(load_project(project), STEPS, ALL))
    assert {outcome.status for outcome in outcomes} == {"skipped"}


def test_a_changed_class_limit_only_counts_again(project: Path) -> None:
    content = small_settings()
    content["map"]["classes"] = [0, 100, 400]
    write_project(project, content)
    outcomes = {o.name: o.why for o in run_steps(load_project(project), STEPS, BEFORE_REPORT)}
    assert outcomes["map"] == "nothing it depends on has changed"
    assert outcomes["account"] == "settings changed: map.classes"
    assert len(pd.read_csv(project / "results/class_shares.csv")) == 2


def test_the_same_bytes_with_two_workers(project: Path) -> None:
    before = {p.name: sha256_of(p) for p in (project / "results").iterdir()}
    shutil.rmtree(project / "results")
    opened = load_project(project)
    keep_findings(check_project(opened), opened)
    for _ in run_steps(opened, STEPS, BEFORE_REPORT, workers=2):
        pass
    after = {p.name: sha256_of(p) for p in (project / "results").iterdir()}
    assert before.keys() - after.keys() <= set(WRITES["report"])
    differ = {name for name in after if before.get(name) != after[name]}
    # the times of the run, and the seal, which lacks the report here
    assert differ <= {"provenance.json", "manifest.json"}


def test_a_field_sheet_that_brings_the_mass_needs_no_equation(project: Path) -> None:
    known = pd.read_csv(project / "results/trees.csv", dtype={"plot_id": str, "tree_id": str})
    known.drop(columns=["equation_id", "choice", "reason"]).to_csv(
        project / "data/trees.csv", index=False
    )
    content = small_settings()
    content["inventory"]["trees"]["columns"] = {"agb_kg": "agb_kg"}
    content["carbon"]["dead_wood"] = 0.1
    content["allometry"] = {}
    write_project(project, content)
    before = pd.read_csv(project / "results/plots.csv")
    for _ in run_steps(load_project(project), STEPS, ALL):
        pass
    plots = pd.read_csv(project / "results/plots.csv")
    assert np.allclose(plots["agb_mg_ha"], before["agb_mg_ha"])
    assert np.allclose(plots["dead_wood_mg_ha"], 0.1 * plots["agb_mg_ha"])
    assert "agb_se_mg_ha" not in plots  # no equation, so none of its errors
    assert not (project / "results/plot_draws.zarr").exists()
    assert "no equation was used" in (project / "results/report.html").read_text(encoding="utf-8")


def test_a_height_in_feet_is_reported_and_not_repaired(project: Path) -> None:
    trees = pd.read_csv(project / "data/trees.csv", dtype={"plot_id": str, "tree_id": str})
    row = trees["height_m"].gt(15).idxmax()
    trees.loc[row, "height_m"] = round(trees.loc[row, "height_m"] / 0.3048, 1)
    trees.to_csv(project / "data/trees.csv", index=False)
    for _ in run_steps(load_project(project), STEPS, ["plots"]):
        pass
    found = pd.read_csv(project / "results/suspicious_rows.csv", dtype=str)
    mine = found[(found["tree_id"] == trees["tree_id"][row]) & (found["column"] == "height_m")]
    assert "feet" in mine["suggestion"].iloc[0]
    used = pd.read_csv(project / "results/trees.csv", dtype={"tree_id": str, "plot_id": str})
    same = (used["tree_id"] == trees["tree_id"][row]) & (used["plot_id"] == trees["plot_id"][row])
    assert used.loc[same, "height_m"].iloc[0] == trees.loc[row, "height_m"]
