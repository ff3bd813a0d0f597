"""Figures of the area: pools, classes of biomass, elevation bands, zones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from phytomass.report.content.blocks import Picture
from phytomass.report.drawing.look import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    grid_lines,
    house_style,
    new_figure,
    picture,
    plain_ticks,
    sequential,
)
from phytomass.report.messages.formatting import ABSENT, number, percent
from phytomass.report.messages.saying import say

SCALES = {"billion": 1e9, "million": 1e6, "thousand": 1e3}


def axis_scale(largest: float, unit: str) -> tuple[float, str]:
    """Choose a factor that keeps the labels of an axis short, and the unit that goes with it.

    Examples
    --------
    >>> axis_scale(948_997.0, "Mg"), axis_scale(5_000.0, "ha")
    ((1000.0, 'thousand Mg'), (1.0, 'ha'))
    """
    if not largest >= 1e4:
        return 1.0, unit
    word, factor = next((word, f) for word, f in SCALES.items() if largest / f >= 1)
    return factor, say(f"scale.{word}", unit=unit)


def pools_bars(
    names: Sequence[str], groups: Sequence[str], mg: Sequence[float], alt: str
) -> Picture:
    """Draw stocks as bars, one per pool, coloured by kind of mass.

    Parameters
    ----------
    names, groups : sequence of str
        Pool and kind of each bar.
    mg : sequence of float
        Mg.
    alt : str
        What the picture shows.
    """
    values = np.asarray(mg, dtype=float)
    factor, unit = axis_scale(float(np.nanmax(np.abs(values))), "Mg")
    kinds = list(dict.fromkeys(groups))
    colours = dict(zip(kinds, (GREEN, BLUE, ORANGE, PURPLE, SKY), strict=False))
    places = np.arange(len(values))[::-1].astype(float)
    for index, group in enumerate(groups):
        places[index] -= 0.45 * kinds.index(group)
    with house_style():
        figure = new_figure(5.0, 0.9 + 0.33 * len(values) + 0.15 * len(kinds))
        axes = figure.add_subplot()
        axes.barh(places, values / factor, height=0.7, color=[colours[g] for g in groups])
        for place, value in zip(places, values, strict=True):
            _end_text(axes, value / factor, float(place), number(value / factor))
        axes.set_yticks(places, [f"{n}, {g}" for n, g in zip(names, groups, strict=True)])
        axes.set(
            xlim=(0, 1.18 * float(np.nanmax(values)) / factor), xlabel=say("stocks.axis", unit=unit)
        )
        _bare(axes)
        return picture(figure, alt)


def class_bars(table: pd.DataFrame, alt: str) -> Picture:
    """Draw the share of the area, and of the biomass where known, in each class of AGB.

    Parameters
    ----------
    table : DataFrame
        `class_shares.csv`.
    alt : str
        What the picture shows.
    """
    shares = {"area_share": BLUE, "agb_share": ORANGE}
    shares = {name: colour for name, colour in shares.items() if table[name].notna().any()}
    names = [
        band_text(low, high)
        for low, high in zip(table["low_mg_ha"], table["high_mg_ha"], strict=True)
    ]
    places = np.arange(len(table)).astype(float)
    with house_style():
        figure = new_figure(5.0, 1.1 + 0.36 * len(table))
        axes = figure.add_subplot()
        for index, (column, colour) in enumerate(shares.items()):
            at = places - 0.19 * (1 - 2 * index) * (len(shares) - 1)
            values = 100 * table[column].to_numpy(dtype=float)
            height, name = 0.38 if len(shares) > 1 else 0.7, say(f"share_of.{column}")
            axes.barh(at, values, height=height, color=colour, label=name)
            for place, value in zip(at, values, strict=True):
                _end_text(axes, value, float(place), percent(value / 100, 2), 7)
        axes.set_yticks(places, names)
        axes.set(xlabel=say("classes.share"), ylabel=say("classes.agb"))
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * axes.get_xlim()[1])
        _bare(axes)
        figure.legend(loc="outside lower center", ncols=2)
        return picture(figure, alt)


def band_text(low: float, high: float) -> str:
    """Write the limits of a class; open ends as below and above.

    Examples
    --------
    >>> band_text(0, 25), band_text(200, float("inf")), band_text(float("nan"), 0)
    ('0–25', '≥ 200', '< 0')
    """
    if not np.isfinite(high):
        return f"≥ {number(low)}"
    if not np.isfinite(low):
        return f"< {number(high)}"
    return f"{number(low)}–{number(high)}"


def _end_text(axes: Axes, value: float, place: float, text: str, size: float = 8) -> None:
    if np.isfinite(value):
        axes.annotate(
            text, xy=(value, place), xytext=(3, 0), textcoords="offset points", va="center",
            fontsize=size,
        )  # fmt: skip


def _bare(axes: Axes) -> None:
    """Leave only what a horizontal bar plot needs."""
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(plain_ticks())
    axes.spines["left"].set_color(MUTED)
    grid_lines(axes, "x")


def band_panel(
    table: pd.DataFrame, column: str, label: tuple[str, str], spread: str | None, alt: str
) -> Picture:
    """Draw one quantity along elevation, low bands at the bottom.

    Parameters
    ----------
    table : DataFrame
        `elevation_profile.csv`, sorted upwards.
    column : str
        What to draw; negative values are drawn in another colour.
    label : tuple of str
        Of the horizontal axis, and its unit.
    spread : str or None
        A column with the SD to draw as a whisker.
    alt : str
        What the picture shows.
    """
    values = table[column].to_numpy(dtype=float)
    factor, unit = axis_scale(float(np.nanmax(np.abs(values))), label[1])
    values = values / factor
    places = np.arange(len(table))
    names = [band_text(a, b) for a, b in zip(table["low_m"], table["high_m"], strict=True)]
    with house_style():
        figure = new_figure(3.3, 0.8 + 0.26 * max(len(table), 3))
        axes = figure.add_subplot()
        colours = [VERMILLION if v < 0 else _band_colour(column) for v in values]
        axes.barh(places, np.nan_to_num(values), height=0.78, color=colours)
        if spread and spread in table:
            sd = np.nan_to_num(table[spread].to_numpy(dtype=float)) / factor
            axes.errorbar(
                np.nan_to_num(values), places, xerr=sd, fmt="none", ecolor=INK, elinewidth=1
            )
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_yticks(places, names)
        axes.set(xlabel=f"{label[0]}, {unit}", ylabel=say("elevation.axis"))
        _bare(axes)
        return picture(figure, alt)


def _band_colour(column: str) -> str:
    return {"area_ha": MUTED, "stock_mg": BLUE}.get(column, PURPLE if "change" in column else GREEN)


def zone_bars(names: Sequence[str], means: NDArray[np.float64], unit: str, alt: str) -> Picture:
    """Draw the mean of each zone, in the order given.

    Parameters
    ----------
    names : sequence of str
        Zones.
    means : array
        In `unit`.
    unit : str
        Label of the axis.
    alt : str
        What the picture shows.
    """
    places = np.arange(len(means))[::-1]
    top = float(np.nanmax(means)) or 1.0
    with house_style():
        figure = new_figure(5.0, 0.8 + 0.3 * len(means))
        axes = figure.add_subplot()
        axes.barh(
            places,
            np.nan_to_num(means),
            height=0.7,
            color=sequential()(np.nan_to_num(means) / top * 0.8),
        )
        for place, value in zip(places, means, strict=True):
            _end_text(
                axes, float(value), float(place), number(value) if np.isfinite(value) else ABSENT
            )
        axes.set_yticks(places, [n if len(n) <= 30 else f"{n[:29]}…" for n in names])
        axes.set(xlim=(0, 1.15 * top), xlabel=unit)
        _bare(axes)
        return picture(figure, alt)
