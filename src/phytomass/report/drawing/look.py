"""The look of every figure, and figures as deterministic images inside the page."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, FuncFormatter

from phytomass.report.content.blocks import Picture
from phytomass.report.messages.formatting import MINUS, localised

INK = "#1f2a2e"
MUTED = "#66737a"
RULE = "#c9d1d3"
GROUND = "#eceeec"
"""Where a map has no data."""

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
OKABE_ITO = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK)
"""Colours that people with any colour vision can tell apart (Okabe & Ito 2008); yellow is left
out because it is too pale for points on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""A second sign beside the colour, for print in grey."""

SEQUENTIAL = "viridis_r"
DIVERGING = "PuOr"
RESOLUTION = 160
"""Dots per inch of images made of pixels."""

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.04,
    "figure.constrained_layout.w_pad": 0.04,
    "text.parse_math": False,
    "svg.hashsalt": "phytomass",
    "svg.fonttype": "path",
}


@contextmanager
def house_style(larger: float = 0.0) -> Iterator[None]:
    """Draw in the style of the report, whatever style the caller has set.

    Parameters
    ----------
    larger : float
        Points to add to every font size: wide figures shrink more on a phone.
    """
    sizes = {key: value + larger for key, value in STYLE.items() if key.endswith("size")}
    sizes = {key: value for key, value in sizes.items() if "major" not in key}
    with mpl.rc_context():
        mpl.rcdefaults()
        changes: Any = STYLE | sizes  # typed Any: the keys are checked by matplotlib itself
        mpl.rcParams.update(changes)
        yield


def new_figure(
    width: float,
    height: float,
    layout: Literal["constrained", "compressed"] | None = "constrained",
) -> Figure:
    """Make an empty figure of `width` × `height` inches that no window system knows of."""
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def picture(figure: Figure, alt: str, form: Literal["svg", "png"] = "svg") -> Picture:
    """Turn a figure into an image inside the page; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        Drawn inside `house_style`.
    alt : str
        What it shows.
    form : {"svg", "png"}
        SVG for lines and text, PNG for maps.
    """
    width, height = figure.get_size_inches()
    data = svg_bytes(figure) if form == "svg" else png_bytes(figure)
    mime = "image/svg+xml" if form == "svg" else "image/png"
    src = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(src, alt, round(width * 96), round(height * 96))


def png_bytes(figure: Figure) -> bytes:
    """Return the figure as PNG without a time stamp."""
    buffer = io.BytesIO()
    with _any_script():
        figure.savefig(buffer, format="png", dpi=RESOLUTION, metadata={"Software": None})
    return buffer.getvalue()


def svg_bytes(figure: Figure) -> bytes:
    """Return the figure as SVG without a time stamp, a document type or metadata."""
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with _any_script():
        figure.savefig(buffer, format="svg", dpi=RESOLUTION, metadata=nothing)
    text = buffer.getvalue()
    return re.sub(r"<!DOCTYPE[^>]*>\n?", "", text).encode("utf-8")


@contextmanager
def _any_script() -> Iterator[None]:
    """Draw names in a script the bundled font lacks as boxes; the tables show them in full."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def grid_lines(axes: Axes, axis: Literal["x", "y", "both"] = "x") -> None:
    """Draw faint lines behind the data."""
    axes.grid(visible=True, axis=axis)


def plain_ticks() -> Formatter:
    """Write tick labels with thin spaces in thousands and a true minus sign."""
    return FuncFormatter(lambda value, _: tick_text(value))


def tick_text(value: float) -> str:
    """Write one tick label.

    Examples
    --------
    >>> tick_text(453000.0), tick_text(-0.5)
    ('453\u202f000', '−0.5')
    """
    text = localised(f"{abs(value):,.10g}")
    return MINUS + text if value < 0 and text != "0" else text


def sequential() -> Colormap:
    """Return the colour map of amounts: pale is low, dark is high, grey is no data."""
    return mpl.colormaps[SEQUENTIAL].with_extremes(bad=GROUND)


def diverging() -> Colormap:
    """Return the colour map of change: orange is loss, purple is gain, grey is no data."""
    return mpl.colormaps[DIVERGING].with_extremes(bad=GROUND)


SENSOR_SIGNS = {
    "optical": (GREEN, "o"),
    "sar": (BLUE, "s"),
    "terrain": (ORANGE, "v"),
    "both": (VERMILLION, "^"),
    "all": (PURPLE, "D"),
}
"""Colour and marker of sensors and predictor sets, the same in every figure."""


def signs_of(names: list[str]) -> dict[str, tuple[str, str]]:
    """Give each sensor or predictor set its colour and marker; unknown ones get what is free.

    Examples
    --------
    >>> signs_of(["sar", "lidar"])
    {'sar': ('#0072B2', 's'), 'lidar': ('#E69F00', '^')}
    """
    known = {name: SENSOR_SIGNS[name.lower()] for name in names if name.lower() in SENSOR_SIGNS}
    taken_colours, taken_markers = ({sign[i] for sign in known.values()} for i in (0, 1))
    colours = [c for c in OKABE_ITO if c not in taken_colours] or list(OKABE_ITO)
    markers = [m for m in MARKERS if m not in taken_markers] or list(MARKERS)
    others = [name for name in names if name not in known]
    free = {
        name: (colours[i % len(colours)], markers[(i + 1) % len(markers)])
        for i, name in enumerate(others)
    }
    return {name: known[name] if name in known else free[name] for name in names}
