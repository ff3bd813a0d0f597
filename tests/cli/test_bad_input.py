"""Each bad input: one clear error, exit code 2, earlier results untouched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

from phytomass.cli.main import main
from phytomass.files import sha256_of
from tests.workflow.small import small_settings, write_project

Change = Callable[[Path], None]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["phytomass", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def setting(*keys: str, value: Any) -> Change:
    def change(folder: Path) -> None:
        content = small_settings()
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        write_project(folder, content)

    return change


def table(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def change(folder: Path) -> None:
        path = folder / "data" / name
        edit(pd.read_csv(path)).to_csv(path, index=False)

    return change


def cell(name: str, column: str, row: int, value: Any) -> Change:
    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return table(name, edit)


def raster(name: str, edit: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change(folder: Path) -> None:
        path = folder / "data" / name
        with rasterio.open(path) as source:
            values, profile, names = source.read(), source.profile, source.descriptions
        with rasterio.open(path, "w", **profile) as out:
            out.write(edit(values).astype(values.dtype))
            out.descriptions = names

    return change


def remove(name: str) -> Change:
    return lambda folder: (folder / "data" / name).unlink()


def shifted(folder: Path) -> None:
    path = folder / "data/sentinel1_202006.tif"
    with rasterio.open(path, "r+") as source:
        source.transform = rasterio.Affine(
            10, 0, source.transform.c + 5, 0, -10, source.transform.f
        )


def latin_1(folder: Path) -> None:
    path = folder / "data/plots.csv"
    text = path.read_text(encoding="utf-8").splitlines()
    text[3] = text[3].replace(text[3].split(",")[1], "Forêt")
    path.write_bytes("\n".join(text).encode("latin-1"))


def nodata_at_a_plot(folder: Path) -> None:
    plots = pd.read_csv(folder / "data/plots.csv")
    path = folder / "data/dem.tif"
    with rasterio.open(path) as source:
        row, col = source.index(plots["easting"][4], plots["northing"][4])
        values, profile = source.read(), source.profile
    profile["nodata"] = -9999
    values[0, row, col] = -9999
    with rasterio.open(path, "w", **profile) as out:
        out.write(values)


MISTAKES: dict[str, tuple[Change, str]] = {
    "missing file": (remove("trees.csv"), r"trees\.csv.*no such file"),
    "missing raster": (remove("dem.tif"), r"terrain: no such file: data/dem\.tif"),
    "missing column": (
        table("trees.csv", lambda t: t.rename(columns={"dbh_cm": "thickness"})),
        r"trees\.csv.*dbh_cm",
    ),
    "dbh in mm": (table("trees.csv", lambda t: t.assign(dbh_cm=t["dbh_cm"] * 10)), r"dbh_cm.*mm"),
    "height of 130 m": (cell("trees.csv", "height_m", 7, 130.0), r"trees\.csv.*row 9.*height_m"),
    "negative diameter": (cell("trees.csv", "dbh_cm", 7, -12.0), r"trees\.csv.*row 9.*dbh_cm"),
    "unknown species": (
        setting("allometry", value={"fallback": None}),
        r"species.*no equation|no equation.*species",
    ),
    "duplicate plot": (
        table("plots.csv", lambda t: pd.concat([t, t.iloc[[2]]])),
        r"plots\.csv.*plot_id.*(twice|more than once|duplicate|repeat)",
    ),
    "duplicate tree": (
        table("trees.csv", lambda t: pd.concat([t, t.iloc[[2]]])),
        r"trees\.csv.*tree_id.*(twice|more than once|duplicate|repeat)",
    ),
    "plots outside": (cell("plots.csv", "easting", 1, 10.0), r"1 of \d+ plots lie outside"),
    "another grid": (shifted, r"sentinel1_202006\.tif.*another grid.*resample"),
    "another crs": (
        setting("grid", value={"crs": "EPSG:32645", "resolution": 10, "bounds": [0, 0, 900, 900]}),
        r"another grid.*EPSG:32645",
    ),
    "empty raster": (raster("vod_2020.tif", lambda v: v * np.nan), r"VOD.*no valid pixel"),
    "nan at a plot": (nodata_at_a_plot, r"no data in elevation.*at 1 plots.*missing_at_plots"),
    "few plots": (
        table("plots.csv", lambda t: t.iloc[:9]),
        r"(needs|need) \d+|trees.*plot",
    ),
    "mask hides everything": (setting("mask", "values", value=[7]), r"(no pixel to map|hides)"),
    "unknown band": (
        setting("predictors", "rasters", "vod", "bands", value={"VOD": "L"}),
        r"vod_2020\.tif.*no band 'L'",
    ),
    "not UTF-8": (latin_1, r"plots\.csv.*UTF-8.*encoding"),
    "unwritable output": (
        setting("output", value="data/dem.tif/results"),
        r"cannot (write|be written)",
    ),
    "wrong key": (setting("maks", value={}), r"maks: unknown key.*did you mean 'mask'"),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_one_clear_error_and_nothing_lost(
    mistake: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message = MISTAKES[mistake]
    before = {p.name: sha256_of(p) for p in (project / "results").iterdir()}
    change(project)
    assert run(monkeypatch, "run", str(project), "-j", "1") == 2
    error = capsys.readouterr().err
    assert re.search(message, error.replace("\n", " ")), error
    assert "Traceback" not in error
    assert {p.name: sha256_of(p) for p in (project / "results").iterdir()} == before


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_check_finds_it_without_computing(
    mistake: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message = MISTAKES[mistake]
    change(project)
    assert run(monkeypatch, "check", str(project)) == 2
    error = capsys.readouterr().err
    assert re.search(message, error.replace("\n", " ")), error


def test_check_lists_several_problems_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for mistake in ("missing raster", "negative diameter", "duplicate plot"):
        MISTAKES[mistake][0](project)
    assert run(monkeypatch, "check", str(project)) == 2
    error = capsys.readouterr().err
    assert error.count("✗") >= 3


def test_check_of_a_good_project_shows_links_that_leave_the_folder(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    elsewhere = tmp_path / "elsewhere.tif"
    (project / "data/dem.tif").rename(elsewhere)
    (project / "data/dem.tif").symlink_to(elsewhere)
    assert run(monkeypatch, "check", str(project)) == 0
    shown = capsys.readouterr().out
    assert "data/dem.tif: lies outside the project folder through a symbolic link" in shown
    assert "phytomass run" in shown


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_results_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "results").chmod(0o500)
    (project / "data/dem.tif").touch()
    try:
        assert run(monkeypatch, "run", str(project)) == 2
    finally:
        (project / "results").chmod(0o700)
    assert "cannot write to the results folder" in capsys.readouterr().err
