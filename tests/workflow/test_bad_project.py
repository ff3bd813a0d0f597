"""A hundred wrong project files: `check` says what, once, at the key as it is written."""

from __future__ import annotations

import os
import re
import time
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import yaml

from phytomass.errors import InputError, ProjectFileError
from phytomass.imagery.scenes import places
from phytomass.imagery.scenes.places import files_of
from phytomass.models.factories import FACTORIES
from phytomass.models.limits import limits_of
from phytomass.models.records.tables import all_model_names, record_of
from phytomass.workflow import load_project, make_demo, new_project
from phytomass.workflow.document import DEEPEST, MOST_BYTES, read_document
from tests.workflow.small import write_project
from tests.workflow.tiny import make_tiny, problems_in, tiny_project

S2 = "predictors/rasters/s2"
LONG = "x" * 300


def own(formula: Any, name: str = "own") -> list[dict[str, Any]]:
    return [{"name": name, "formula": formula}]


def model(name: str, **parameters: Any) -> list[dict[str, Any]]:
    return [{"name": name, "parameters": parameters}]


VALUES: list[tuple[str, Any, str]] = [
    # dates
    ("period", "2020-13", r"period: found '2020-13'; write a year \(2020\), a month"),
    ("period", "2021/2016", r"period: found '2021/2016'; the end comes before the start"),
    ("period", "0000", r"period: .*years are from 1800 to 2100"),
    ("period", "9999", r"period: .*years are from 1800 to 2100"),
    ("period", 2020, r"period: found 2020; expected text: put it in quotes"),
    ("earlier/period", "2021", r"earlier\.period 2021 is not before period 2020"),
    (f"{S2}/dates", "2020-02-30/2020-03-01", r"s2\.dates: found .*the first and the last day"),
    (f"{S2}/dates", "2020-06-01/2019-06-01", r"s2\.dates: found .*days rise"),
    (f"{S2}/dates", "0001-01-01/9999-12-31", r"s2\.dates: found .*between 1972-07-23"),
    (f"{S2}/months", [13], r"s2\.months\.0: found 13; expected 12 or less"),
    (f"{S2}/months", [], r"s2\.months: found \[\]; expected 1 or more"),
    # coordinate systems and grids
    ("grid/crs", "EPSG:999999", r"grid\.crs: found 'EPSG:999999'; no coordinate reference system"),
    ("grid/crs", "PROJCS[nonsense", r"grid\.crs: found .*no coordinate reference system"),
    ("grid/crs", "EPSG:4326", r"grid\.crs: .*WGS 84 is in degrees"),
    ("grid/crs", "EPSG:5773", r"grid\.crs: .*EGM96 height .* has no horizontal coordinates"),
    ("inventory/plots/crs", "EPSG:1", r"inventory\.plots\.crs: .*no coordinate reference system"),
    ("grid/resolution", 1e-9, r"grid\.resolution: found 1e-09; expected 0\.001 or more"),
    ("grid/resolution", 1e9, r"grid\.resolution: .*at most 1 000 000: a pixel as large as"),
    ("grid/resolution", -10, r"grid\.resolution: found -10"),
    ("grid/bounds", [0, 0, 1e9, 1e9], r"grid: 100000000 × 100000000 pixels .*raise grid\.max_pixe"),
    ("grid/max_pixels", 100, r"grid: 40 × 60 pixels are more than max_pixels \(100\)"),
    ("grid/bounds", [1, 2, 3], r"grid\.bounds: found \[1, 2, 3\]; too few values"),
    ("grid/bounds", [5, 5, 1, 1], r"grid: .*not \(west, south, east, north\)"),
    # numbers
    ("random_state", -1, r"random_state: found -1; expected 0 or more"),
    ("random_state", 2**40, r"random_state: .*the random generators take no larger seed"),
    ("random_state", 1.5, r"random_state: found 1\.5; expected a whole number"),
    ("grid/resolution", nan, r"grid\.resolution: found nan; expected a finite number"),
    ("inventory/plot_radius_m", inf, r"inventory\.plot_radius_m: found inf; expected a finite"),
    ("grid/resolution", True, r"grid\.resolution: found true; expected a number"),
    ("grid/resolution", "10", r"grid\.resolution: found '10'; expected a number"),
    ("name", 5, r"name: found 5; expected text: put it in quotes"),
    ("inventory/plot_corners", 1, r"inventory\.plot_corners: found 1; expected true or false"),
    ("allometry/wood_density", {"Pinus": True}, r"wood_density\.Pinus: found true; expected a num"),
    ("errors/draws", 10**9, r"errors\.draws: .*at most 1 000 000: more draws only fill"),
    ("errors/values", {"height_cv": nan}, r"errors\.values\.height_cv: found nan"),
    ("errors/draws", 10**30, r"line \d+, .*a number of about 10\^30 is too large"),
    ("carbon/carbon_fraction", "x", r"carbon\.carbon_fraction: found 'x'; expected a number"),
    ("carbon/carbon_fraction", {"value": 47}, r"carbon\.carbon_fraction: 47 is outside 0\.3 to"),
    ("carbon/dead_wood", True, r"carbon\.dead_wood: found true; expected a number"),
    ("validation/n_splits", 10**6, r"validation\.n_splits: .*at most 1 000: every fold"),
    ("validation/n_repeats", 10**7, r"validation\.n_repeats: .*at most 1 000: every fold"),
    ("validation/test_share", 1, r"validation\.test_share: found 1"),
    ("validation/splits", ["kfold"], r"validation\.splits\.0: found 'kfold'; expected 'holdout"),
    ("map/classes", [100, 50], r"map: classes are limits that rise"),
    ("map/elevation_band_m", 1e-9, r"map\.elevation_band_m: found 1e-09"),
    ("potential/years", 0, r"potential\.years: found 0"),
    ("truth/block_m", [0], r"truth\.block_m\.0: found 0"),
    ("mask/band", 0, r"mask\.band: found 0; expected 1 or more"),
    (f"{S2}/scale", 0, r"s2\.scale: found 0; a scale of 0 leaves nothing"),
    (f"{S2}/keep_where", {"cloud": [20, 0]}, r"keep_where\.cloud: .*the lower value comes first"),
    ("predictors/textures", [{"of": "B8", "limits": [1, 1]}], r"textures\.0\.limits: .*the two diff"),
    # keys with the names of types, or brackets
    ("predictors/rasters/str", {"files": 3}, r"rasters\.str\.files: found 3; expected text"),
    ("predictors/rasters/Path", {"files": "a.tif", "scale": "1"}, r"rasters\.Path\.scale: found '1'"),
    ("predictors/rasters/a[0]", {"files": "a.tif", "sensor": "x"}, r"rasters\.a\[0\]\.sensor: found"),
    ("predictors/rasters/list[str]", {"file": "a"}, r"list\[str\]\.file: unknown key.*'files'"),
    ("predictors/rasters/nullable", {"files": "a", "bands": {"str": {}}}, r"nullable\.bands\.str: exp"),
    ("predictors/rasters/function-after[f(), str]", {"files": []}, r"function-after\[f\(\), str\]: giv"),
    # names
    (f"{S2}/bands", {"x": 1}, r"bands\.x: 'x' is kept for the coordinates"),
    (f"{S2}/bands", {"spatial_ref": 1}, r"bands\.spatial_ref: .*kept for the coordinates"),
    (f"{S2}/bands", {"a/b": 1}, r"bands\.a/b: found 'a/b'; .*cannot hold '/'"),
    (f"{S2}/bands", {"..": 1}, r"bands\.\.\.: found '\.\.'; a name begins with"),
    (f"{S2}/bands", {"": 1}, r"bands\.: found ''; a name begins with"),
    (f"{S2}/bands", {"B" * 101: 1}, r"bands\.BB+\.\.\.B+: .*100 characters .*at most"),
    (f"{S2}/bands", {"b8": 1, "B8": 2}, r"bands: 'b8' and 'B8' differ by capitals alone"),
    (f"{S2}/bands", {"é": 1, "e\u0301": 2}, r"bands: .*differ by capitals alone"),
    (f"{S2}/bands", ["B4", "B4"], r"bands: .*'B4': listed twice"),
    ("predictors/sets", {"CON|": ["B4"]}, r"sets\.CON\|: .*cannot hold '\|'"),
    ("predictors/sets", {"a": ["B4"], "A": ["B8"]}, r"sets: 'a' and 'A' differ by capitals alone"),
    ("predictors/sets", {"a": []}, r"sets\.a: found \[\]; expected 1 or more"),
    ("predictors/indices", own("B8 - B4", "x"), r"indices\.0\.name: 'x' is kept for the coordin"),
    ("predictors/indices", [*own("B8 - B4", "ndvi"), "NDVI"], r"'ndvi' and 'NDVI' differ by capit"),
    ("models", [{"name": "svr", "label": "../x"}], r"models\.0\.label: found '\.\./x'"),
    ("models", [{"name": "svr", "label": "A"}, {"name": "mlr", "label": "a"}], r"'A' and 'a' differ"),
    # formulas
    ("predictors/indices", own("9**9**9"), r"formula: '9\*\*9\*\*9' names no band"),
    ("predictors/indices", own("B8 / (9**9**9)"), r"formula: 'B8 / \(9.*' is 0 wherever"),
    ("predictors/indices", own("B8 / 0"), r"formula: 'B8 / 0' is nowhere a number"),
    ("predictors/indices", own("B8 - B8"), r"formula: 'B8 - B8' is 0 wherever"),
    ("predictors/indices", own("1 + 1"), r"formula: '1 \+ 1' names no band"),
    ("predictors/indices", own("1e308 * B8"), r"formula: '1e308 \* B8' holds '1e308'"),
    ("predictors/indices", own("B8.real"), r"formula: 'B8\.real' holds 'B8\.real'"),
    ("predictors/indices", own("B8 % 2"), r"formula: 'B8 % 2' holds 'B8 % 2'"),
    ("predictors/indices", own("True * B8"), r"formula: 'True \* B8' holds 'True'"),
    ("predictors/indices", own("(" * 900 + "B8" + ")" * 900), r"formula: .* is not a formula"),
    ("predictors/indices", own("+".join(["B8"] * 800)), r"formula: .*500 parts and 200 levels"),
    ("predictors/indices", own("-" * 2000 + "B8"), r"formula: .*(levels|not a formula)"),
    ("predictors/indices", own(3), r"indices\.0\.formula: found 3; expected text"),
    ("predictors/indices", [{"name": "r", "formla": "B8"}], r"formla: unknown key → did you mean 'fo"),
    ("predictors/indices", [5], r"indices\.0: found 5; expected text.* or a section of keys"),
    (f"{S2}/best_by", "B8 * 0", r"s2\.best_by: 'B8 \* 0' is 0 wherever"),
    # paths
    ("output", "/", r"output: found '/'; names no file"),
    ("output", "..", r"output: found '\.\.'; names no file"),
    ("output", "~/results", r"output: .*'~' is not filled in"),
    ("output", LONG, r"output: .*255 characters at most"),
    ("study_area", "", r"study_area: found ''; names no file"),
    ("inventory/plots/path", ".", r"inventory\.plots\.path: found '\.'; names no file"),
    ("inventory/plots/encoding", "rot13", r"plots\.encoding: .*no such encoding"),
    ("allometry/equations", "/dev/null", r"/dev/null \(allometry.equations\): is a pipe or a device"),
    (f"{S2}/files", "/", r"s2\.files: found '/'; names no file"),
    (f"{S2}/files", "/**/*.tif", r"s2\.files: .*would look through the whole disk"),
    (f"{S2}/files", ".", r"s2\.files: found '\.'; names no file"),
    (f"{S2}/files", "a**b", r"s2: 'a\*\*b' cannot be looked up"),
    (f"{S2}/files", "/dev/zero", r"/dev/zero .*is a pipe or a device"),
    (f"{S2}/files", "pipe.tif", r"pipe\.tif .*is a pipe or a device"),
    (f"{S2}/files", ["s2.tif", 5], r"s2\.files\.1: found 5; expected text"),
    ("mask/path", "pipe.tif", r"pipe\.tif.* is a pipe or a device"),
    ("grid", {"like": "pipe.tif"}, r"pipe\.tif: is a pipe or a device"),
    # models
    ("models", model("random_forest", n_estimators=-5), r"models\.0: n_estimators is -5; allowed is"),
    ("models", model("random_forest", n_estimators="many"), r"models\.0: n_estimators is 'many'"),
    ("models", model("random_forest", n_estimators=True), r"models\.0: n_estimators is true"),
    ("models", model("random_forest", n_estimators=10**9), r"more trees change nothing"),
    ("models", model("svr", C=nan), r"models\.0\.parameters\.C: found nan"),
    ("models", model("svr", kernel="rfb"), r"kernel is 'rfb'; allowed is rbf or linear"),
    ("models", model("resnet", patch=8), r"models\.0: a patch of 8 pixels"),
    ("models", model("resnet", filters=1024, growth=4), r"a last block of 65536 units"),
    ("models", [{"name": "svr", "grid": {"C": [1, -1]}}], r"models\.0: C is -1; allowed is"),
    ("models", [{"name": "svr", "search": {"candidates": 10**9}}], r"candidates: .*at most 10 000"),
    ("models", [{"name": "svr", "neighbourhood": [4]}], r"odd sides"),
]  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny(tmp_path_factory.mktemp("bad"))
    os.mkfifo(folder / "pipe.tif")
    return folder


