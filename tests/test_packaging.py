"""What is declared is what is imported, the locks hold it with hashes, and the core needs no extra."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from phytomass import extras, imagery
from phytomass.errors import InputError
from phytomass.extras import EXTRAS, MissingExtraError, require
from phytomass.features import Workers
from phytomass.grid import grid_from_bounds
from phytomass.imagery import RasterSource, find_index, open_source
from phytomass.imagery.indices.catalogue import entries
from phytomass.models.patch_cnn import require_torch
from phytomass.workflow import check_project, load_project
from tests.workflow.small import small_settings, write_project

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "phytomass"
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN_ROOMS = {  # modules of an extra may be imported here, and nowhere else
    "report": ("report",),
    "netcdf": ("imagery",),
    "catalogs": ("imagery",),
    "cluster": ("walk",),
    "networks": ("models",),
}


def requirements(texts: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, texts)}


DECLARED = requirements(METADATA["dependencies"])
OPTIONAL = {e: requirements(texts) for e, texts in METADATA["optional-dependencies"].items()}


@cache
def imports() -> list[tuple[Path, str]]:
    """Return file and top module of every import of the package that is not its own."""
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(path, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found.append((path, f"{node.module}.{node.names[0].name}"))
    tops = ((path, name.split(".")[0], name) for path, name in found)
    ours = {*sys.stdlib_module_names, "phytomass"}
    return [(path, full if top == "odc" else top) for path, top, full in tops if top not in ours]


def distribution(module: str) -> str:
    """Return the package that brings a module; namespace packages by their second name."""
    if module.startswith("odc."):
        return "odc-geo" if module.startswith("odc.geo") else module
    return {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}.get(
        module, canonicalize_name(module)
    )


def pins(lock: Path) -> dict[str, str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"([\w.-]+)==([^\s;]+)", line) for line in lines)
    return {canonicalize_name(hit[1]): hit[2] for hit in found if hit}


def test_every_import_is_declared() -> None:
    undeclared = []
    for path, module in imports():
        room = path.relative_to(SOURCE).parts[0]
        allowed = set(DECLARED).union(
            *(OPTIONAL[e] for e, rooms in OWN_ROOMS.items() if room in rooms)
        )
        if distribution(module) not in allowed:
            undeclared.append(f"{path.relative_to(ROOT)} imports {module}")
    assert undeclared == []


def test_every_declared_package_is_used() -> None:
    used = {distribution(module) for _, module in imports()}
    # xarray calls netCDF4 by name; the two builds of XGBoost are one module; locks of results come
    used |= {"netcdf4", "xgboost-cpu", "filelock"}
    declared = set(DECLARED).union(*(OPTIONAL[extra] for extra in EXTRAS))
    assert sorted(declared - used) == []


def test_extras_are_those_of_the_metadata() -> None:
    assert set(OPTIONAL) == {*EXTRAS, "dev"}
    for extra, modules in EXTRAS.items():
        assert {distribution(module) for module in modules} == set(OPTIONAL[extra]), extra


def test_the_citation_and_the_changelog_know_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == METADATA["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"(?m)^## \[(\d[\w.]*)\] - \d{4}-\d\d-\d\d$", changelog)
    assert METADATA["version"] in released or ".dev" in METADATA["version"]
    assert "0.1.0" in released


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_pin_has_a_hash(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", text).strip())
    assert len(blocks) == len(pins(lock)) > 5
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_locks_agree_and_meet_what_is_declared() -> None:
    folder = ROOT / "requirements"
    core, networks, everything = (
        pins(folder / f"{name}.lock") for name in ("core", "networks", "development")
    )
    assert core.items() | networks.items() <= everything.items()
    torch = pins(folder / "torch.txt")
    for wanted, lock in (
        (DECLARED | OPTIONAL["report"], core),
        (OPTIONAL["networks"], networks | torch),
        ({k: v for extra in OPTIONAL.values() for k, v in extra.items()}, everything | torch),
    ):
        for name, requirement in wanted.items():
            if name != "phytomass":
                assert requirement.specifier.contains(lock[name], prereleases=True), name


def test_all_that_torch_needs_without_cuda_is_locked() -> None:
    try:
        needs = [Requirement(text) for text in requires("torch") or ()]
    except PackageNotFoundError:
        pytest.skip("torch is not installed")
    place = {**default_environment(), "platform_system": "Darwin", "sys_platform": "darwin"}
    names = {canonicalize_name(r.name) for r in needs if not r.marker or r.marker.evaluate(place)}
    assert names <= set(pins(ROOT / "requirements" / "networks.lock"))


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_package_names_its_extra(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = EXTRAS[extra][-1]
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == lost else name)
    with pytest.raises(MissingExtraError, match=f"need {lost}, which is not installed") as error:
        require(extra, "things")
    assert error.value.problems[0].remedy == f"pip install 'phytomass[{extra}]'"


def asks_for(work: Callable[[], object], extra: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is said when no package of the extra is there."""
    gone = EXTRAS[extra]
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in gone else name)
    with pytest.raises(InputError) as error:
        work()
    (problem,) = error.value.problems
    assert problem.remedy == f"pip install 'phytomass[{extra}]'"
    return str(problem)


def test_every_door_asks_for_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vod = RasterSource(product="smos-ic-vod", files="vod.nc")
    (tmp_path / "vod.nc").write_bytes(b"CDF")  # a file that is not empty
    grid = grid_from_bounds("EPSG:32633", 10, (500_000, 5_000_000, 500_100, 5_000_100))
    entries.cache_clear()
    doors: list[tuple[str, Callable[[], object], str]] = [
        ("networks", require_torch, "models: patch networks need torch"),
        ("cluster", Workers(scheduler="tcp://host:8786").require, "scheduler: workers of tcp://"),
        ("catalogs", lambda: find_index("NDWI"), "predictors.indices: indices of the public"),
        ("catalogs", lambda: imagery.fetch_scenes, "predictors.rasters: scenes of catalogues"),
        (
            "netcdf",
            lambda: open_source("v", vod, tmp_path, grid).__enter__(),
            "vod.nc: NetCDF files need",
        ),
    ]
    for extra, work, said in doors:
        assert asks_for(work, extra, monkeypatch).startswith(said)


def test_check_asks_for_extras_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = small_settings()
    content["predictors"]["rasters"]["sky"] = {
        "product": "sentinel-2-l2a",
        "catalog": {"url": "earth-search", "folder": "scenes"},
        "dates": "2020-07-01/2020-08-31",
    }
    write_project(tmp_path, content)
    gone = {*EXTRAS["report"], *EXTRAS["catalogs"]}
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in gone else name)
    said = [str(p) for p in check_project(load_project(tmp_path)).problems]
    assert any(s.startswith("reports need matplotlib and jinja2") for s in said)
    assert any(s.startswith("predictors.rasters.sky: scenes of catalogues need") for s in said)
    said = [str(p) for p in check_project(load_project(tmp_path), ["map"]).problems]
    assert not any(s.startswith("reports") for s in said)
