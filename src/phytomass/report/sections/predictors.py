"""The predictors: where they come from, how they relate to biomass, what they look like."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.features import DARK, lacks_dark
from phytomass.report.content.blocks import Block, Figure, Gallery, Heading, Section, Table, Words
from phytomass.report.content.columns import columns_of
from phytomass.report.content.layers import band_names, read_layer, values_at
from phytomass.report.content.results import Results
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import count, fixed, measured
from phytomass.report.messages.saying import say
from phytomass.report.sections.map_figures import predictor_tile
from phytomass.report.sections.predictors_figures import correlation_bars, correlation_matrix

MOST_TILES = 24
MOST_BARS = 40
MOST_IN_MATRIX = 30
TILE_PIXELS = 260

PREDICTORS = (
    "name", "sensor", "kind", "formula", "source", "unit", "mean", "sd", "min", "max",
    "valid_share",
)  # fmt: skip
"""Columns of result tables that are shown, in order."""


def predictors_section(results: Results) -> Section:
    """Build the section on predictors."""
    raster = results.rasters.get("predictors")
    files: tuple[str, ...] = ("predictors.csv", "correlations.csv")
    files += (raster.name if raster else "predictors.tif",)
    there = [results.predictors, results.correlations, raster]
    if all(item is None for item in there):
        return Section("predictors", say("predictors.title"), missing=say("predictors.missing"))
    blocks = [
        *_table(results.predictors),
        *_illumination(results.illumination),
        *_correlations(results),
        *_tiles(results),
    ]
    if results.illumination is not None:
        files = (*files, "illumination.csv")
    return Section("predictors", say("predictors.title"), tuple(blocks), files=files)


def _table(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words(say("predictors.no_table"), "missing")]
    shown = Table.of(
        say("predictors.caption", n=len(table)),
        columns_of(
            "predictors", table, *PREDICTORS, mean=[measured(v, 3) for v in _clean_means(table)]
        ),
        note=say("predictors.note"),
    )
    return [shown, *(Words(too_bright(source)) for source in sources_without_dark(table))]


def sources_without_dark(table: pd.DataFrame) -> list[str]:
    """Return the optical sources that have no dark pixel in any band (`lacks_dark`)."""
    keys = ("sensor", "kind", "unit", "source")
    sensor, kind, unit, source = (np.array(table[key]) for key in keys)
    low, high = (np.asarray(table[key]) for key in ("min", "max"))
    bands = (sensor == "optical") & (kind == "band") & (unit == "")
    own = {str(name): bands & (source == name) for name in dict.fromkeys(source[bands])}
    return [name for name, rows in own.items() if lacks_dark(low[rows], high[rows])]


def too_bright(source: str) -> str:
    """Say that a source has no dark pixel."""
    return say("predictors.too_bright", source=source, dark=DARK)


def _clean_means(table: pd.DataFrame) -> list[float]:
    """Return the means, 0 where one is only rounding error beside its SD."""
    mean, sd = table["mean"], table["sd"]
    return [0.0 if abs(m) < 1e-7 * s else m for m, s in zip(mean, sd, strict=True)]


def _illumination(table: pd.DataFrame | None) -> list[Block]:
    """Show what the topographic correction left of the sun's illumination: medians of the scenes."""
    if table is None or table.empty:
        return []
    r = table.assign(before=table["r_before"].abs(), after=table["r_after"].abs())
    grouped = r.groupby(["source", "band", "method"], sort=False)
    shown = grouped.agg(
        scenes=("scene", "nunique"),
        n=("n", "sum"),
        before=("before", "median"),
        after=("after", "median"),
        worst=("after", "max"),
    ).reset_index()
    return [
        Heading(say("illumination.title")),
        Table.of(
            say("illumination.caption"),
            [
                (say("heading.source"), "text", shown["source"]),
                (say("heading.band"), "short", shown["band"]),
                (
                    say("heading.method"),
                    "short",
                    [labels.named("topographic", m) for m in shown["method"]],
                ),
                (say("heading.scenes"), "number", [count(v) for v in shown["scenes"]]),
                (say("heading.n"), "number", [count(v) for v in shown["n"]]),
                (say("heading.r_before"), "number", [fixed(v, 3) for v in shown["before"]]),
                (say("heading.r_after"), "number", [fixed(v, 3) for v in shown["after"]]),
                (say("heading.largest_after"), "number", [fixed(v, 3) for v in shown["worst"]]),
            ],
            note=say("illumination.note"),
        ),
    ]


