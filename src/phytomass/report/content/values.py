"""Looking up one number in the tables: the estimate of a quantity, the model of the map."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.report.content.results import Results
from phytomass.report.messages import labels

WHOLE = frozenset({"", "all", "whole", "total", "whole_area", "study_area", "map", "nan"})
"""Names that `estimates.csv` may give to the whole mapped area in its zone column."""


AGB = ("AGB", "dry_mass")
"""Pool and kind of most of what the report tells."""

NO_MASS = ("", "")
"""Pool and kind of an area."""


@dataclass(frozen=True)
class Value:
    """One row of `estimates.csv`.

    Parameters
    ----------
    value : float
        In `unit`.
    unit, pool, kind, period, zone, method, statistic : str
        As in the file.
    area_ha : float
        What the value refers to; NaN when not given.
    n : float
        Plots or pixels; NaN when not given.
    low, high, level : float
        Bounds of its interval and their share; NaN without one.
    quantity : str
        As in the file.
    """

    value: float
    unit: str
    pool: str
    kind: str
    period: str
    zone: str
    method: str
    statistic: str
    area_ha: float
    n: float
    low: float = float("nan")
    high: float = float("nan")
    level: float = float("nan")
    quantity: str = ""

    @property
    def date(self) -> str:
        """The period as a reader sees it."""
        return labels.period(self.period)


def in_whole(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows are about the whole mapped area, not about a zone.

    Examples
    --------
    >>> in_whole(pd.DataFrame({"zone": ["", "all", "North valley"]})).tolist()
    [True, True, False]
    """
    zones = table["zone"]
    return np.array([zone.strip().lower() in WHOLE for zone in zones], dtype=bool)


def pick(
    results: Results,
    quantity: str,
    statistic: str,
    mass: tuple[str, str] | None = AGB,
    period: str | None = None,
) -> Value | None:
    """Return the estimate of a quantity over the whole area, the latest when there are several.

    Parameters
    ----------
    results : Results
        What was read.
    quantity : str
        E.g. ``map_mean``.
    statistic : str
        E.g. ``mean``: an SD beside a mean must never be taken for it.
    mass : tuple of str or None
        Pool and kind; None takes whatever pool and kind comes first.
    period : str, optional
        Take only this period.
    """
    table = results.estimates
    if table is None or table.empty:
        return None
    kept = (table["quantity"] == quantity) & (table["statistic"] == statistic)
    if mass is not None:
        kept &= (table["pool"] == mass[0]) & (table["kind"] == mass[1])
    if period is not None:
        kept &= table["period"] == period
    found = table[kept & in_whole(table) & table["value"].notna()]
    if found.empty:
        return None
    latest = max(found["period"], key=period_key)
    return _value(found[found["period"] == latest].iloc[0])


def headlines(results: Results) -> list[Value]:
    """Return the estimates that are made for page one, in the order of the file."""
    table = results.estimates
    if table is None or "headline" not in table:
        return []
    rows = table[table["headline"].astype(bool) & table["value"].notna()]
    return [_value(row) for _, row in rows.iterrows()]


def period_key(period: str) -> tuple[str, str]:
    """Return what periods are sorted by: the last year they name, then their text.

    Examples
    --------
    >>> sorted(["2020-07", "1991", "2015"], key=period_key)
    ['1991', '2015', '2020-07']
    """
    years = re.findall(r"(?:19|20|21)\d\d", period)
    return (years[-1] if years else "", period)


def _value(row: pd.Series[Any]) -> Value:
    def text(name: str) -> str:
        return str(row.get(name, "") or "")

    def size(name: str) -> float:
        return float(str(row.get(name, "nan") or "nan"))

    return Value(
        float(str(row["value"])), text("unit"), text("pool"), text("kind"), text("period"),
        text("zone"), text("method"), text("statistic"), size("area_ha"), size("n"),
        size("low"), size("high"), size("level"), text("quantity"),
    )  # fmt: skip


@dataclass(frozen=True)
class MapModel:
    """The model that made the map, and its scores.

    Parameters
    ----------
    model, predictors : str
        Its name and its set of predictors.
    split : str
        The split by which it was chosen; its scores head the report.
    scores : DataFrame
        Its rows of `model_comparison.csv`, one per split; may be empty.
    """

    model: str
    predictors: str
    split: str
    scores: pd.DataFrame

    def score(self, name: str, split: str | None = None) -> float:
        """Return a score (a column of `model_comparison.csv`), NaN when it is not there."""
        wanted = self.split if split is None else split
        rows = self.scores[self.scores["split"] == wanted] if len(self.scores) else self.scores
        if rows.empty or name not in rows:
            return math.nan
        return float(rows[name].iloc[0])


def map_model_of(results: Results) -> MapModel | None:
    """Return the map's model; without `map_model.json`, None."""
    said = results.map_model
    if not said.get("model"):
        return None
    model = str(said["model"])
    predictors = str(said.get("predictors_set", ""))
    table = results.model_comparison
    if table is None or "trained_elsewhere" in said:  # scores of another place are none of here
        return MapModel(model, predictors, "", pd.DataFrame({"split": []}))
    rows = table[(table["model"] == model) & (table["predictors"] == predictors)]
    splits = list(dict.fromkeys(rows["split"]))
    named = [s for s in splits if s == said.get("selected_by")]
    usual = [s for s in ("repeated_kfold", "spatial_blocks", *splits) if s in splits]
    return MapModel(model, predictors, (named or usual or [""])[0], rows.reset_index(drop=True))


def predictions_of(results: Results, chosen: MapModel, split: str) -> pd.DataFrame:
    """Return observed and predicted values of the map's model in one split."""
    table = results.predictions
    if table is None:
        return pd.DataFrame({"plot_id": [], "observed": [], "predicted": []})
    kept = (table["model"] == chosen.model) & (table["split"] == split)
    kept &= table["predictors"] == chosen.predictors
    rows = table[kept]
    return rows[rows["observed"].notna() & rows["predicted"].notna()]
