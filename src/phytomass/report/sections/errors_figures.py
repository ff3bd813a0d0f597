"""The figure of the sources of error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phytomass.report.content.blocks import Picture
from phytomass.report.drawing.look import BLUE, ORANGE, grid_lines, house_style, new_figure, picture
from phytomass.report.messages.saying import say


def share_bars(
    names: Sequence[str],
    in_plot: NDArray[np.float64],
    in_mean: NDArray[np.float64],
    alt: str,
) -> Picture:
    """Draw each source's share of the variance, in a plot and in the mean of all plots.

    Parameters
    ----------
    names : sequence of str
        The sources.
    in_plot, in_mean : array, shape (n,)
        Shares, 0 to 1.
    alt : str
        What the picture shows.
    """
    places = np.arange(len(names)).astype(float)
    with house_style():
        figure = new_figure(5.0, 1.1 + 0.36 * len(names))
        axes = figure.add_subplot()
        axes.barh(
            places - 0.19, 100 * in_plot, height=0.38, color=BLUE, label=say("error_shares.in_plot")
        )
        axes.barh(
            places + 0.19,
            100 * in_mean,
            height=0.38,
            color=ORANGE,
            label=say("error_shares.in_mean"),
        )
        axes.set_yticks(places, list(names))
        axes.set(xlabel=say("error_shares.axis"))
        axes.invert_yaxis()
        axes.set_xlim(0, 1.05 * max(axes.get_xlim()[1], 1.0))
        axes.tick_params(axis="y", length=0)
        grid_lines(axes, "x")
        figure.legend(loc="outside lower center", ncols=2)
        return picture(figure, alt)
