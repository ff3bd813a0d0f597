"""Maps: biomass with the plots on it, change, and small pictures of the predictors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory, offset_copy

from phytomass.report.content.blocks import Picture
from phytomass.report.content.layers import Layer
from phytomass.report.drawing.look import (
    GROUND,
    INK,
    VERMILLION,
    diverging,
    house_style,
    new_figure,
    picture,
    plain_ticks,
    sequential,
)
from phytomass.report.messages.formatting import THIN, number
from phytomass.report.messages.saying import say

WIDTH = 6.2
"""Inches; small enough for labels to stay readable on a phone."""

LARGER = 1.3
"""Points added to the fonts of a map."""

STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Scale:
    """Colour limits, and whether values lie beyond them."""

    low: float
    high: float
    beyond_low: bool
    beyond_high: bool

    @property
    def extend(self) -> str:
        """The ends of the colour bar that get an arrow."""
        ends = {(True, True): "both", (True, False): "min", (False, True): "max"}
        return ends.get((self.beyond_low, self.beyond_high), "neither")


def colour_scale(layer: Layer | None, observed: np.ndarray) -> Scale:
    """Choose colour limits from the map (1st and 99th percentile), from the plots without a map.

    The lower limit is 0 where that costs less than half of the colours.
    """
    values = layer.finite if layer is not None and layer.finite.size else observed
    values = values[np.isfinite(values)]
    if not values.size:
        return Scale(0.0, 1.0, beyond_low=False, beyond_high=False)
    low, high = (float(q) for q in np.percentile(values, [1, 99]))
    low = 0.0 if 0 <= low < 0.5 * high else low
    if not low < high:
        low, high = low - 0.5, low + 0.5
    shown = np.concatenate([values, observed[np.isfinite(observed)]])
    return Scale(low, high, bool(shown.min() < low), bool(shown.max() > high))


def biomass_figure(layer: Layer | None, plots: pd.DataFrame | None, label: str) -> Figure:
    """Draw the biomass map with the plots on it.

    Parameters
    ----------
    layer : Layer or None
        AGB, Mg/ha; without it only the plots are drawn.
    plots : DataFrame or None
        `easting`, `northing`, `agb_mg_ha`, and `outlier` where known.
    label : str
        Of the colour bar.
    """
    observed = np.array([]) if plots is None else plots["agb_mg_ha"].to_numpy(dtype=float)
    scale = colour_scale(layer, observed)
    norm = Normalize(scale.low, scale.high)
    with house_style(LARGER):
        figure, axes = _map_axes(layer, plots)
        if layer is not None:
            _draw(axes, layer, norm)
        if plots is not None and len(plots):
            _draw_plots(figure, axes, plots, norm)
        _bar_beside(axes, ScalarMappable(norm, sequential()), scale, label)
        _furnish(axes, layer)
    return figure


def biomass_map(layer: Layer | None, plots: pd.DataFrame | None, label: str, alt: str) -> Picture:
    """Return the biomass map as an image; see `biomass_figure`."""
    figure = biomass_figure(layer, plots, label)
    with house_style(LARGER):
        return picture(figure, alt, "png")


def change_map(layer: Layer, label: str, alt: str) -> Picture:
    """Return the map of change as an image; see `change_figure`."""
    figure = change_figure(layer, label)
    with house_style(LARGER):
        return picture(figure, alt, "png")


def change_figure(layer: Layer, label: str) -> Figure:
    """Draw the map of change: colours diverge from white at zero.

    Parameters
    ----------
    layer : Layer
        Change of AGB, Mg/ha.
    label : str
        Of the colour bar.
    """
    values = layer.finite
    reach = float(np.percentile(np.abs(values), 99)) if values.size else 1.0
    reach = reach or 1.0
    scale = Scale(-reach, reach, bool((values < -reach).any()), bool((values > reach).any()))
    norm = TwoSlopeNorm(0.0, -reach, reach)
    with house_style(LARGER):
        figure, axes = _map_axes(layer, None)
        axes.imshow(
            layer.values,
            cmap=diverging(),
            norm=norm,
            extent=_extent(layer),
            interpolation="nearest",
        )
        _bar_beside(axes, ScalarMappable(norm, diverging()), scale, label)
        _furnish(axes, layer)
    return figure


def predictor_tile(layer: Layer, name: str, unit: str) -> Picture:
    """Return a small picture of one predictor, coloured between its 2nd and 98th percentile."""
    values = layer.finite
    low, high = (float(q) for q in np.percentile(values, [2, 98])) if values.size else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    width, bar_width, head = 2.5, 0.64, 0.26
    height = float(np.clip((width - bar_width) * layer.aspect, 0.9, 3.4))
    with house_style():
        figure = new_figure(width, height + head, None)
        share = height / (height + head)
        axes = figure.add_axes((0.008, 0.0, 1 - bar_width / width, share - 0.01))
        image = axes.imshow(
            layer.values, cmap="cividis", vmin=low, vmax=high, interpolation="nearest",
            extent=_extent(layer),
        )  # fmt: skip
        axes.set(xticks=[], yticks=[], facecolor=GROUND)
        axes.set_anchor("NW")
        units = f", {unit}" if unit not in ("", "1", "-") else ""
        axes.set_title(_shortened(name, 22) + units, fontsize=9)
        side = figure.add_axes((1 - 0.9 * bar_width / width, 0.03, 0.04, share - 0.07))
        bar = figure.colorbar(image, cax=side)
        bar.locator = MaxNLocator(3)
        bar.update_ticks()
        _label_bar(bar, "")
        bar.ax.tick_params(labelsize=7.5, pad=1)
        return picture(figure, say("predictors.tile_alt", name=name), "png")


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _map_axes(layer: Layer | None, plots: pd.DataFrame | None) -> tuple[Figure, Axes]:
    if layer is not None:
        west, south, east, north = layer.bounds
    else:
        west, south, east, north = _bounds_of(plots)
    aspect = (north - south) / (east - west)
    height = float(np.clip((WIDTH - 1.5) * aspect, 2.2, 7.2)) + 1.25
    figure = new_figure(WIDTH, height, "compressed")
    axes = figure.add_subplot()
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal", facecolor=GROUND)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return figure, axes


def _bounds_of(plots: pd.DataFrame | None) -> tuple[float, float, float, float]:
    """Return the box around the plots, with a margin."""
    if plots is None or not len(plots):
        return 0.0, 0.0, 1.0, 1.0
    west, east = float(plots["easting"].min()), float(plots["easting"].max())
    south, north = float(plots["northing"].min()), float(plots["northing"].max())
    margin = 0.06 * max(east - west, north - south) or 100.0
    return west - margin, south - margin, east + margin, north + margin


def _extent(layer: Layer) -> tuple[float, float, float, float]:
    west, south, east, north = layer.bounds
    return west, east, south, north


def _draw(axes: Axes, layer: Layer, norm: Normalize) -> None:
    axes.imshow(
        layer.values, cmap=sequential(), norm=norm, extent=_extent(layer), interpolation="nearest"
    )


def _draw_plots(figure: Figure, axes: Axes, plots: pd.DataFrame, norm: Normalize) -> None:
    """Draw plots, small ones over large ones, size and colour by observed AGB."""
    ordered = plots.sort_values("agb_mg_ha", ascending=False, kind="stable")
    agb = ordered["agb_mg_ha"].to_numpy(dtype=float)
    top = float(np.nanmax(agb)) or 1.0
    largest = float(np.clip(9000 / len(plots), 16, 62))
    sizes = largest * (0.22 + 0.78 * np.clip(np.nan_to_num(agb), 0, None) / top)
    axes.scatter(
        ordered["easting"], ordered["northing"], s=sizes, c=agb, cmap=sequential(), norm=norm,
        edgecolors="white", linewidths=1.5, zorder=3,
    )  # fmt: skip
    axes.scatter(
        ordered["easting"], ordered["northing"], s=sizes, c=agb, cmap=sequential(), norm=norm,
        edgecolors=INK, linewidths=0.6, zorder=3,
    )  # fmt: skip
    words = Line2D([], [], ls="", marker="", label=say("map.observed"))
    handles = [words, *(_handle(top * share, top, largest) for share in (0.1, 0.5, 1.0))]
    outliers = ordered[ordered["outlier"].to_numpy()] if "outlier" in ordered else ordered[:0]
    if len(outliers):
        axes.scatter(
            outliers["easting"], outliers["northing"], s=largest * 2.6, facecolors="none",
            edgecolors=VERMILLION, linewidths=1.8, marker="s", zorder=4,
        )  # fmt: skip
        mark: Any = {"marker": "s", "markerfacecolor": "none", "markeredgecolor": VERMILLION}
        handles.append(Line2D([], [], ls="", label=say("map.outlier"), markeredgewidth=1.8, **mark))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), borderpad=0.6,
    )  # fmt: skip


def _handle(agb: float, top: float, largest: float) -> Line2D:
    size = float(np.sqrt(largest * (0.22 + 0.78 * agb / top)))
    style: Any = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": INK}
    return Line2D([], [], ls="", markersize=size, label=number(agb, 2), **style)


def _bar_beside(axes: Axes, colours: ScalarMappable, scale: Scale, label: str) -> None:
    bar = axes.figure.colorbar(
        colours, ax=axes, extend=scale.extend, shrink=0.98, pad=0.02, aspect=28
    )
    _label_bar(bar, label)


def _label_bar(bar: Colorbar, label: str) -> None:
    bar.outline.set_linewidth(0.5)
    bar.ax.yaxis.set_major_formatter(plain_ticks())
    bar.ax.tick_params(length=2)
    if label:
        bar.set_label(label)


def _furnish(axes: Axes, layer: Layer | None) -> None:
    """Add coordinates, scale bar and north arrow, all of them outside the map's own area."""
    unit = "m" if layer is None or layer.projected else "°"
    if layer is not None and layer.projected and abs(layer.metres_per_unit - 1) > 1e-9:
        unit = say("map.units", metres=layer.metres_per_unit)
    crs = f", {layer.crs}" if layer is not None else ""
    axes.set_xlabel(say("map.easting", unit=unit, crs=crs))
    axes.set_ylabel(say("map.northing", unit=unit))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))  # the corner holds one label
    axes.xaxis.set_major_formatter(plain_ticks())
    axes.yaxis.set_major_formatter(plain_ticks())
    axes.tick_params(axis="y", labelrotation=90)
    for text in axes.get_yticklabels():
        text.set_verticalalignment("center")
    axes.set_title(" ", pad=18)  # keeps room for what stands above the map
    _scale_bar(axes, layer.metres_per_unit if layer is not None else 1.0)
    _north_arrow(axes)