@pytest.mark.parametrize(
    ("place", "value", "words"), VALUES, ids=[f"{p}={str(v)[:30]}" for p, v, _ in VALUES]
)
def test_one_problem_that_names_the_key(tiny: Path, place: str, value: Any, words: str) -> None:
    content = tiny_project()
    *above, last = place.split("/")
    here = content
    for key in above:
        here = here[key]
    here[last] = value
    write_project(tiny, content)
    problems = problems_in(tiny)
    assert any(re.search(words, problem) for problem in problems), problems
    assert len({problem.partition(": ")[2] for problem in problems}) <= 2, problems
    assert max(map(len, problems)) < 1000


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
)

TEXTS: list[tuple[str, bytes, str]] = [
    ("alias bomb", BOMB.encode(), r"line \d+.*stands for more than 50 000 values.*aliases"),
    ("alias of itself", b"a: &a [*a]\n", r"line 1.*an alias \(\*\) that holds itself"),
    ("deep", b"a: " + b"[" * 5000, r"line 1.*more than 32 levels"),
    ("deep blocks", b"- " * 5000, r"line 1.*more than 32 levels"),
    ("deep sections", b"{a: " * 5000, r"line 1.*more than 32 levels"),
    ("empty", b"", r"is empty"),
    ("comment", b"# nothing\n", r"holds no settings"),
    ("a list", b"- a\n- b\n", r"holds no settings"),
    ("large", b"# " + b"x" * MOST_BYTES, r"has 262146 bytes, .* 262144 at most"),
    ("UTF-16", "name: A\n".encode("utf-16"), r"is not UTF-8 text but UTF-16 → save it as UTF-8"),
    ("UTF-16 without mark", "name: A\n".encode("utf-16-le"), r"but binary data, or UTF-16"),
    ("latin-1", "a: b\nname: Forêt\n".encode("latin-1"), r"another encoding \(line 2: byte 0xea\)"),
    ("null byte", b"name: a\0b\n", r"is not UTF-8 text but binary data"),
    ("control character", b"a: b\nname: \x1b[31m\n", r"line 2: holds the control character '.x1b'"),
    ("escaped control", b'name: "\\x1b[31m"\n', r"line 1.*holds the control character '.x1b'"),
    ("half a character", b'name: "\\ud800"\n', r"line 1.*holds the control character"),
    ("twice", b"name: a\nperiod: b\nname: c\n", r"line 3.*'name' stands twice here, first in line 1"),
    ("twice below", b"a:\n  b: 1\n  c: 2\n  b: 3\n", r"line 4.*'b' stands twice.*in line 2"),
    ("twice as number and text", b"a: {1: x, '1': y}\n", r"'1' stands twice"),
    ("python", b"a: !!python/object/apply:os.system [x]\n", r"line 1.*the tag '!!python/object"),
    ("binary", b"a: !!binary aGk=\n", r"line 1.*the tag '!!binary'"),
    ("own tag", b"a: !mine 3\n", r"line 1.*the tag '!mine'"),
    ("set", b"a: !!set {x}\n", r"line 1.*the tag '!!set'"),
    ("no number", b"a: !!int x\n", r"line 1.*the tag '!!int' and 'x'"),
    ("sexagesimal", b"a: 12:30\n", r"line 1.*'12:30' is a number to base 60"),
    ("octal", b"a: 0017\n", r"line 1.*'0017' is an octal number"),
    ("giant", b"a: " + b"9" * 400, r"line 1.*a number of about 10\^\d+ is too large"),
    ("giant beyond int", b"a: " + b"9" * 5000, r"line 1.*"),
    ("long text", b"a: " + b"x" * 5000, r"line 1.*a text of 5000 characters; 4000 at most"),
    ("a list as key", b"? [a, b]\n: c\n", r"line 1.*a list or section stands for a key"),
    ("merge of no section", b"a: {<<: 3}\n", r"line 1.*`<<` takes in sections of keys"),
    ("two documents", b"a: 1\n---\nb: 2\n", r"line 2: is not YAML"),
    ("tab", b"a:\n\tb: 1\n", r"line 2: is not YAML.*indent with blanks"),
    ("no alias", b"a: *b\n", r"line 1: is not YAML: found undefined alias"),
    ("open bracket", b"name: a\nperiod: [2020\n", r"line 3: is not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), [t[1:] for t in TEXTS], ids=[t[0] for t in TEXTS])
def test_one_problem_that_names_the_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "project.yaml").write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(ProjectFileError) as caught:
        load_project(tmp_path)
    assert time.perf_counter() - start < 10  # at once: what swells is not built first
    assert "project.yaml" in str(caught.value)
    assert re.search(words, str(caught.value)), caught.value
    assert len(caught.value.problems) == 1
    assert len(str(caught.value)) < 500


def test_what_yaml_means_otherwise_is_read_as_written(tmp_path: Path) -> None:
    text = "\ufeffno: {017: a, yes: b, 2020-07-01: c}\nday: 2020-07-01\nmany: 1_000\nhex: 0x1F\n"
    text += "small: 1e-4\nnothing: ~\nbase: &b {p: 1, q: 2}\nown: {<<: *b, q: 3}\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert read_document(tmp_path / "a.yaml") == {
        "no": {"017": "a", "yes": "b", "2020-07-01": "c"},
        "day": "2020-07-01",
        "many": 1000,
        "hex": 31,
        "small": 1e-4,
        "nothing": None,
        "base": {"p": 1, "q": 2},
        "own": {"p": 1, "q": 3},
    }


