"""The project file: every mistake on a line of its own, with the nearest valid name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from phytomass.errors import InputError, ProjectFileError
from phytomass.workflow import load_project, new_project, project_schema
from phytomass.workflow.load import check_settings
from phytomass.workflow.start import demo_project


def minimal() -> dict[str, Any]:
    return {
        "name": "A",
        "period": "2020",
        "grid": {"like": "a.tif"},
        "inventory": {"plots": {"path": "plots.csv"}},
        "predictors": {"rasters": {"s2": {"files": "a.tif"}}},
    }


def problems_of(content: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ProjectFileError) as caught:
        check_settings(content, "project.yaml")
    return {
        p.where.removeprefix("project.yaml: "): f"{p.what} → {p.remedy}"
        for p in caught.value.problems
    }


def test_a_minimal_project_is_valid() -> None:
    project = check_settings(minimal(), "project.yaml")
    assert len(project.models) == 6
    assert project.carbon.root_shoot.value == 0.26


def test_a_named_list_of_models_brings_the_tables_of_its_paper() -> None:
    project = check_settings(minimal() | {"models": "mountain_paper"}, "project.yaml")
    assert [m.name for m in project.models][:3] == ["resnet", "pixelnet", "xgboost"]
    assert project.model_tables == "mountain_paper"
    own = {"models": ["resnet", "svr"], "model_tables": "mountain_paper"}
    assert check_settings(minimal() | own, "project.yaml").model_tables == "mountain_paper"
    without = {"models": "mountain_paper", "model_tables": None}
    assert check_settings(minimal() | without, "project.yaml").model_tables is None
    # a project that was read and written again is the same project
    again = check_settings(project.model_dump(mode="json", exclude_unset=True), "again")
    assert again == project
    allowed = json.loads(project_schema())["properties"]["models"]["anyOf"]
    assert allowed[1]["enum"][0] == "mountain_paper"


def test_the_demo_with_a_named_list_of_models() -> None:
    content = demo_project(7, "mountain_paper")
    project = check_settings(yaml.safe_load(content), "project.yaml")
    plain = check_settings(yaml.safe_load(demo_project(7)), "project.yaml")
    assert project.model_tables == "mountain_paper"
    assert len(project.models) == 7
    assert project.random_state == plain.random_state == 7
    assert len(project.predictors.sets["mountain_paper"]) == 13  # Tibet paper, Table 1
    assert project.validation.splits == ["spatial_blocks"]
    assert project.truth == plain.truth
    with pytest.raises(InputError, match="did you mean 'mountain_paper'"):
        demo_project(7, "mountain_papers")


def test_every_mistake_has_its_own_line() -> None:
    content = minimal()
    content["outptu"] = "x"
    content["predictors"]["rasters"]["s2"]["sensor"] = "optica"
    content["predictors"]["rasters"]["s2"]["compsite"] = "median"
    content["models"] = ["randon_forest"]
    del content["period"]
    found = problems_of(content)
    assert set(found) == {
        "outptu",
        "predictors.rasters.s2.sensor",
        "predictors.rasters.s2.compsite",
        "models.0",
        "period",
    }
    assert "did you mean 'output'?" in found["outptu"]
    assert "did you mean 'optical'?" in found["predictors.rasters.s2.sensor"]
    assert "did you mean 'composite'?" in found["predictors.rasters.s2.compsite"]
    assert "did you mean 'random_forest'?" in found["models.0"]
    assert found["period"].startswith("missing")


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"period": "summer"}, "period", "found 'summer'"),
        ({"random_state": "x"}, "random_state", "found 'x'"),
        ({"mask": {"path": "m.tif"}}, "mask", "give either `values` or `at_least`"),
        ({"grid": {"crs": "EPSG:32643"}}, "grid", "give either `like`, or `crs` and `resolution`"),
        ({"models": "montain_paper"}, "models", "did you mean 'mountain_paper'"),
        ({"model_tables": "tibet"}, "model_tables", "known are mountain_paper"),
        (
            {"models": ["svr"], "model_tables": "mountain_paper"},
            "project.yaml",
            "compares with resnet, which is not among `models`",
        ),
        ({"map": {"model": "svm"}}, "project.yaml", "map.model 'svm' is not among"),
        ({"map": {"members": 1}}, "map", "members is 0 (no uncertainty), or 2 and more"),
        (
            {
                "map": {"members": 200},
                "errors": {"draws": 100},
                "inventory": {
                    "plots": {"path": "p.csv"},
                    "trees": {"path": "t.csv"},
                    "plot_area_ha": 0.1,
                },
            },
            "project.yaml",
            "map.members is 200, each learns a draw of its own, and errors.draws is 100",
        ),
        ({"earlier": {"period": "2015", "files": {"s1": "b"}}}, "project.yaml", "s2"),
        ({"predictors": {}}, "predictors", "at least one source"),
        ({"carbon": {"carbon_fraction": 47}}, "carbon.carbon_fraction", "47"),
    ],
)
def test_one_mistake(change: dict[str, Any], where: str, what: str) -> None:
    found = problems_of(minimal() | change)
    assert list(found) == [where]
    assert what in found[where]


def test_the_language_of_the_report_is_one_there_is() -> None:
    assert check_settings(minimal(), "p").report.language == "en"
    spanish = check_settings({**minimal(), "report": {"language": "es"}}, "p")
    assert spanish.report.language == "es"
    with pytest.raises(ProjectFileError, match="known are en, es"):
        check_settings({**minimal(), "report": {"language": "ess"}}, "p")


def test_a_file_that_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("name: a\nperiod: [2020\n")
    with pytest.raises(ProjectFileError, match=r"project\.yaml, line 3: is not YAML"):
        load_project(tmp_path)


def test_a_file_in_latin_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_bytes("name: Forêt\n".encode("latin-1"))
    with pytest.raises(ProjectFileError, match="UTF-8"):
        load_project(tmp_path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectFileError, match="phytomass new"):
        load_project(tmp_path)


def test_a_new_project_file_is_valid_and_never_overwrites(tmp_path: Path) -> None:
    path = new_project(tmp_path / "study")
    assert load_project(path).project.name == "MY STUDY"
    with pytest.raises(InputError, match="there is a project already"):
        new_project(tmp_path / "study")


def test_every_key_of_the_schema_is_explained() -> None:
    schema = json.loads(project_schema())
    for name, section in {"Project": schema, **schema["$defs"]}.items():
        for key, field in section.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key} has no description"


def test_the_templates_list_no_unknown_key() -> None:
    folder = Path(__file__).parents[2] / "src/phytomass/workflow/templates"
    for template in folder.glob("*.yaml"):
        check_settings(yaml.safe_load(template.read_text(encoding="utf-8")), template.name)