def nice_length(most: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, … that is not above `most`.

    Examples
    --------
    >>> nice_length(730.0), nice_length(0.3)
    (500.0, 0.2)
    """
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in STEPS if step * power <= most * (1 + 1e-12)))


def length_text(metres: float) -> str:
    """Write a length on the ground.

    Examples
    --------
    >>> length_text(500.0), length_text(20000.0)
    ('500\u202fm', '20\u202fkm')
    """
    return f"{metres / 1000:g}{THIN}km" if metres >= 1000 else f"{metres:g}{THIN}m"


def _scale_bar(axes: Axes, metres_per_unit: float) -> None:
    """Draw a bar of a round length above the left corner of the map."""
    west, east = axes.get_xlim()
    metres = nice_length(0.3 * (east - west) * metres_per_unit)
    length = metres / metres_per_unit
    corner = blended_transform_factory(axes.transData, axes.transAxes)
    place = offset_copy(corner, axes.get_figure(root=True), y=11, units="points")
    style: dict[str, Any] = {"transform": place, "clip_on": False, "color": INK}
    axes.plot([west, west + length], [1, 1], lw=2.2, solid_capstyle="butt", **style)
    ends = [west, west + length / 2, west + length]
    axes.plot(ends, [1, 1, 1], ls="", marker="|", markersize=7, markeredgewidth=0.9, **style)
    axes.text(west + length, 1, f"  {length_text(metres)}", transform=place, va="center")


def _north_arrow(axes: Axes) -> None:
    """Draw an arrow to grid north above the right corner of the map."""
    figure = axes.get_figure(root=True)
    foot, middle, tip = (
        offset_copy(axes.transAxes, figure, y=y, units="points") for y in (4, 13, 25)
    )
    style: Any = {"arrowstyle": "-|>,head_width=0.26,head_length=0.55", "color": INK, "lw": 1.4}
    place = (0.985, 1.0)
    axes.annotate(
        "", xy=place, xycoords=tip, xytext=place, textcoords=foot, arrowprops=style,
        annotation_clip=False,
    )  # fmt: skip
    axes.annotate(
        f"{say('map.north')}  ", xy=place, xycoords=middle, ha="right", va="center", fontsize=10.5, fontweight="bold",
        color=INK, annotation_clip=False,
    )  # fmt: skip