def test_as_deep_as_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: " + "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2))
    assert list(read_document(tmp_path / "a.yaml")) == ["a"]


def test_a_project_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder" / "project.yaml").mkdir(parents=True)
    for path, words in {
        tmp_path / "pipe.yaml": "is a pipe or a device",
        Path("/dev/zero"): "is a pipe or a device",
        tmp_path / "folder": "no such project file|is a folder",
        tmp_path / LONG: "no such project file",
        Path("a\0b"): "no such project file",
    }.items():
        with pytest.raises(InputError, match=words):
            load_project(path)


def test_a_hundred_problems_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    content = tiny_project() | {f"key{i}": 1 for i in range(130)}
    write_project(tmp_path, content)
    with pytest.raises(ProjectFileError) as caught:
        load_project(tmp_path)
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1].what == "and 30 problems more"


def test_several_mistakes_have_a_line_each(tmp_path: Path) -> None:
    content = tiny_project()
    content["grid"]["crs"] = "EPSG:1"
    content["predictors"]["indices"][1]["formula"] = "B8 / 0"
    content["models"][1]["parameters"]["n_estimators"] = 0
    content["errors"]["draws"] = True
    write_project(tmp_path, content)
    with pytest.raises(ProjectFileError) as caught:
        load_project(tmp_path)
    assert [p.where.partition(": ")[2] for p in caught.value.problems] == [
        "grid.crs",
        "errors.draws",
        "predictors.indices.1.formula",
        "models.1",
    ]


