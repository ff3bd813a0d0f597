"""The catalogue of messages: whole, without strays, and the same in every language."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from phytomass import report, tables
from phytomass.errors import InputError
from phytomass.report import RULES, languages, read_results, speaking, write_report
from phytomass.report.messages import languages as files
from phytomass.report.messages import saying
from phytomass.report.messages.formatting import aligned, count, fixed, number, percent, signed
from phytomass.report.messages.languages import texts
from phytomass.report.messages.saying import Message, messages, say
from phytomass.report.sections.summary import mapped_of, summary_section
from tests.report.page import parse

ROOM = Path(report.__file__).parent
Asked = tuple[str, frozenset[str] | None]


def asked() -> Iterator[Asked]:
    """Find what the code asks for: a pattern of keys, and the fields where they stand there."""
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield from _asked_by(node, path)
    for path in sorted(ROOM.rglob("*.html")):
        for key, given in re.findall(r"say\(\"([^\"]+)\"([^)]*)\)", path.read_text("utf-8")):
            yield re.escape(key), frozenset(re.findall(r"(\w+)=", given))

    for table in tables.tables().values():
        for how, *family in (column.shown.split(" ") for column in table.columns.values()):
            if how == "words":
                yield rf"{family[0]}\..+", None


def _asked_by(call: ast.Call, path: Path) -> Iterator[Asked]:
    name = _name(call.func)
    if name == "say":
        given = [keyword.arg for keyword in call.keywords]
        fields = None if None in given else frozenset(filter(None, given))
        yield from ((key, fields) for key in _keys(call.args[0], path))
    elif name == "text_of":
        yield from ((key, None) for key in _keys(call.args[0], path))
    elif name in ("named", "is_known") and isinstance(call.args[0], ast.Constant):
        yield rf"{call.args[0].value}\..+", None


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _keys(node: ast.expr, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield re.escape(str(node.value))
    elif isinstance(node, ast.IfExp):
        yield from (*_keys(node.body, path), *_keys(node.orelse, path))
    elif isinstance(node, ast.JoinedStr):
        parts = (re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in node.values)
        yield "".join(parts)
    elif path.parent.name != "messages":
        raise AssertionError(f"{path.name}:{node.lineno}: the key of a message is to be read off")


def test_every_message_that_is_asked_for_is_there_with_its_fields() -> None:
    known = messages("en")
    for pattern, fields in asked():
        found = [key for key in known if re.fullmatch(pattern, key)]
        assert found, f"no message {pattern}"
        if fields is not None and "+" not in pattern:
            assert known[found[0]].fields == fields, found[0]


def test_no_message_is_left_that_nothing_asks_for() -> None:
    patterns = [re.compile(p) for p, _ in asked() if p not in (r".+\..+", ".+")]
    strays = [key for key in texts("en") if not any(p.fullmatch(key) for p in patterns)]
    assert strays == []


@pytest.mark.parametrize("language", languages())
def test_a_language_is_read_and_its_numbers_have_signs(language: str) -> None:
    assert len(messages(language)) == len(texts("en"))
    assert {len(texts(language)[f"number.{sign}"]) for sign in ("decimal", "thousands")} == {1}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{n:cuont}", "cannot be written as"), ("{}", "a field is called"), ("{a.b}", "is called")],
)
def test_a_text_that_cannot_be_filled_in_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Message.of("key", text)


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    def language(rows: dict[str, str]) -> None:
        read = files.texts
        both = {"en": read("en"), "xx": rows}
        monkeypatch.setattr(saying, "texts", lambda name: both[name])

    saying.messages.cache_clear()
    yield language
    saying.messages.cache_clear()


def test_a_language_with_other_fields_is_refused(another) -> None:
    another({"limit.few_sites.said": "{plots:count} Stück"})
    with pytest.raises(ValueError, match=r"other fields.*limit\.few_sites\.said"):
        messages("xx")


def test_what_a_language_lacks_is_said_in_english(another) -> None:
    another({"models.title": "Modelle"})
    assert messages("xx")["models.title"].text == "Modelle"
    assert messages("xx")["plots.title"].text == "Plots"


def test_fields_are_those_of_the_message() -> None:
    with pytest.raises(ValueError, match="has the fields"):
        say("limit.few_sites.said", plots=3)
    with pytest.raises(ValueError, match="has the fields"):
        say("plots.title", plots=3)


def test_one_is_told_from_many() -> None:
    assert say("limit.outliers.said", n=1).startswith("One plot lies far")
    assert say("limit.outliers.said", n=1200).startswith("1\u202f200 plots lie far")
    assert say("summary.read", n=3) == "Read all 3 limits in words"


def test_numbers_in_spanish() -> None:
    with speaking("es"):
        assert fixed(1234.5, 1) == "1\u202f234,5"
        assert number(0.0000123, 2) == "1,2×10⁻⁵"
        assert (signed(3.2), percent(0.00001)) == ("+3,20", "< 0,01\u202f%")
        assert aligned([-3.46, 0.985, 0.0], 3, sign=True) == ["−3,46", "+0,98", "0,00"]
    assert (fixed(1.5, 1), count(1e6)) == ("1.5", "1\u202f000\u202f000")


def test_an_unknown_language_names_the_known(results_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known are en, es"):
        write_report(results_folder, tmp_path / "r.html", language="ess")


SECTIONS = ("plots", "errors", "predictors", "models", "area", "change", "potential", "truth")


class Listening(Mapping[str, Message]):
    """The messages of a language, which keeps what it was asked for."""

    def __init__(self, language: str) -> None:
        self.all, self.said = messages(language), set[str]()

    def __getitem__(self, key: str) -> Message:
        self.said.add(key)
        return self.all[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def text_of(self, key: str) -> str | None:
        return self[key].text if key in self.all else None


def test_the_first_page_is_whole_in_spanish(
    results_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listening("es")
    monkeypatch.setattr(saying, "messages", lambda language: heard)
    for module in ("labels", "formatting"):
        monkeypatch.setattr(f"phytomass.report.messages.{module}.text_of", heard.text_of)
    results = read_results(results_folder)
    with speaking("es"):
        mapped = mapped_of(results)
        summary_section(results, mapped, tuple(rule.name for rule in RULES))
    heads = {f"{section}.title" for section in (*SECTIONS, "limits", "sources")}
    page = {key for key in texts("en") if key.startswith("page.")}
    assert len(heard.said) > 50
    assert {*heard.said, *heads, *page} - set(texts("es")) == set()


def test_a_report_in_spanish(results_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("estimates.csv", "model_comparison.csv", "map_model.json", "plots.csv"):
        (folder / name).write_bytes((results_folder / name).read_bytes())
    text = write_report(folder, language="es").read_text(encoding="utf-8")
    page = parse(text)
    assert '<html lang="es">' in text
    assert "Límites de este estudio en palabras" in page.headings
    assert "Contenido" in page.headings
    assert "Se cartografió la biomasa aérea" in page.text
    assert not re.search(r"R² \d\.\d", page.text)
