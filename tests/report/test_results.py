from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phytomass.errors import InputError
from phytomass.report import read_results
from phytomass.report.content.blocks import Section
from phytomass.report.content.results import Results
from phytomass.report.content.values import map_model_of, pick
from phytomass.report.messages.formatting import short_hash
from phytomass.report.sections.sources import sources_section


def test_an_empty_folder_is_results_with_nothing(tmp_path: Path) -> None:
    read = read_results(tmp_path)
    assert read.plots is None
    assert read.rasters == {}
    assert read.map_model == {}


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder → run `phytomass run`"):
        read_results(tmp_path / "none")


def test_every_broken_file_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "plots.csv").write_text("plot_id,easting\nP1,1\n")
    (tmp_path / "estimates.csv").write_bytes(b"quantity,pool\n\xff\xfe,AGB\n")
    (tmp_path / "map_model.json").write_text("{")
    (tmp_path / "correlations.csv").write_text("predictor,r,n,p\nNDVI,high,9,0.1\n")
    with pytest.raises(InputError) as caught:
        read_results(tmp_path)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 4
    assert "plots.csv: has no column agb_mg_ha" in told[0]
    assert "correlations.csv, column r: holds something else than a number" in told[1]
    assert "estimates.csv: cannot be read as a table" in told[2]
    assert "map_model.json: is not valid JSON" in told[3]


def test_ids_stay_text_and_numbers_become_numbers(tmp_path: Path) -> None:
    (tmp_path / "plots.csv").write_text(
        "plot_id,easting,northing,agb_mg_ha,outlier\nNA,1,2,3.5,True\n007,1,2,,False\n"
    )
    plots = read_results(tmp_path).plots
    assert plots is not None
    assert plots["plot_id"].tolist() == ["NA", "007"]
    assert plots["outlier"].tolist() == [True, False]
    assert plots["agb_mg_ha"].iloc[0] == 3.5
    assert np.isnan(plots["agb_mg_ha"].iloc[1])


HEAD = "quantity,zone,pool,kind,value,unit,area_ha,statistic,n,period,method\n"


def estimates(folder: Path, *rows: str) -> Path:
    (folder / "estimates.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return folder


def test_an_estimate_is_the_asked_pool_kind_statistic_and_the_latest_whole(tmp_path: Path) -> None:
    read = read_results(
        estimates(
            tmp_path,
            "map_mean,all,AGB,dry_mass,73.0,Mg/ha,10,mean,5,2020,m",
            "map_mean,all,AGB,dry_mass,53.8,Mg/ha,10,spatial_SD,5,2020,m",
            "map_mean,all,total,CO2e,158.6,Mg CO₂/ha,10,mean,5,2020,m",
            "map_mean,all,AGB,dry_mass,60.0,Mg/ha,10,mean,5,2015,m",
            "map_mean,North,AGB,dry_mass,99.0,Mg/ha,3,mean,2,2020,m",
        )
    )
    mean, spread = pick(read, "map_mean", "mean"), pick(read, "map_mean", "spatial_SD")
    assert mean is not None
    assert spread is not None
    assert (mean.value, mean.period, mean.area_ha) == (73.0, "2020", 10.0)
    assert spread.value == 53.8
    assert pick(read, "map_mean", "mean", ("total", "CO2e")).value == 158.6
    assert pick(read, "map_mean", "mean", period="2015").value == 60.0
    assert pick(read, "stock", "total") is None


def test_the_map_model_has_its_scores_by_the_split_it_was_chosen_by(results_folder: Path) -> None:
    chosen = map_model_of(read_results(results_folder))
    assert chosen is not None
    assert chosen.split == "repeated_kfold"
    assert set(chosen.scores["split"]) == {"holdout_by_site", "repeated_kfold", "spatial_blocks"}
    table = read_results(results_folder).model_comparison
    row = table[
        (table["model"] == "random_forest")
        & (table["predictors"] == "both")
        & (table["split"] == "spatial_blocks")
    ]
    assert chosen.score("rmse", "spatial_blocks") == row["rmse"].item()


@pytest.mark.parametrize("name", ["predictors.zarr", "predictors", "predictors.tif"])
def test_a_stack_is_traced_whichever_store_it_lies_in(tmp_path: Path, name: str) -> None:
    if name.endswith(".tif"):
        (tmp_path / name).write_bytes(b"raster")
    else:
        (tmp_path / name).mkdir()
    step = {"name": "stack", "outputs": [{"path": name, "sha256": "ab" * 32}]}
    results = Results(tmp_path, documents={"provenance": {"steps": [step]}})
    assert read_results(tmp_path).rasters == {"predictors": tmp_path / name}
    named = Section("predictors", "Predictors", files=(name,))
    text = repr(sources_section(results, [named]).blocks[0])
    assert name in text
    assert "'stack'" in text
    assert short_hash("ab" * 32) in text
