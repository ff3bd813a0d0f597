"""The names of the package: whole, explained, quick to import, and enough for a study."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import phytomass
from phytomass import _HOMES  # type: ignore[attr-defined]
from phytomass.cli.app import app
from phytomass.errors import InputError
from phytomass.extras import MissingExtraError
from phytomass.settings import Settings
from phytomass.workflow.load import check_settings
from tests.workflow.tiny import tiny_project

ROOT = Path(__file__).parents[1]
NAMES = [name for name in phytomass.__all__ if name != "__version__"]


def documented(text: str) -> set[str]:
    """Return the parameters that a numpy docstring explains."""
    section = re.search(r"Parameters\n-+\n(.*?)(\n\n?[A-Z]\w+\n-{3,}\n|\Z)", text, re.DOTALL)
    lines = re.findall(r"(?m)^(\w[\w, *]*?)(?: :.*)?$", section[1]) if section else []
    return {name for line in lines for name in re.split(r", ", line)}


def parameters(thing: Any) -> set[str]:
    if inspect.isclass(thing) and issubclass(thing, Settings):
        return set(thing.model_fields)
    return {n for n in inspect.signature(thing).parameters if n != "self"}


def test_the_table_of_names_is_the_list_of_names() -> None:
    lent = [name for names in _HOMES.values() for name in names]
    assert sorted(lent) == sorted(NAMES)
    assert set(phytomass.__all__) <= set(dir(phytomass))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_explained(name: str) -> None:
    thing = getattr(phytomass, name)
    assert thing.__name__ == name  # what help() shows is what one types
    text = inspect.getdoc(thing) or ""
    assert text.splitlines()[0].endswith("."), "one sentence first"
    assert ">>>" in text, "an example"
    assert parameters(thing) - documented(text) == set()
    if inspect.isfunction(thing):
        assert "Returns\n-------" in text or ") -> None" in str(inspect.signature(thing))


def test_import_takes_no_time() -> None:
    heavy = ["numpy", "pandas", "torch", "matplotlib", "rasterio", "pydantic", "sklearn", "scipy"]
    code = f"import sys, phytomass; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'tree_biomas'"):
        phytomass.tree_biomas  # type: ignore[attr-defined]  # noqa: B018


def test_figures_without_their_extra_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phytomass.extras.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"phytomass\[report\]"):
        phytomass.draw_map  # noqa: B018


def test_settings_say_what_they_are_and_editors_get_one_paragraph() -> None:
    text = inspect.getdoc(phytomass.CarbonSettings) or ""
    assert "root_rule : default 'constant'\n    `constant`: root_shoot;" in text
    schema = phytomass.CarbonSettings.model_json_schema()
    assert schema["description"].startswith("The section `carbon`")
    assert "Examples" not in schema["description"]


def test_sigma_filter_finds_the_bright_level_itself() -> None:
    power = np.random.default_rng(2).gamma(4, 0.025, (60, 60))
    power[10:13, 10:13], power[0, :5] = 3.0, np.nan
    given = float(np.nanquantile(power, 0.98))
    assert np.array_equal(
        phytomass.improved_sigma(power, looks=4),
        phytomass.improved_sigma(power, 4, given),
        equal_nan=True,
    )
    assert np.isnan(phytomass.improved_sigma(np.full((9, 9), np.nan), looks=4)).all()
    whole = np.arange(81, dtype=np.int16).reshape(9, 9)  # digital numbers, as files hold them
    for speckle in (phytomass.lee, phytomass.refined_lee, phytomass.improved_sigma):
        assert speckle(whole, looks=4).dtype == np.float64


def test_mistakes_of_a_notebook_are_told(tmp_path: Path) -> None:
    import pandas as pd

    trees = pd.DataFrame({"species": ["Chir"], "dbh": [30.0]})
    with pytest.raises(InputError, match=r"no column dbh_cm → there are species, dbh"):
        phytomass.tree_biomass(trees, phytomass.AllometrySettings())
    with pytest.raises(InputError, match=r"no column agb_mg_ha"):
        phytomass.plot_estimates(trees)
    with pytest.raises(InputError, match=r"no band 'B8': there are B4"):
        phytomass.evaluate("B8 / B4", {"B4": np.ones(1)})
    with pytest.raises(InputError, match=r"no step 'maps' → did you mean 'map'"):
        phytomass.run(tmp_path, ["maps"])
    grid = phytomass.grid_from_bounds("EPSG:32643", 10, (0, 0, 40, 30))
    with pytest.raises(InputError, match=r"band NDVI: has shape \(4, 3\), the grid \(3, 4\)"):
        phytomass.PredictorStack.write(tmp_path / "a.tif", {"NDVI": np.ones((4, 3))}, grid)
    with pytest.raises(InputError, match="without a band"):
        phytomass.PredictorStack.write(tmp_path / "a.tif", {}, grid)
    with pytest.raises(InputError, match=r"no agb\.tif"):
        phytomass.draw_map(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        phytomass.draw_map(tmp_path / "agb.tif")
    stack = phytomass.PredictorStack.write(tmp_path / "b.tif", {"NDVI": np.ones((3, 4))}, grid)
    with pytest.raises(InputError, match=r"plots: no column plot_id, easting"):
        phytomass.extract_samples(stack, trees)
    with pytest.raises(InputError, match=r"plots: no column easting"):
        phytomass.draw_map(tmp_path / "b.tif", trees)
    rows = pd.DataFrame({"observed": [1.0, 2.0], "predicted": [1.0, 2.0], "repeat": 0})
    rows = rows.assign(model="mlr", predictors="both", split="spatial_blocks")
    with pytest.raises(InputError, match=r"no model 'svr' → there are mlr"):
        phytomass.draw_predictions(rows, model="svr")


def test_predictions_of_the_best_candidate_are_drawn() -> None:
    import pandas as pd

    observed = np.array([10.0, 50.0, 90.0])
    both = [
        pd.DataFrame({"observed": observed, "predicted": observed + off, "model": model})
        for model, off in (("mlr", np.array([20, -20, 20.0])), ("svr", np.array([2, -2, 2.0])))
    ]
    table = pd.concat(both).assign(predictors="both", split="spatial_blocks", repeat=0)
    best = phytomass.draw_predictions(table)
    assert best.axes[0].get_title(loc="left").startswith("SVR")
    assert "RMSE 2" in best.axes[0].texts[0].get_text()
    assert "RMSE 20" in phytomass.draw_predictions(table, model="mlr").axes[0].texts[0].get_text()


def test_the_ten_tasks_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    cells = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(re.findall(r"(?m)^## \d+\. ", page)) == 10
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    pytest.importorskip("torch")
    for cell in cells:
        imported = re.findall(r"(?m)^(?:from|import) (\w+)", cell)
        assert set(imported) <= {"numpy", "pandas", "sklearn", "phytomass", "pathlib"}
        assert "from phytomass" not in cell  # public names alone
        exec(compile(cell, "docs/python.md", "exec"), known)  # noqa: S102
    assert set(re.findall(r"\bph\.(\w+)", "\n".join(cells))) <= set(phytomass.__all__)
    assert known["comparison"].scores["rmse"].min() < 40
    assert 0.5 < known["mean_of_map"] / known["plots"]["agb_mg_ha"].mean() < 1.5
    assert known["outcomes"][0].status == "run"
    assert type(known["figure"]).__name__ == "Figure"


def test_the_answers_of_how_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    for settings in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        check_settings(tiny_project() | yaml.safe_load(settings), "docs/how-to.md")
    monkeypatch.chdir(tmp_path)
    for cell in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(cell, "docs/how-to.md", "exec"), {})  # noqa: S102
    shown = capsys.readouterr().out
    assert "[10 10]" in shown  # the tool's example by hand, see `plots_needed`
    assert "stock mean × area 2.05e+09 would be 1.9536e+09" in shown
    assert "[ True False]" in shown


def test_the_verbs_of_the_documentation_are_those_there_are() -> None:
    verbs = {command.name for command in app.registered_commands}
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    texts = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    said = set(re.findall(r"(?:    |\n|`)phytomass ([a-z]+)\b", texts))
    assert said <= verbs
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert verbs <= set(re.findall(r"(?:phytomass |`)([a-z]+)\b", readme))
