"""Figures of the predictors: their correlation with biomass and with each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from phytomass.report.content.blocks import Picture
from phytomass.report.drawing.look import (
    DIVERGING,
    INK,
    MUTED,
    PURPLE,
    SENSOR_SIGNS,
    grid_lines,
    house_style,
    new_figure,
    picture,
)
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import fixed
from phytomass.report.messages.saying import say

SENSOR_COLOURS = {
    **{name: SENSOR_SIGNS[name][0] for name in ("optical", "sar", "terrain")},
    "other": PURPLE,
}


def correlation_bars(table: pd.DataFrame, alt: str) -> Picture:
    """Draw Pearson's r of each predictor with AGB, sorted, coloured by sensor.

    Parameters
    ----------
    table : DataFrame
        `predictor`, `r`, and `sensor` where known; rows with r.
    alt : str
        What the picture shows.
    """
    ordered = table.sort_values("r", kind="stable")
    sensors = ordered["sensor"]
    colours = [SENSOR_COLOURS.get(str(s).lower(), PURPLE) for s in sensors]
    r = ordered["r"].to_numpy(dtype=float)
    with house_style():
        figure = new_figure(4.6, 1.0 + 0.21 * len(ordered))
        axes = figure.add_subplot()
        places = np.arange(len(ordered))
        axes.barh(places, r, color=colours, height=0.72)
        for place, value in zip(places, r, strict=True):
            axes.annotate(
                fixed(value, 2), xy=(value, place), xytext=(3 if value >= 0 else -3, 0),
                textcoords="offset points", va="center", ha="left" if value >= 0 else "right",
                fontsize=7.5,
            )  # fmt: skip
        axes.set_yticks(places, [str(name) for name in ordered["predictor"]])
        axes.axvline(0, color=INK, lw=0.8)
        low, high = min(0.0, float(r.min())), max(0.0, float(r.max()))
        margin = 0.15 * max(high - low, 0.1)
        axes.set(xlim=(low - margin, high + margin), ylim=(-0.6, len(r) - 0.4))
        axes.set_xlabel(say("correlations.axis"))
        axes.tick_params(axis="y", length=0)
        grid_lines(axes, "x")
        _sensor_legend(figure, [str(s).lower() for s in sensors])
        return picture(figure, alt)


def _sensor_legend(figure: Figure, sensors: list[str]) -> None:
    named = [s for s in SENSOR_COLOURS if s in sensors]
    if len(named) > 1:
        handles = [Patch(color=SENSOR_COLOURS[s], label=labels.sensor(s)) for s in named]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(named))


def correlation_matrix(names: list[str], matrix: NDArray[np.float64], alt: str) -> Picture:
    """Draw a correlation matrix; numbers stand in the cells while there are few.

    Parameters
    ----------
    names : list of str
        Of the rows and columns.
    matrix : array, shape (n, n)
        Pearson's r; NaN is drawn grey.
    alt : str
        What the picture shows.
    """
    n = len(names)
    side = float(np.clip(0.34 * n, 2.2, 6.6))
    with house_style():
        figure = new_figure(side + 1.7, side + 1.1)
        axes = figure.add_subplot()
        lower = np.where(np.tri(n, dtype=bool), matrix, np.nan)
        image = axes.imshow(lower, cmap=DIVERGING, vmin=-1, vmax=1)
        size = 8 if n <= 16 else 6.5
        axes.set_xticks(
            range(n), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=size
        )
        axes.set_yticks(range(n), names, fontsize=size)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if n <= 16:
            for row, col in zip(*np.tril_indices(n, -1), strict=True):
                _cell(axes, int(row), int(col), float(matrix[row, col]))
        bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=24, pad=0.02)
        bar.set_label(say("matrix.axis"))
        bar.outline.set_linewidth(0.5)
        return picture(figure, alt)


def _cell(axes: Axes, row: int, col: int, value: float) -> None:
    if np.isfinite(value):
        text = fixed(value, 1) if abs(value) < 0.995 else fixed(value, 0)
        colour = "white" if abs(value) > 0.55 else (INK if abs(value) > 0.2 else MUTED)
        axes.text(col, row, text, ha="center", va="center", fontsize=6, color=colour)
