"""Figures of the models: scores side by side, observed against predicted, score against truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from phytomass.report.content.blocks import Picture
from phytomass.report.drawing.look import (
    BLUE,
    INK,
    MUTED,
    VERMILLION,
    grid_lines,
    house_style,
    new_figure,
    picture,
    plain_ticks,
    signs_of,
)
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import number
from phytomass.report.messages.saying import say

PANEL = 3.3
"""Inches: three panels stand side by side on a desk, one fills a phone."""

LOWEST_R2 = -0.5
"""Scores below this are drawn at the edge with an arrow: far failures would hide the rest."""


@dataclass(frozen=True)
class Line:
    """A fitted line: predicted = intercept + slope · observed."""

    slope: float
    intercept: float


def fitted_line(observed: NDArray[np.float64], predicted: NDArray[np.float64]) -> Line | None:
    """Fit predicted on observed by ordinary least squares; None without spread or under 3 points.

    Examples
    --------
    >>> fitted_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.5, 2.0]))
    Line(slope=0.5, intercept=1.0)
    """
    if len(observed) < 3 or float(np.ptp(observed)) == 0:
        return None
    away = observed - observed.mean()
    slope = float(away @ (predicted - predicted.mean()) / (away @ away))
    return Line(slope, float(predicted.mean() - slope * observed.mean()))


def reach_of(values: pd.Series[float], score: str) -> tuple[float, float]:
    """Return the axis limits for a score, common to all splits."""
    finite = values[np.isfinite(values)]
    if finite.empty:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if score == "r2":
        return max(min(low, 0.0), LOWEST_R2) - 0.04, min(1.0, max(high, 0.1) + 0.06)
    high = min(high, 3 * float(finite.median()))
    margin = 0.12 * (high - low) or 0.1 * high or 1.0
    return max(0.0, low - margin), high + margin


def score_dots(
    table: pd.DataFrame, score: str, limits: tuple[float, float], title: str, alt: str
) -> Picture:
    """Draw one score of every model and predictor set in one split.

    Parameters
    ----------
    table : DataFrame
        Rows of `model_comparison.csv` of one split.
    score : str
        A column: ``r2`` or ``rmse``.
    limits : tuple of float
        Of the axis; scores beyond are drawn at the edge with an arrow.
    title, alt : str
        Above the figure, and what it shows.
    """
    models = list(dict.fromkeys(table["model"]))[::-1]
    sets = list(dict.fromkeys(table["predictors"]))
    signs = signs_of(sets)
    with house_style():
        figure = new_figure(PANEL, 1.45 + 0.32 * len(models))
        axes = figure.add_subplot()
        for name in sets:
            rows = table[(table["predictors"] == name) & np.isfinite(table[score])]
            shift = 0.09 * (sets.index(name) - (len(sets) - 1) / 2)
            places = np.array([models.index(m) for m in rows["model"]], dtype=float) - shift
            values = rows[score].to_numpy(dtype=float)
            colour, marker = signs[name]
            axes.scatter(
                values.clip(*limits), places, s=30, color=colour, marker=marker, zorder=3,
                edgecolors="white", linewidths=0.6, label=labels.predictor_set(name), clip_on=False,
            )  # fmt: skip
            _far(axes, values, places, limits)
        axes.set_yticks(range(len(models)), [labels.model(m) for m in models])
        axes.set(xlim=limits, ylim=(-0.6, len(models) - 0.4), title=title)
        axes.set_xlabel(say(f"score.{score}"))
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="both")
        if score == "r2":
            axes.axvline(0, color=MUTED, lw=1)
        figure.legend(loc="outside lower center", ncols=2)
        return picture(figure, alt)


def _far(
    axes: Axes,
    values: NDArray[np.float64],
    places: NDArray[np.float64],
    limits: tuple[float, float],
) -> None:
    """Write the value of each point beyond the limits beside its edge."""
    for value, place in zip(values, places, strict=True):
        if value < limits[0]:
            axes.annotate(
                f"← {number(value, 2)}", xy=(limits[0], place), xytext=(7, 0), fontsize=7,
                textcoords="offset points", va="center", color=INK,
            )  # fmt: skip
        elif value > limits[1]:
            axes.annotate(
                f"{number(value, 2)} →", xy=(limits[1], place), xytext=(-7, 0), fontsize=7,
                textcoords="offset points", va="center", ha="right", color=INK,
            )  # fmt: skip


def observed_predicted(
    rows: pd.DataFrame, scores: dict[str, float], top: float, title: str, alt: str
) -> Picture:
    """Return predicted against observed AGB as an image; see `predictions_figure`."""
    figure = predictions_figure(rows, scores, top, title)
    with house_style():
        return picture(figure, alt)


def predictions_figure(
    rows: pd.DataFrame, scores: dict[str, float], top: float, title: str
) -> Figure:
    """Draw predicted against observed AGB with the 1:1 line and the fitted line.

    Parameters
    ----------
    rows : DataFrame
        `observed` and `predicted`, Mg/ha, no missing values.
    scores : dict of str to float
        ``r2`` and ``rmse`` to write into the figure.
    top : float
        End of both axes, common to all splits.
    title : str
        Above the figure.
    """
    observed = rows["observed"].to_numpy(dtype=float)
    predicted = rows["predicted"].to_numpy(dtype=float)
    low = min(0.0, float(predicted.min()), float(observed.min()))
    many = len(rows) > 1200
    with house_style():
        figure = new_figure(PANEL, PANEL + 0.45)
        axes = figure.add_subplot()
        axes.plot([low, top], [low, top], color=MUTED, lw=1, ls=(0, (4, 2)), label="1:1")
        axes.scatter(
            observed, predicted, s=9 if many else 15, color=BLUE, linewidths=0,
            alpha=0.25 if many else 0.55, rasterized=many, zorder=2,
        )  # fmt: skip
        line = fitted_line(observed, predicted)
        if line is not None:
            ends = np.array([observed.min(), observed.max()])
            name = say("predicted.fitted", slope=line.slope)
            axes.plot(
                ends, line.intercept + line.slope * ends, color=VERMILLION, lw=1.8, label=name
            )
        axes.set(xlim=(low, top), ylim=(low, top), aspect="equal", title=title)
        axes.set(xlabel=say("predicted.observed"), ylabel=say("predicted.predicted"))
        axes.xaxis.set_major_formatter(plain_ticks())
        axes.yaxis.set_major_formatter(plain_ticks())
        grid_lines(axes, "both")
        _write_scores(axes, scores, len(rows))
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def _write_scores(axes: Axes, scores: dict[str, float], n: int) -> None:
    lines = [
        say("summary.r2", r2=scores.get("r2")),
        say("predicted.rmse", rmse=scores.get("rmse")),
        say("predicted.n", n=n),
    ]
    axes.text(
        0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2},
    )  # fmt: skip


def score_against_truth(table: pd.DataFrame, split: str, alt: str) -> Picture:
    """Draw each candidate's cross-validated R² against its R² with the known truth.

    Parameters
    ----------
    table : DataFrame
        `model`, `predictors`, `r2_cv`, `r2_truth`, `used_for_map`.
    split : str
        Words for the split the scores come from.
    alt : str
        What the picture shows.
    """
    signs = signs_of(list(dict.fromkeys(table["predictors"])))
    both = table[["r2_cv", "r2_truth"]].to_numpy(dtype=float).clip(LOWEST_R2, 1.0)
    low, high = float(both.min()) - 0.05, min(1.0, float(both.max()) + 0.05)
    with house_style():
        figure = new_figure(4.1, 4.3)
        axes = figure.add_subplot()
        axes.plot([low, high], [low, high], color=MUTED, lw=1, ls=(0, (4, 2)))
        for name, (colour, marker) in signs.items():
            rows = (table["predictors"] == name).to_numpy()
            axes.scatter(
                both[rows, 0], both[rows, 1], s=34, color=colour, marker=marker, zorder=3,
                edgecolors="white", linewidths=0.6, label=labels.predictor_set(name),
            )  # fmt: skip
        used = table["used_for_map"].to_numpy(dtype=bool)
        if used.any():
            axes.scatter(
                both[used, 0], both[used, 1], s=130, facecolors="none", edgecolors=INK,
                linewidths=1.6, label=say("truth.made_the_map"), zorder=4,
            )  # fmt: skip
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set(xlabel=say("truth.r2_in", split=split), ylabel=say("truth.r2_truth"))
        grid_lines(axes, "both")
        figure.legend(loc="outside lower center", ncols=2)
        return picture(figure, alt)
