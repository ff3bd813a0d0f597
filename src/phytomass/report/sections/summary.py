"""The first screen: what was estimated, the key numbers, the map and the histograms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from phytomass.report.content.blocks import (
    Block,
    Callout,
    Card,
    Cards,
    Figure,
    Gallery,
    Section,
    Words,
)
from phytomass.report.content.layers import Summary, read_layer, summarise
from phytomass.report.content.results import Results
from phytomass.report.content.values import NO_MASS, Value, map_model_of, pick
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import (
    THIN,
    count,
    fixed,
    listed,
    number,
    percent,
    plus_minus,
    with_unit,
)
from phytomass.report.sections.map_figures import biomass_map
from phytomass.report.sections.plots_figures import histograms, shared_edges

MOST_LIMITS = 4

STOCKS = (("AGB", "dry_mass"), ("total", "C"), ("total", "CO2e"))
"""Pool and kind of the stocks on the first screen."""


@dataclass(frozen=True)
class Mapped:
    """What several sections need to know of `agb.tif`: its statistics and its date."""

    summary: Summary | None
    period: str


def observed_agb(results: Results) -> NDArray[np.float64]:
    """Return the AGB of the plots, Mg/ha, without missing values."""
    if results.plots is None:
        return np.array([])
    agb = results.plots["agb_mg_ha"].dropna()
    return np.asarray(agb, dtype=np.float64)


def mapped_of(results: Results) -> Mapped:
    """Read the statistics of the map once, its histogram on the axis it shares with the plots."""
    said = pick(results, "map_mean", "mean")
    period = said.date if said is not None else ""
    path = results.rasters.get("agb")
    if path is None:
        return Mapped(None, period)
    observed = observed_agb(results)
    limits = (float(observed.min()), float(observed.max())) if observed.size else None
    return Mapped(summarise(path, limits, partial(shared_edges, observed)), period)


def summary_section(results: Results, mapped: Mapped, limits: tuple[str, ...]) -> Section:
    """Build the first screen.

    Parameters
    ----------
    results : Results
        What was read.
    mapped : Mapped
        Of `agb.tif`.
    limits : tuple of str
        Short names of the limits found, to point to.
    """
    blocks: list[Block] = []
    sentence = estimated_in_words(results, mapped)
    if sentence:
        blocks.append(Words(sentence))
    cards = [*_estimate_cards(results), *_plot_cards(results, mapped), *_model_cards(results)]
    if cards:
        blocks.append(Cards(tuple(cards)))
    if limits:
        blocks.append(_pointer(limits))
    figures = [*_map_figure(results, mapped), *_histogram_figure(results, mapped)]
    if figures:
        blocks.append(Gallery(tuple(figures), "hero"))
    if "agb" not in results.rasters:
        blocks.append(Words("No map is shown: agb.tif is not in the results.", "missing"))
    return Section("summary", "Summary", tuple(blocks), files=("estimates.csv", "agb.tif"))


def _pointer(limits: tuple[str, ...]) -> Callout:
    """Name the first limits and point to all of them."""
    shown = [name.lower() for name in limits[:MOST_LIMITS]]
    more = len(limits) - len(shown)
    text = f"Read these numbers with their limits: {'; '.join(shown)}{'; …' if more > 0 else '.'}"
    link = f"all {count(len(limits))} limits in words" if len(limits) > 1 else "the limit in words"
    return Callout(text, link, "limits")


def estimated_in_words(results: Results, mapped: Mapped) -> str:
    """Say in one sentence what was estimated, where, when and from what."""
    chosen, area = map_model_of(results), pick(results, "area", "total", NO_MASS)
    parts = ["Aboveground biomass (AGB, dry mass)"]
    said = pick(results, "map_mean", "mean")
    hectares = area.value if area is not None else (said.area_ha if said is not None else np.nan)
    if "agb" not in results.rasters and said is None:
        if results.plots is None or results.plots.empty:
            return ""
        return f"{parts[0]} was computed for {count(len(results.plots))} field plots."
    parts.append("was mapped")
    if np.isfinite(hectares):
        parts.append(f"over {with_unit(hectares, 'ha', 5)}")
    if mapped.period:
        parts.append(f"for {mapped.period}")
    if results.plots is not None:
        parts.append(f"from {count(len(results.plots))} field plots")
    if chosen is not None:
        names = results.map_model.get("predictors", [])
        parts.append(f"and {count(len(names))} predictors ({_set_words(chosen.predictors)})")
        parts.append(f"by {labels.model_in_sentence(chosen.model)}")
    return " ".join(parts) + "."


def _set_words(name: str) -> str:
    return labels.predictor_set(name) if name else "named in the project"


def _estimate_cards(results: Results) -> list[Card]:
    cards = []
    mean = pick(results, "map_mean", "mean")
    if mean is not None:
        spread = pick(results, "map_mean", "spatial_SD", period=mean.period)
        value = plus_minus(mean.value, spread.value if spread is not None else None, 4)
        detail = "± spatial SD; " if spread is not None else ""
        cards.append(Card("Mean AGB, dry mass", value, mean.unit, detail + _where_when(mean)))
    for mass in STOCKS:
        stock = pick(results, "stock", "total", mass)
        if stock is not None:
            cards.append(_stock_card(stock))
    area = pick(results, "area", "total", NO_MASS)
    if area is not None:
        detail = f"{area.date + '; ' if area.period else ''}{area.method or 'mapped area'}"
        cards.append(Card("Area", number(area.value, 5), area.unit, detail))
    return cards


def _stock_card(stock: Value) -> Card:
    name = {"dry_mass": "Stock", "C": "Carbon", "CO2e": "CO₂ equivalent"}.get(stock.kind, "Stock")
    what = labels.mass(stock.pool, stock.kind)
    return Card(name, number(stock.value), stock.unit, f"{what}; {_where_when(stock)}")


def _where_when(value: Value) -> str:
    parts = [f"over {with_unit(value.area_ha, 'ha', 5)}" if np.isfinite(value.area_ha) else ""]
    return ", ".join(filter(None, [*parts, value.date])) or "date not given"


def _plot_cards(results: Results, mapped: Mapped) -> list[Card]:
    observed = observed_agb(results)
    if not observed.size:
        return []
    spread = observed.std(ddof=1) if len(observed) > 1 else None
    detail = f"AGB, dry mass: {plus_minus(observed.mean(), spread, 4)}{THIN}Mg/ha (mean ± SD)"
    return [Card("Plots", count(len(observed)), "", detail)]


def _model_cards(results: Results) -> list[Card]:
    chosen = map_model_of(results)
    if chosen is None:
        return []
    r2, rmse = chosen.score("r2"), chosen.score("rmse")
    relative = chosen.score("rrmse_percent")
    value = f"R² {fixed(r2, 2)}" if np.isfinite(r2) else "–"
    detail = f"{labels.model(chosen.model)}, {_set_words(chosen.predictors)}"
    if chosen.split and np.isfinite(rmse):
        share = f" ({percent(relative / 100)})" if np.isfinite(relative) else ""
        detail += f"; RMSE {with_unit(rmse, 'Mg/ha', 3)}{share} in {labels.split(chosen.split)}"
    return [Card("Model of the map", value, "", detail)]


def _map_figure(results: Results, mapped: Mapped) -> list[Figure]:
    path = results.rasters.get("agb")
    plots = results.plots
    if path is None and (plots is None or plots.empty):
        return []
    layer = read_layer(path) if path is not None else None
    when = f", {mapped.period}" if mapped.period else ""
    drawn = ["Aboveground biomass (AGB)" if layer is not None else "Field plots"]
    alt = f"Map of aboveground biomass{when}" if layer is not None else "Map of the field plots"
    picture = biomass_map(layer, plots, "AGB, Mg/ha dry mass", alt)
    caption = f"{drawn[0]}, Mg/ha dry mass{when}."
    if layer is not None:
        caption += " Grey: outside the mask or no data."
    if plots is not None and len(plots):
        caption += (
            f" Circles: {count(len(plots))} plots in the colours of the map, size by observed AGB."
        )
    if layer is not None:
        caption += f" Coordinates in {layer.crs}; arrow to grid north."
        if layer.reduced > 1:
            caption += f" Drawn from means of {layer.reduced} × {layer.reduced} pixels."
    return [Figure(picture, caption)]


def _histogram_figure(results: Results, mapped: Mapped) -> list[Figure]:
    observed = observed_agb(results)
    there = mapped.summary is not None and mapped.summary.n > 0
    if not observed.size and not there:
        return []
    picture = histograms(
        observed, mapped.summary if there else None, "AGB, Mg/ha dry mass",
        "Histograms of AGB of the plots and of the map on the same axis",
    )  # fmt: skip
    parts = []
    if observed.size:
        parts.append(f"plots (n = {count(observed.size)})")
    if there and mapped.summary is not None:
        parts.append(f"map (n = {count(mapped.summary.n)} pixels)")
    return [Figure(picture, f"AGB, Mg/ha dry mass: {listed(parts)} on one axis; dashed: means.")]
