from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from phytomass.report import write_report
from tests.report.fabricate import fabricate
from tests.report.page import Page, parse


@pytest.fixture(scope="session")
def results_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fabricate(tmp_path_factory.mktemp("fabricated") / "results")


@pytest.fixture(scope="session")
def report_text(results_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(results_folder, target).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def page(report_text: str) -> Page:
    return parse(report_text)


@pytest.fixture
def some_results(results_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy only the named files to a new results folder."""

    def copy(*names: str) -> Path:
        folder = tmp_path / "some"
        folder.mkdir()
        for name in names:
            shutil.copy(results_folder / name, folder / name)
        return folder

    return copy
