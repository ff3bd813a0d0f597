"""Figures of the plots: their histogram beside the map's, and plots measured twice."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from phytomass.report.content.blocks import Picture
from phytomass.report.content.layers import Summary
from phytomass.report.drawing.look import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    VERMILLION,
    grid_lines,
    house_style,
    new_figure,
    picture,
    plain_ticks,
)
from phytomass.report.messages.formatting import number
from phytomass.report.messages.saying import say


def shared_edges(
    observed: NDArray[np.float64], low: float, high: float, bins: int = 30
) -> NDArray[np.float64]:
    """Return histogram edges of a round width that hold both the plots and the map.

    Parameters
    ----------
    observed : array
        Plots, Mg/ha.
    low, high : float
        Range of the map; NaN without a map.
    bins : int
        About how many.

    Examples
    --------
    >>> shared_edges(np.array([3.0, 92.0]), 0.0, 80.0, bins=5)
    array([  0.,  20.,  40.,  60.,  80., 100.])
    """
    values = np.append(observed[np.isfinite(observed)], [v for v in (low, high) if np.isfinite(v)])
    if not values.size:
        return np.array([0.0, 1.0])
    reach = max(float(values.max() - values.min()), 1e-6)
    power = 10.0 ** np.floor(np.log10(reach / bins))
    width = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power * bins >= reach)
    first = np.floor(values.min() / width)
    last = max(np.ceil(values.max() / width), first + 1)
    return np.asarray(np.arange(first, last + 1) * width, dtype=np.float64)


def histograms(
    observed: NDArray[np.float64], mapped: Summary | None, unit: str, alt: str
) -> Picture:
    """Draw the histogram of the plots above the one of the map, on one axis.

    Parameters
    ----------
    observed : array
        AGB of the plots; may be empty.
    mapped : Summary or None
        Of the map, its histogram on `shared_edges`.
    unit : str
        Of the shared axis.
    alt : str
        What the picture shows.
    """
    panels = [name for name, there in (("plots", observed.size), ("map", mapped)) if there]
    with house_style():
        figure = new_figure(4.1, 1.0 + 1.95 * len(panels))
        column = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        edges = mapped.edges if mapped else shared_edges(observed, np.nan, np.nan)
        for axes, name in zip(column, panels, strict=True):
            if name == "plots":
                _plots_panel(axes, observed, edges)
            elif mapped:
                _map_panel(axes, mapped)
        column[-1].set_xlabel(unit)
        column[-1].xaxis.set_major_formatter(plain_ticks())
        return picture(figure, alt)


def _plots_panel(axes: Axes, observed: NDArray[np.float64], edges: NDArray[np.float64]) -> None:
    inside = observed[np.isfinite(observed)].clip(edges[0], edges[-1])
    axes.hist(inside, bins=edges.tolist(), color=BLUE, edgecolor="white", linewidth=0.5)
    axes.set(title=say("histogram.plots_title", n=len(inside)), ylabel=say("histogram.of_plots"))
    _mark_mean(axes, float(np.mean(observed[np.isfinite(observed)])))


def _map_panel(axes: Axes, mapped: Summary) -> None:
    areal = bool(np.isfinite(mapped.pixel_ha))
    heights = mapped.counts * mapped.pixel_ha if areal else mapped.counts.astype(float)
    axes.stairs(heights, mapped.edges, fill=True, color=GREEN)
    title = say("histogram.map_title", n=mapped.n)
    axes.set(title=title, ylabel=say("histogram.area" if areal else "histogram.pixels"))
    axes.yaxis.set_major_formatter(plain_ticks())
    _mark_mean(axes, mapped.mean)


def _mark_mean(axes: Axes, value: float) -> None:
    grid_lines(axes, "y")
    low, high = axes.get_xlim()
    right = value > low + 0.6 * (high - low)
    axes.axvline(value, color=INK, lw=1.2, ls=(0, (4, 2)))
    axes.annotate(
        say("histogram.mean", mean=number(value)), xy=(value, 0.98), xycoords=("data", "axes fraction"),
        xytext=(-4 if right else 4, 0), textcoords="offset points", va="top",
        ha="right" if right else "left", fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip


def measured_twice(
    before: NDArray[np.float64], after: NDArray[np.float64], labels: tuple[str, str], alt: str
) -> Picture:
    """Draw each plot's AGB at the later date against the earlier one, with the 1:1 line.

    Parameters
    ----------
    before, after : array, shape (n,)
        Mg/ha.
    labels : tuple of str
        Of the horizontal and the vertical axis.
    alt : str
        What the picture shows.
    """
    with house_style():
        figure = new_figure(4.1, 3.9)
        axes = figure.add_subplot()
        top = 1.04 * max(float(before.max()), float(after.max()), 1e-6)
        axes.plot(
            [0, top], [0, top], color=MUTED, lw=1, ls=(0, (4, 2)), label=say("change.no_change")
        )
        many = len(before) > 1500
        axes.scatter(before, after, s=14, color=BLUE, alpha=0.55, linewidths=0, rasterized=many)
        axes.plot(
            before.mean(), after.mean(), marker="P", ls="", color=VERMILLION, markersize=8,
            markeredgecolor="white", label=say("change.means"),
        )  # fmt: skip
        axes.set(xlim=(0, top), ylim=(0, top), aspect="equal", xlabel=labels[0], ylabel=labels[1])
        axes.legend(loc="upper left")
        grid_lines(axes, "both")
        return picture(figure, alt)
