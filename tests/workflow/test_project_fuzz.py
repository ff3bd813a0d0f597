"""Project files that nobody would write: our own error or none, soon, and nothing on the disk."""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phytomass.workflow import project_schema
from tests.workflow.tiny import make_tiny, problems_in, tiny_project

LONGEST_S = 60
"""A case that takes longer hangs; the longest took 3 s on two busy cores."""

LONGEST_PROBLEM = 6_000

SCHEMA: dict[str, Any] = json.loads(project_schema())
BASE = yaml.safe_dump(tiny_project(), sort_keys=False).encode()

TEXTS = [
    "", " ", ".", "..", "/", "~", "~root", "**", "*", "/*/*/*", "data/**/*.tif", "[", "a[0]", "x" * 300,
    "x\0y", "\x1b[31m", "\u202e", "s2.tif", "plots.csv", "area.gpkg", "mask.tif", "/dev/zero",
    "/dev/stdin", "/proc/self/mem", "../s2.tif", "results", "B4", "B8", "NDVI", "VH", "nothing",
    "EPSG:32643", "EPSG:4326", "EPSG:999999", "EPSG:3857", "epsg:5703", "+init=epsg:4326", "2020", "2020-13",
    "2021/2016", "0000", "9999", "2020-06-01/2020-09-30", "2020-02-30/2020-03-01", "B8 / B4",
    "1/0", "9**9**9", "B8.real", "(" * 500, "-" * 3000 + "B8", "lambda: 1", "median", "p25", "p999",
    "sentinel-2-l2a", "sentinel-1-rtc", "smap-l3-vod", "mountain_paper", "str", "Path", "int",
    "cp1252", "rot13", "idna", "utf-16", "species", "chave2014", "mlr", "resnet", "stack", "1e5", "é", "e\u0301",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 3, 7, 25, 1000, 10**9, 2**31, 2**53, 2**63 - 1, 2**64, 10**400, 0.5, -0.0, 1e-9,
    1e-300, 1e300, float("nan"), float("inf"), float("-inf"), True, False, None,
]  # fmt: skip

FILES = [
    "s2.tif", "s1_a.tif", "s1_*.tif", "*.tif", "dem.tif", "mask.tif", "truth.tif", "area.gpkg", "plots.csv",
    "trees.csv", "project.yaml", "empty", "text.tif", "noise.csv", "noise.xlsx", "folder", "pipe", "none.csv",
    "../s2.tif", "/dev/null", "**", "s2.tif/x",
]  # fmt: skip
BANDS = ["B4", "B8", "VH", "NDVI", "ratio", "elevation", "slope", "B8_mean", "cloud", "s2_1", "x"]
CODES = [
    "EPSG:32643",
    "EPSG:32644",
    "EPSG:3857",
    "EPSG:4326",
    "EPSG:2193",
    "EPSG:3031",
    "EPSG:32661",
]
COLUMNS = [
    "plot_id",
    "site",
    "easting",
    "northing",
    "species",
    "dbh_cm",
    "height_m",
    "tree_id",
    "name",
    "",
]
FORMULAS = ["B8 / B4", "B8 - NDVI", "VH ** 2", "-B8 ** 0.5"]
NAMED = {
    **dict.fromkeys(
        ("path", "files", "dem", "like", "study_area", "equations", "wood_density_table", "environmental_stress", "earlier", "folder"),
        FILES,
    ),
    **dict.fromkeys(("of", "leave_out", "bands", "sets", "keep_where"), BANDS),
    **dict.fromkeys(("columns", "stems", "where", "column", "stratum", "status"), COLUMNS),
    **dict.fromkeys(("formula", "best_by", "fit_where"), FORMULAS),
    "crs": CODES,
    "period": ["2020", "2019", "2015/2016", "2014-07", "1999"],
    "dates": ["2020-06-01/2020-09-30", "1972-07-23/2100-12-31"],
    "product": ["sentinel-2-l2a", "sentinel-1-rtc", "landsat-c2-l2", "smap-l3-vod"],
    "composite": ["median", "mean", "p25", "medoid", "best"],
    "indices": ["NDVI", "SAVI", "VH_VV", "RENDVI_B8B6", "EVI", "DpRVIVV"],
    "index": ["NDVI", "SAVI", "EVI"],
    "fallback": ["chave2014", "chave2005_dry", "general_conifer_ali"],
    "encoding": ["utf-8", "cp1252", "utf-16", "idna", "gb18030"],
    "units": ["cm", "m", "in", "mm"],
    "missing": ["P1", "-9999", "Pinus roxburghii"],
    "name": ["mlr", "svr", "plsr", "random_forest", "Own"],
    "url": ["planetary-computer", "catalog.json"],
    "models": ["mlr", "svr", "plsr", "simple_linear", "xgboost"],
}  # fmt: skip
"""Values that come through the settings, so that what reads the files is reached."""

leaves = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
    st.text(max_size=20),
    st.floats(),
    st.integers(),
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(TEXTS), st.text(max_size=8)), inner, max_size=4),
    ),
    max_leaves=8,
)