def test_a_pattern_stops_where_there_are_too_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (tmp_path / f"{number}.tif").write_bytes(b"II")
    assert len(files_of("*.tif", tmp_path, "here")) == 30
    monkeypatch.setattr(places, "MOST_FILES", 20)
    for pattern in ("*.tif", str(tmp_path)):
        with pytest.raises(InputError, match="stands for more than 20 files"):
            files_of(pattern, tmp_path, "here")
    monkeypatch.setattr(places, "MOST_ENTRIES", 20)
    for pattern in ("**/*.jp2", "*.jp2", str(tmp_path)):
        with pytest.raises(InputError, match="more than 20 files and folders below"):
            files_of(pattern, tmp_path, "here")


def test_a_file_with_brackets_in_its_name_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a[0].tif").write_bytes(b"II")
    assert files_of("a[0].tif", tmp_path, "here") == [tmp_path / "a[0].tif"]


@pytest.mark.parametrize("name", all_model_names())
def test_the_limits_hold_the_models_own_values(name: str) -> None:
    limits, record = limits_of(name), record_of(name)
    estimator = FACTORIES[name](None, 0)["model"]
    taken = getattr(estimator, "regressor", estimator).get_params()
    assert set(limits) <= set(taken)
    for key, default in record.defaults.items():
        assert all(limits[key].hold(value) for value in (default, *record.grid.get(key, ())))
    own_defaults = {key: taken[key] for key in limits if key not in record.defaults}
    assert all(limits[key].hold(value) for key, value in own_defaults.items() if value is not None)


def test_seeds_and_folders_of_new_projects(tmp_path: Path) -> None:
    for seed in (-1, 2**32):
        with pytest.raises(InputError, match="seed"):
            make_demo(tmp_path / "demo", seed=seed)
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / LONG, tmp_path / "a\0b"):
        with pytest.raises(InputError):
            new_project(folder)
    (tmp_path / "project.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="holds another project"):
        make_demo(tmp_path)


def test_the_tiny_project_comes_through(tiny: Path) -> None:
    (tiny / "project.yaml").write_text(yaml.safe_dump(tiny_project()))
    assert problems_in(tiny) == []
