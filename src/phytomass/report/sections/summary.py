"""The first screen: what was estimated, the key numbers, the map and the histograms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
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
from phytomass.report.content.values import NO_MASS, Value, headlines, map_model_of, pick
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import ABSENT, THIN, count, number, plus_minus
from phytomass.report.messages.saying import say
from phytomass.report.sections.map_figures import biomass_map
from phytomass.report.sections.plots_figures import histograms, shared_edges

MOST_LIMITS = 4

ESTIMATORS = ("model_assisted", "model_based")
"""First codes of methods that page one explains; any other is of the plots alone."""

STOCKS = {"dry_mass": "AGB", "C": "total", "CO2e": "total"}
"""Kind and pool of the stocks on the first screen."""


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


def placed_plots(results: Results) -> pd.DataFrame | None:
    """Return the plots, if they have positions; a study of plots alone needs none."""
    plots = results.plots
    if plots is None or not {"easting", "northing"} <= set(plots):
        return None
    return plots if plots[["easting", "northing"]].notna().all(axis=None) else None


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
    first = headlines(results)
    if first:
        blocks.append(Words(_estimator_in_words(first[0].method)))
    cards = [*_estimate_cards(results), *_plot_cards(results), *_model_cards(results)]
    if cards:
        blocks.append(Cards(tuple(cards)))
    if limits:
        blocks.append(_pointer(limits))
    figures = [*_map_figure(results, mapped), *_histogram_figure(results, mapped)]
    if figures:
        blocks.append(Gallery(tuple(figures), "hero"))
    if "agb" not in results.rasters and placed_plots(results) is not None:
        blocks.append(Words(say("summary.no_map"), "missing"))
    return Section(
        "summary", say("page.summary"), tuple(blocks), files=("estimates.csv", "agb.tif")
    )


def _pointer(limits: tuple[str, ...]) -> Callout:
    """Name the first limits and point to all of them."""
    shown = [name.lower() for name in limits[:MOST_LIMITS]]
    end = "; …" if len(limits) > len(shown) else "."
    text = say("summary.limits", limits="; ".join(shown) + end)
    return Callout(text, say("summary.read", n=len(limits)), "limits")


def estimated_in_words(results: Results, mapped: Mapped) -> str:
    """Say in one sentence what was estimated, where, when and from what."""
    chosen, area = map_model_of(results), pick(results, "area", "total", NO_MASS)
    said = pick(results, "map_mean", "mean")
    hectares = area.value if area is not None else (said.area_ha if said is not None else np.nan)
    plots = results.plots
    if "agb" not in results.rasters and said is None:
        return "" if plots is None or plots.empty else say("summary.plots_only", n=len(plots))
    parts = []
    if np.isfinite(hectares):
        parts.append(say("summary.over", area=hectares))
    if mapped.period:
        parts.append(say("summary.for", period=mapped.period))
    if plots is not None:
        parts.append(say("summary.from", n=len(plots)))
    if chosen is not None:
        names = results.map_model.get("predictors", [])
        parts.append(
            say(
                "summary.by", n=len(names), set=_set_words(chosen.predictors),
                model=labels.model_in_sentence(chosen.model),
            )
        )  # fmt: skip
    return say("summary.mapped", how="".join(f" {part}" for part in parts))


def _estimator_in_words(method: str) -> str:
    """Say by which estimator the numbers of page one were made, and what their intervals hold."""
    code, _, rest = method.partition("+")
    which = say(f"estimator.{code}" if code in ESTIMATORS else "estimator.design")
    return f"{which} {say('estimator.holds', what=labels.method(rest if code in ESTIMATORS else method))}"


def _set_words(name: str) -> str:
    return labels.predictor_set(name) if name else say("summary.named")


def _estimate_cards(results: Results) -> list[Card]:
    cards = [_headline_card(said) for said in headlines(results)]
    mean = pick(results, "map_mean", "mean")
    if mean is not None and not cards:
        cards.append(Card(say("summary.mean"), number(mean.value, 4), mean.unit, _where_when(mean)))
    told = {said.kind for said in headlines(results) if said.statistic == "total"}
    for kind, pool in STOCKS.items():
        stock = pick(results, "stock", "total", (pool, kind))
        if stock is not None and kind not in told:
            cards.append(_stock_card(stock))
    area = pick(results, "mask_area", "total", NO_MASS) or pick(results, "area", "total", NO_MASS)
    if area is not None:
        cards.append(_area_card(area, pick(results, "missing_area", "total", NO_MASS)))
    return cards


def _headline_card(said: Value) -> Card:
    """Show a mean or total of the area with its interval."""
    interval = say("estimates.interval", low=said.low, high=said.high, level=said.level)
    mass = labels.mass(said.pool, said.kind)
    detail = f"{interval}; {mass}; {_where_when(said)}"
    of_kind = ("stock", said.kind) if said.statistic == "total" else ("quantity", said.quantity)
    return Card(labels.named(*of_kind), number(said.value), said.unit, detail)


def _area_card(area: Value, missing: Value | None) -> Card:
    """Show the area, and what of it has no prediction."""
    words = [area.date if area.period else ""]
    if missing is not None and missing.value > 0:
        share = missing.value / area.value
        words.append(say("summary.missing", area=missing.value, share=share, n=int(missing.n)))
    elif missing is None:
        words.append(say("summary.mapped_area"))
    detail = "; ".join(filter(None, words))
    return Card(say("summary.area"), number(area.value, 5), area.unit, detail)


def _stock_card(stock: Value) -> Card:
    what = labels.mass(stock.pool, stock.kind)
    detail = f"{what}; {_where_when(stock)}"
    return Card(labels.named("stock", stock.kind), number(stock.value), stock.unit, detail)


def _where_when(value: Value) -> str:
    over = say("summary.over", area=value.area_ha) if np.isfinite(value.area_ha) else ""
    return ", ".join(filter(None, [over, value.date])) or say("summary.no_date")


def _plot_cards(results: Results) -> list[Card]:
    observed = observed_agb(results)
    if not observed.size:
        return []
    spread = observed.std(ddof=1) if len(observed) > 1 else None
    agb = f"{plus_minus(observed.mean(), spread, 4)}{THIN}Mg/ha"
    detail = say("summary.plots_agb", agb=agb)
    return [Card(say("summary.plots"), count(len(observed)), "", detail)]


def _model_cards(results: Results) -> list[Card]:
    chosen = map_model_of(results)
    if chosen is None:
        return []
    r2, rmse = chosen.score("r2"), chosen.score("rmse")
    relative = chosen.score("rrmse_percent")
    value = say("summary.r2", r2=r2) if np.isfinite(r2) else ABSENT
    elsewhere = results.map_model.get("trained_elsewhere")
    if elsewhere:
        told = say("summary.elsewhere", study=elsewhere["study"])
        return [Card(say("summary.model"), value, "", f"{labels.model(chosen.model)}, {told}")]
    detail = f"{labels.model(chosen.model)}, {_set_words(chosen.predictors)}"
    if chosen.split and np.isfinite(rmse):
        share = say("summary.share", share=relative / 100) if np.isfinite(relative) else ""
        split = labels.split(chosen.split)
        detail = f"{detail}; {say('summary.rmse', rmse=rmse, share=share, split=split)}"
    return [Card(say("summary.model"), value, "", detail)]


def _map_figure(results: Results, mapped: Mapped) -> list[Figure]:
    path = results.rasters.get("agb")
    plots = placed_plots(results)
    if path is None and (plots is None or plots.empty):
        return []
    layer = read_layer(path) if path is not None else None
    when = f", {mapped.period}" if mapped.period else ""
    alt = say("map.alt", when=when) if layer is not None else say("map.alt_plots")
    picture = biomass_map(layer, plots, say("axis.agb"), alt)
    parts = [say("map.agb", when=when) if layer is not None else say("map.field_plots", when=when)]
    if layer is not None:
        parts.append(say("map.grey"))
    if plots is not None and len(plots):
        parts.append(say("map.circles", n=len(plots)))
    if layer is not None:
        parts.append(say("map.coordinates", crs=layer.crs))
        if layer.reduced > 1:
            parts.append(say("map.reduced", n=layer.reduced))
    return [Figure(picture, " ".join(parts))]


def _histogram_figure(results: Results, mapped: Mapped) -> list[Figure]:
    observed = observed_agb(results)
    there = mapped.summary is not None and mapped.summary.n > 0
    if not observed.size and not there:
        return []
    picture = histograms(
        observed, mapped.summary if there else None, say("axis.agb"), say("histogram.alt")
    )  # fmt: skip
    parts = []
    if observed.size:
        parts.append(say("histogram.plots", n=observed.size))
    if there and mapped.summary is not None:
        parts.append(say("histogram.map", n=mapped.summary.n))
    caption = say("histogram.caption", parts=parts)
    spread = pick(results, "map_mean", "spatial_SD")
    if spread is not None:
        caption = f"{caption} {say('histogram.spread', sd=spread.value)}"
    return [Figure(picture, caption)]
