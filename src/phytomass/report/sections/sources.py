"""The limits of the study, and where every number comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from phytomass.report.content.blocks import Block, Heading, Points, Section, Table, Words
from phytomass.report.content.results import Results
from phytomass.report.judgement.rules import Limits
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import ABSENT, THIN, count, number, short_hash
from phytomass.report.messages.saying import say

MOST_INPUTS = 200


def limits_section(limits: Limits) -> Section:
    """Build the section on the limits of the study."""
    blocks: list[Block] = []
    if limits.found:
        blocks.append(Points(limits.found))
    else:
        blocks.append(Words(say("limits.none")))
    if limits.clear:
        blocks.append(Words(say("limits.clear", limits="; ".join(limits.clear)), "small"))
    if limits.unchecked:
        text = say("limits.unchecked", limits="; ".join(limits.unchecked))
        blocks.append(Words(text, "small"))
    return Section("limits", say("limits.title"), tuple(blocks))


def sources_section(results: Results, sections: Sequence[Section]) -> Section:
    """Build the section that traces every number to its file, step, inputs and settings."""
    title = say("sources.title")
    said = results.provenance
    blocks: list[Block] = [_sections_table(results, sections)]
    if not said:
        return Section("sources", title, (*blocks, Words(say("sources.missing"), "missing")))
    blocks += [_software(said), *_inputs(said), *_steps(said), *_settings(results.project)]
    return Section("sources", title, tuple(blocks), files=("provenance.json", "map_model.json"))


def steps_by_file(said: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return result file → (step, SHA-256) as `provenance.json` tells it."""
    return {
        str(output.get("path", "")).rsplit("/", 1)[-1]: (
            str(step.get("name", "")), str(output.get("sha256", "")),
        )
        for step in said.get("steps", [])
        for output in step.get("outputs", [])
    }  # fmt: skip


def _sections_table(results: Results, sections: Sequence[Section]) -> Table:
    known = steps_by_file(results.provenance)
    rows = [
        (section.title, name, *known.get(name, (ABSENT, "")))
        for section in sections
        for name in section.files
        if (results.folder / name).exists()  # a Zarr store and a stack of COGs are folders
    ]
    return Table.of(
        say("files.caption"),
        [
            (say("heading.section"), "text", [row[0] for row in rows]),
            (say("heading.result_file"), "short", [row[1] for row in rows]),
            (say("heading.step"), "short", [row[2] for row in rows]),
            (say("heading.sha_256"), "short", [short_hash(row[3]) for row in rows]),
        ],
        note=say("files.note"),
    )


def _software(said: dict[str, Any]) -> Words:
    packages = said.get("packages") or {}
    versions = [
        f"phytomass {said.get('phytomass', ABSENT)}",
        f"Python {said.get('python', ABSENT)}",
    ]
    versions += [f"{name} {version}" for name, version in packages.items() if version]
    seed = said.get("random_state")
    platform = said.get("platform")
    on = say("software.on", platform=platform) if platform else ""
    text = say("software.made", versions=", ".join(versions), on=on)
    return Words(text if seed is None else f"{text} {say('software.seed', seed=seed)}")


def _inputs(said: dict[str, Any]) -> list[Block]:
    entries = said.get("inputs") or []
    if not entries:
        return []
    shown = entries[:MOST_INPUTS]
    hidden = len(entries) - len(shown)
    table = Table.of(
        say("inputs.caption", n=len(entries)),
        [
            (say("heading.file"), "text", [str(e.get("path", "")) for e in shown]),
            (say("heading.role"), "text", [str(e.get("role", "")) for e in shown]),
            (say("heading.size"), "number", [_size(e.get("bytes")) for e in shown]),
            (say("heading.sha_256"), "short", [short_hash(e.get("sha256")) for e in shown]),
        ],
        note=say("word.more_in", n=hidden, file="provenance.json") if hidden else "",
    )
    return [Heading(say("inputs.title")), table]


def _size(size: object) -> str:
    if not isinstance(size, int | float):
        return ABSENT
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= factor:
            return f"{number(size / factor, 3)}{THIN}{unit}"
    return f"{count(size)}{THIN}B"


def _steps(said: dict[str, Any]) -> list[Block]:
    """List the steps; when they ran and how long is left out, so that reports can be compared."""
    steps = [s for s in said.get("steps") or [] if s.get("name") != "report"]
    if not steps:
        return []
    files = [", ".join(str(o.get("path", "")) for o in s.get("outputs", [])) for s in steps]
    roles = [
        ", ".join(dict.fromkeys(str(e.get("role", "")) for e in s.get("inputs", []))) for s in steps
    ]
    needs = [", ".join(s.get("needs", {})) for s in steps]
    table = Table.of(
        say("steps.caption"),
        [
            (say("heading.step"), "short", [str(s.get("name", "")) for s in steps]),
            (say("heading.reads_the_results_of"), "text", [text or ABSENT for text in needs]),
            (say("heading.input_files"), "text", [text or ABSENT for text in roles]),
            (say("heading.writes"), "text", files),
        ],
    )
    return [Heading(say("steps.title")), table]


def _settings(project: dict[str, Any]) -> list[Block]:
    rows = list(flattened(project))
    if not rows:
        return []
    table = Table.of(
        say("settings.caption"),
        [
            (say("heading.setting"), "text", [key for key, _ in rows]),
            (say("heading.value"), "text", [value for _, value in rows]),
        ],
    )
    return [Heading(say("settings.title")), table]


def flattened(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Walk over nested settings as (path of the key, value); lists of plain values stay together.

    Examples
    --------
    >>> list(flattened({"grid": {"crs": "EPSG:32643"}, "folds": [1, 2], "mask": None}))
    [('grid.crs', 'EPSG:32643'), ('folds', '1, 2'), ('mask', '–')]
    """
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from flattened(inner, f"{key}.{name}".strip("."))
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        for index, inner in enumerate(value, start=1):
            yield from flattened(inner, f"{key}[{index}]")
    elif isinstance(value, list):
        yield key, ", ".join(_plain(v) for v in value) or ABSENT
    else:
        yield key, _plain(value)


def _plain(value: Any) -> str:
    if value is None or value in ("", {}):
        return ABSENT
    if isinstance(value, bool):
        return labels.flag(value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
