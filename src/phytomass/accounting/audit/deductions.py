"""Credits of a table: the deduction by its named rule, and what is left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from phytomass.accounting.audit.findings import UNKNOWN, Finding, judged
from phytomass.accounting.audit.spans import Span, over, times
from phytomass.accounting.audit.table import Row
from phytomass.accounting.credits import rule_of
from phytomass.errors import InputError

PARTS = ("reduction", "leakage", "deduction", "buffer", "credits")


def deductions(rows: Sequence[Row]) -> Iterator[Finding]:
    """Take reduction, leakage, deduction, buffer and credits of one period as one account."""
    accounts: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.text["quantity"] in PARTS and row.mg is not None:
            accounts[row.text["zone"], row.text["period"]].setdefault(row.text["quantity"], row)
    for account in accounts.values():
        if {"reduction", "credits"} <= account.keys():
            yield from _account(account)


def _account(account: dict[str, Row]) -> Iterator[Finding]:
    spans = {name: row.mg for name, row in account.items() if row.mg is not None}
    taken = [spans[name] for name in ("leakage", "deduction", "buffer") if name in spans]
    left = Span(
        spans["reduction"].low - sum(one.high for one in taken),
        spans["reduction"].high - sum(one.low for one in taken),
    )
    others = [row for name, row in account.items() if name != "credits"]
    yield judged(account["credits"], "what is left", spans["credits"], left, others)
    if "deduction" not in account:
        row = account["credits"]
        yield Finding(UNKNOWN, row.name, row.line, "deduction", note="no deduction, no credits")
        return
    yield _deduction(account["reduction"], account["deduction"])


def _deduction(gross: Row, row: Row) -> Finding:
    value, low, high, level = (gross.number.get(n) for n in ("value", "low", "high", "level"))
    named = row.text["rule"].rsplit(maxsplit=1)
    if len(named) != 2 or value is None or low is None or high is None:
        note = "needs the column rule (id and version), and low and high of the reduction"
        return Finding(UNKNOWN, row.name, row.line, "deduction", str(row.mg), note=note)
    try:
        rule = rule_of(named[0], named[1])
    except InputError as error:
        note = error.problems[0].what
        return Finding(UNKNOWN, row.name, row.line, "deduction", str(row.mg), note=note)
    if level is not None and not level.low <= rule.level <= level.high:
        note = f"the rule reads an interval of {rule.level:.0%}"
        return Finding(UNKNOWN, row.name, row.line, "deduction", str(row.mg), note=note)
    half = over(Span((high.low - low.high) / 2, (high.high - low.low) / 2), value)
    share = Span(rule.share(half.low), rule.share(half.high))
    stated = row.number["value"]
    return judged(row, f"deduction by {rule.name}", stated, times(share, value), [gross])
