"""Names of a user's are shown as they are, on any console, and do nothing to it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from phytomass.cli.console import Screen
from phytomass.cli.plain import any_console, harmless
from phytomass.errors import Problem
from phytomass.workflow.engine import Outcome, Step
from phytomass.workflow.reads import Reads
from tests.cli.test_frame import command

NAMES = {
    "[red]plots[/red].csv": "[red]plots[/red].csv",
    "[/]": "[/]",
    "[link=http://x]a[/link]": "[link=http://x]a[/link]",
    "\\[bold]": "\\[bold]",
    ":smile:": ":smile:",
    "\x1b[2J\x1b]0;title\x07a.csv": "a.csv",
    "\x1b]8;;http://x\x1b\\a\x1b]8;;\x1b\\": "a",
    "a\rb\x08\x7f\x9bc": "abc",
    "gpj.\u202eftit": "gpj.ftit",
}


def screen() -> tuple[Screen, io.StringIO]:
    text = io.StringIO()
    console = Console(file=text, force_terminal=False, width=200, soft_wrap=True, highlight=False)
    return Screen(out=console, err=console), text


@pytest.mark.parametrize("name", list(NAMES))
def test_names_are_shown_as_they_are_everywhere(name: str) -> None:
    shown, text = screen()
    shown.problem(Problem(name, name, name))
    shown.say("Wrote ", name)
    shown.warning(name)
    step = Step("plots", name, Reads, lambda reads, context: None, ())
    shown.started(step, name)
    shown.finished(Outcome("plots", "run", "", 1.0, (name,)))
    shown.finished(Outcome("plots", "skipped", name, 1.0, ()))
    assert text.getvalue().replace("\ufffd", "").count(NAMES[name]) == 9
    assert not set(text.getvalue()) & set("\x1b\r\x07\x08\u202e")
    assert harmless(name) == NAMES[name]


def test_progress_of_a_user_s_label_is_no_markup() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120, color_system=None)
    shown = Screen(out=console, err=console)
    with shown.bars():
        shown.progress("[/nothing] \x1b[2Jforest", 1, 2)
    assert "[/nothing] forest" in text.getvalue()


def test_work_of_unknown_length_is_shown_in_a_terminal_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for terminal in (True, False):
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal, width=120, color_system=None)
        with Screen(as_json=not terminal, out=console, err=console).at_work("reading"):
            pass
        assert ("reading" in text.getvalue()) == terminal
    assert capsys.readouterr().out == ""


def test_signs_that_a_console_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, shown in (("ascii", "OK CO2 Foret -> ?"), ("latin-1", "OK CO2 Forêt -> ?")):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding)
        monkeypatch.setattr("sys.stdout", stream)
        any_console()
        stream.write("✓ CO₂ Forêt → \udcff")
        stream.flush()
        assert raw.getvalue().decode(encoding) == shown


@pytest.mark.parametrize(
    ("environment", "what", "code"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "nothing", 0),
        (
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            "raise:MemoryError()",
            2,
        ),
    ],
)
def test_the_command_on_a_console_without_utf_8(
    environment: dict[str, str], what: str, code: int, tmp_path: Path
) -> None:
    done = command(what, "map", str(tmp_path / "[red]forêt"), **environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert re.search(r"OK \d\.\d s: plot_draws.zarr, plots.csv, trees.csv", done.stdout)
    if code:
        assert "x there is not enough memory\n  -> close other programs" in done.stderr
