"""The verb audit: what it shows, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from phytomass.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples" / "audit"
GOOD = "quantity,pool,kind,value,unit\nm,AGB,C,3.0,Mg C/ha\nm,AGB,CO2e,11.0,Mg CO2/ha\n"


def test_a_paper_that_contradicts_itself() -> None:
    result = CliRunner().invoke(app, ["audit", str(EXAMPLES / "pakistan_afforestation.csv")])
    assert result.exit_code == 1
    assert "would be 10.33" in result.output
    assert "plausible only as CO2e" in result.output


def test_a_table_that_agrees(tmp_path: Path) -> None:
    (tmp_path / "estimates.csv").write_text(GOOD, encoding="utf-8")
    result = CliRunner().invoke(app, ["audit", str(tmp_path), "--json"])
    assert result.exit_code == 0
    seal, line = [json.loads(line) for line in result.output.splitlines()]
    assert seal["status"] == "cannot be told"  # a folder that no run has sealed
    assert (line["status"], line["rule"]) == ("agrees", "CO₂e = 44/12 C")


def test_what_agrees_is_counted_and_listed_only_where_asked(tmp_path: Path) -> None:
    (tmp_path / "estimates.csv").write_text(GOOD, encoding="utf-8")
    short, long = (
        CliRunner().invoke(app, ["audit", str(tmp_path), *more]).output for more in ([], ["--all"])
    )
    assert "1 agrees" in short and "row 3" not in short
    assert "row 3" in long
