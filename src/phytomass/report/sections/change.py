"""Change between two dates, and the sequestration potential."""

from __future__ import annotations

import numpy as np

from phytomass.report.content.blocks import Block, Card, Cards, Figure, Gallery, Section
from phytomass.report.content.estimates import estimates_table, main_masses
from phytomass.report.content.layers import read_layer
from phytomass.report.content.results import Results
from phytomass.report.content.values import AGB, Value, in_whole, pick
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import plus_minus, signed, with_unit
from phytomass.report.messages.saying import say
from phytomass.report.sections.map_figures import change_map
from phytomass.report.sections.plots_figures import measured_twice

OF_CHANGE = ("change_", "area_change", "plot_change")
OF_POTENTIAL = ("potential",)
"""What the names of the quantities begin with."""


def change_section(results: Results) -> Section:
    """Build the section on change."""
    blocks = [*_cards(results), *_figures(results), *_table(results, OF_CHANGE, say("change.note"))]
    files = ("agb_change.tif", "agb_before.tif", "estimates.csv", "plots.csv", "plot_change.csv")
    if not blocks:
        return Section("change", say("change.title"), missing=say("change.missing"))
    return Section("change", say("change.title"), tuple(blocks), files=files)


def _cards(results: Results) -> list[Block]:
    cards = []
    for quantity, statistic, mass, label in (
        ("change_mean", "mean", AGB, say("change.of_map")),
        ("change_total", "total", AGB, say("change.of_stock")),
        ("change_total", "total", ("total", "CO2e"), say("change.of_co2e")),
        ("plot_change", "mean", AGB, say("change.of_plots")),
    ):
        found = pick(results, quantity, statistic, mass)
        if found is not None:
            cards.append(_card(label, found, _error_of(results, quantity, found)))
    return [Cards(tuple(cards))] if cards else []


def _error_of(results: Results, quantity: str, found: Value) -> float | None:
    """Return the standard error that belongs to an estimate."""
    error = pick(results, quantity, "SE", (found.pool, found.kind), found.period)
    return error.value if error is not None else None


def _card(label: str, found: Value, error: float | None) -> Card:
    value, detail = signed(found.value, 4), labels.mass(found.pool, found.kind)
    if error is not None:
        value = f"{'+' if found.value > 0 else ''}{plus_minus(found.value, error)}"
        detail = f"{say('change.standard_error')}; {detail}"
    if np.isfinite(found.area_ha):
        detail += f", {with_unit(found.area_ha, 'ha', 5)}"
    elif np.isfinite(found.n):
        detail += f", {say('scores.n', n=found.n)}"
    return Card(label, value, found.unit, f"{detail}{'; ' if found.period else ''}{found.date}")


def _figures(results: Results) -> list[Block]:
    figures = []
    path = results.rasters.get("agb_change")
    mean = pick(results, "change_mean", "mean")
    when = f", {mean.date}" if mean is not None and mean.period else ""
    if path is not None:
        layer = read_layer(path)
        picture = change_map(layer, say("axis.change"), say("change.map_alt", when=when))
        caption = f"{say('change.map', when=when)} {say('map.coordinates', crs=layer.crs)}"
        figures.append(Figure(picture, caption))
    plots = results.plots
    if plots is not None:
        before, after = plots["agb_before_mg_ha"], plots["agb_mg_ha"]
        both = before.notna() & after.notna()
        if both.any():
            picture = measured_twice(
                np.asarray(before[both], dtype=np.float64), np.asarray(after[both], dtype=np.float64),
                (say("change.earlier"), say("change.later")), say("change.twice_alt"),
            )  # fmt: skip
            figures.append(Figure(picture, say("change.twice", n=both.sum())))
    if not figures:
        return []
    return [Gallery(tuple(figures), "hero" if len(figures) == 2 else "half")]


def _table(results: Results, begins: tuple[str, ...], note: str) -> list[Block]:
    table = results.estimates
    if table is None:
        return []
    about = np.array([str(name).startswith(begins) for name in table["quantity"]], dtype=bool)
    rows = main_masses(table[about & in_whole(table)])
    return [estimates_table(rows, say("estimates.caption"), note)] if len(rows) else []


def potential_section(results: Results) -> Section:
    """Build the section on the sequestration potential."""
    table = _table(results, OF_POTENTIAL, say("potential.note"))
    if not table:
        return Section("potential", say("potential.title"), missing=say("potential.missing"))
    cards = []
    for quantity, statistic, label in (
        ("potential", "mean", say("potential.csp")),
        ("potential_rate", "mean", say("potential.per_year")),
        ("potential_total", "total", say("potential.whole")),
    ):
        found = pick(results, quantity, statistic, None)
        if found is not None:
            value = plus_minus(found.value, _error_of(results, quantity, found))
            detail = ", ".join(filter(None, [labels.mass(found.pool, found.kind), found.date]))
            over = f"; {with_unit(found.area_ha, 'ha', 5)}" if np.isfinite(found.area_ha) else ""
            cards.append(Card(label, value, found.unit, f"{detail}{over}"))
    blocks: list[Block] = [Cards(tuple(cards))] if cards else []
    return Section("potential", say("potential.title"), (*blocks, *table), files=("estimates.csv",))