def places(
    schema: dict[str, Any], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Give every place of the schema, with what may stand there; `members` of models once."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if path:
        yield path, schema
    if path.count("members") > 1:
        return
    for part in schema.get("anyOf", []):
        yield from places(part, path)
    for key, part in schema.get("properties", {}).items():
        yield from places(part, (*path, key))
    if isinstance(schema.get("additionalProperties"), dict):
        for key in {"rasters": ("s2", "s1")}.get(str(path[-1]), ("B4",)):
            yield from places(schema["additionalProperties"], (*path, key))
    if isinstance(schema.get("items"), dict):
        yield from places(schema["items"], (*path, 0))


PLACES = list(places(SCHEMA))


def fitting(schema: dict[str, Any], path: tuple[str | int, ...] = ()) -> st.SearchStrategy[Any]:
    """Give values of the kind that the schema wants: most bounds are met, not all that is behind."""
    named = next((NAMED[key] for key in reversed(path) if key in NAMED), TEXTS)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        return st.one_of([fitting(part, path) for part in schema["anyOf"]])
    low, high = schema.get("minimum", -100), schema.get("maximum", 100)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(int(low), int(max(low, high))),
        "number": st.floats(low, max(low, high))
        | st.integers(int(low) + 1, int(max(low + 1, high))),
        "boolean": st.booleans(),
        "string": st.sampled_from(named),
        "null": st.none(),
        "array": st.lists(fitting(schema["items"], path), min_size=1, max_size=3)
        if "items" in schema
        else st.lists(st.floats(-10, 100), min_size=2, max_size=4).map(sorted),
        "object": st.dictionaries(st.sampled_from(named), st.sampled_from(named), max_size=2)
        if isinstance(schema.get("additionalProperties"), dict)
        else st.just({}),
    }
    return kinds.get(schema.get("type", ""), anything)


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, Any]:
    """Return the tiny project with up to three values set, or keys taken out or renamed."""
    content = copy.deepcopy(tiny_project())
    more = draw(st.sampled_from([0, 0, 0, 1]))
    for path, schema in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=1 + more)):
        kind = draw(st.sampled_from([*["fitting"] * 6, "gone", "gone", "anything", "renamed"]))
        here: Any = content
        for key in path[:-1]:
            here = _inside(here, key)
        key = path[-1]
        if isinstance(here, list):
            here[:] = [*here[1:], draw(fitting(schema, path) if kind == "fitting" else anything)]
        elif kind == "gone":
            here.pop(key, None)
        elif kind == "renamed":
            here[draw(st.sampled_from(TEXTS))] = here.pop(key, None)
        else:
            here[key] = draw(fitting(schema, path) if kind == "fitting" else anything)
    return content


def _inside(here: Any, key: str | int) -> Any:
    """Step into a section or list, made where there is none."""
    if isinstance(here, list):
        if not here or not isinstance(here[0], dict):
            here.insert(0, {})
        return here[0]
    if not isinstance(here.get(key), dict | list):
        here[key] = {}
    return here[key]


PIECES = [
    b"&a [*a]", b"*a", b"&a ", b"!!python/object:os.system ", b"!!binary ", b"? ", b"<<: ", b"- ", b"[" * 900,
    b"{" * 900, b"\t", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"%YAML 1.3\n---\n", b"---\n", b"...\n",
    b"|", b"'", b'"', b'"\\x1b"', b'"\\ud800"', b": ", b"#", b"name: twice\n", b"12:30", b"017", b"0x1F", b"1_0",
    b".nan", b"1e400", b"9" * 5000, b"yes", b"\r", b"\xc2\x85", b"\n  - - - - - -\n", b"@", b"`",
]  # fmt: skip


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """Return the bytes of the tiny project with pieces taken out and others put in."""
    text = BASE
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 40))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)))
        text = text[:place] + piece + text[place + gone :]
    return text


files = st.one_of(
    spoiled().map(lambda content: yaml.safe_dump(content).encode()),
    spoiled().map(lambda content: yaml.safe_dump(content, allow_unicode=True).encode()),
    spoiled().map(lambda content: json.dumps(content).encode()),
    torn(),
    st.binary(max_size=200),
)


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    found = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in found}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_junk(make_tiny(tmp_path_factory.mktemp("around") / "in" / "project"))


def with_junk(folder: Path) -> Path:
    """Add files that no step can use."""
    for name in ("noise.csv", "noise.xlsx"):
        (folder / name).write_bytes(bytes(range(256)))
    (folder / "empty").touch()
    (folder / "text.tif").write_text("no raster")
    (folder / "folder").mkdir(exist_ok=True)
    if not (folder / "pipe").exists():
        os.mkfifo(folder / "pipe")
    return folder


def survive(folder: Path, content: bytes) -> None:
    """Check a project file: problems or none, but no other error, no file, and soon."""
    (folder / "project.yaml").write_bytes(content)
    before = listing(folder.parent.parent)
    with time_limit(LONGEST_S):
        problems = problems_in(folder)
    assert listing(folder.parent.parent) == before
    for problem in problems:
        assert len(problem) < LONGEST_PROBLEM
        assert "\x1b" not in problem


relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


@settings(relaxed, max_examples=300, derandomize=True, database=None)
@given(content=files)
def test_no_project_file_breaks_check(tiny: Path, content: bytes) -> None:
    survive(tiny, content)


@pytest.mark.slow
@settings(relaxed, max_examples=5_000)
@given(content=files)
def test_no_project_file_breaks_check_at_length(tiny: Path, content: bytes) -> None:
    survive(tiny, content)


def test_the_tiny_project_is_valid(tiny: Path) -> None:
    (tiny / "project.yaml").write_bytes(BASE)
    assert problems_in(tiny) == []


def test_the_cases_come_to_every_section() -> None:
    sections = {path[0] for path, _ in PLACES}
    assert sections == set(tiny_project()) | {"model_tables", "report"}
    assert len(PLACES) > 250