def _correlations(results: Results) -> list[Block]:
    table = results.correlations
    blocks: list[Block] = [Heading(say("correlations.title"))]
    figures: list[Figure] = []
    usable = table[table["r"].notna()] if table is not None else None
    if usable is None or usable.empty:
        blocks.append(Words(say("correlations.missing"), "missing"))
    else:
        figures.append(_bars(usable))
    matrix = _matrix(results)
    if matrix is not None:
        figures.append(matrix)
    if figures:
        blocks.append(Gallery(tuple(figures), "half"))
    if usable is not None and len(usable):
        blocks.append(_correlation_table(usable))
    return blocks


def _bars(table: pd.DataFrame) -> Figure:
    strongest = table.loc[table["r"].abs().sort_values(ascending=False, kind="stable").index]
    shown = strongest.head(MOST_BARS)
    best = strongest.iloc[0]
    few = say("correlations.few", shown=MOST_BARS, n=len(table)) if len(table) > MOST_BARS else ""
    parts = [
        say("correlations.figure", n=table["n"].max()), few,
        say("correlations.strongest", name=best["predictor"], r=best["r"]),
    ]  # fmt: skip
    picture = correlation_bars(shown, say("correlations.alt"))
    return Figure(picture, " ".join(filter(None, parts)))


def _correlation_table(table: pd.DataFrame) -> Table:
    ordered = table.loc[table["r"].abs().sort_values(ascending=False, kind="stable").index]
    return Table.of(
        say("correlations.caption"),
        columns_of("correlations", ordered, "predictor", "r", "n", "p"),
        note=say("correlations.note"),
    )


def _matrix(results: Results) -> Figure | None:
    """Correlate the predictors with each other and with AGB at the pixels that hold the plots."""
    path, plots = results.rasters.get("predictors"), results.plots
    if path is None or plots is None or len(plots) < 3:
        return None
    names = band_names(path)
    values = values_at(path, *(plots[c].to_numpy(dtype=float) for c in ("easting", "northing")))
    if len(names) > MOST_IN_MATRIX:
        names, values = _strongest(results, names, values)
    names = ["AGB", *names]
    values = np.column_stack([plots["agb_mg_ha"].to_numpy(dtype=float), values])
    complete = np.isfinite(values).all(axis=1)
    if complete.sum() < 3:
        return None
    picture = correlation_matrix(names, correlation(values[complete]), say("matrix.alt"))
    return Figure(picture, say("matrix.caption", n=complete.sum()))


def _strongest(
    results: Results, names: list[str], values: NDArray[np.float64]
) -> tuple[list[str], NDArray[np.float64]]:
    """Keep the bands most correlated with AGB, in the order of the raster."""
    table = results.correlations
    kept = names[:MOST_IN_MATRIX]
    if table is not None:
        order = table["r"].abs().sort_values(ascending=False, kind="stable").index
        kept = [n for n in table.loc[order, "predictor"] if n in names][:MOST_IN_MATRIX]
    where = [i for i, name in enumerate(names) if name in kept]
    return [names[i] for i in where], values[:, where]


def correlation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation matrix of the columns; NaN for a column without spread.

    Examples
    --------
    >>> correlation(np.array([[0.0, 1.0, 5.0], [1.0, 3.0, 5.0], [2.0, 5.0, 5.0]]))
    array([[ 1.,  1., nan],
           [ 1.,  1., nan],
           [nan, nan, nan]])
    """
    away = values - values.mean(axis=0)
    size = np.sqrt((away**2).sum(axis=0))
    size[size <= 1e-12 * np.abs(values).max(axis=0)] = np.nan
    unit = away / size
    return np.asarray(np.clip(unit.T @ unit, -1, 1), dtype=np.float64).round(12)


def _tiles(results: Results) -> list[Block]:
    path = results.rasters.get("predictors")
    if path is None:
        return [Words(say("tiles.missing"), "missing")]
    names = band_names(path)
    units = _units(results.predictors)
    figures = []
    for band, name in enumerate(names[:MOST_TILES], start=1):
        layer = read_layer(path, band, TILE_PIXELS)
        figures.append(Figure(predictor_tile(layer, name, units.get(name, "")), ""))
    caption = say("tiles.caption")
    if len(names) > MOST_TILES:
        caption = f"{caption} {say('tiles.first', shown=MOST_TILES, n=len(names))}"
    return [Heading(say("tiles.title")), Gallery(tuple(figures), "tile", caption)]


def _units(table: pd.DataFrame | None) -> dict[str, str]:
    if table is None:
        return {}
    return dict(zip(table["name"], table["unit"], strict=True))
