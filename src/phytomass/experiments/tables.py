"""The comparison tables of a publication, repeated on a project's own plots."""

from __future__ import annotations

import math

import pandas as pd

from phytomass.experiments.compare import Comparison
from phytomass.experiments.paired import Difference, paired_difference
from phytomass.models import PublishedScore, PublishedTable, published_tables

TABLE_COLUMNS = (
    "publication",
    "table",
    "title",
    "split",
    "predictors",
    "model",
    "label",
    "n_test",
    "r2",
    "rmse",
    "rrmse_percent",
    "mae",
    "bias",
    "reference",
    "r2_difference",
    "r2_low",
    "r2_high",
    "rmse_difference",
    "rmse_low",
    "rmse_high",
    "n_units",
    "published_r2",
    "published_rmse",
    "published_unit",
    "source",
)
"""Columns of `model_tables.csv`."""

SCORES = ("n_test", "r2", "rmse", "rrmse_percent", "mae", "bias")


def model_tables(comparison: Comparison, publication: str) -> pd.DataFrame:
    """Repeat the comparison tables of a publication with the scores of a comparison.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.
    publication : str
        One of `phytomass.models.publications`.

    Returns
    -------
    DataFrame
        The columns of `model_tables.csv`: one row per table, split, predictor set and model, in
        the order of the publication. Scores are those of `model_comparison.csv` (Mg/ha);
        differences are model minus reference (the first row of the table) with 95 % intervals
        (see `paired_difference`; missing for the reference itself, and where it was not run).
        ``published_*`` stand as printed: other plots, another region, for orientation only.

    Raises
    ------
    InputError
        If the publication has no tables here.
    """
    rows = [
        row
        for table in published_tables(publication)
        for (split, predictors), part in comparison.scores.groupby(
            ["split", "predictors"], sort=False
        )
        for row in _rows(comparison, publication, table, (str(split), str(predictors)), part)
    ]
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS))


def _rows(
    comparison: Comparison,
    publication: str,
    table: PublishedTable,
    place: tuple[str, str],
    scores: pd.DataFrame,
) -> list[dict[str, object]]:
    split, predictors = place
    by_model = scores.set_index("model")
    reference = table.rows[0].model
    rows = []
    for published in table.rows:
        if published.model not in by_model.index:
            continue
        gap = None
        if published.model != reference and reference in by_model.index:
            pair = ((published.model, predictors), (reference, predictors))
            gap = paired_difference(comparison, split, *pair)
        rows.append(
            {
                "publication": publication,
                "table": table.number,
                "title": table.title,
                "split": split,
                "predictors": predictors,
                **{name: by_model.loc[published.model, name] for name in SCORES},
                "reference": reference,
                **_difference(gap),
                **_as_printed(published, table),
            }
        )
    return rows


def _difference(gap: Difference | None) -> dict[str, object]:
    names = ("r2", "r2_low", "r2_high", "rmse", "rmse_low", "rmse_high")
    values = {
        f"{name}_difference" if "_" not in name else name: getattr(gap, name, math.nan)
        for name in names
    }
    return {**values, "n_units": getattr(gap, "n_units", math.nan)}


def _as_printed(published: PublishedScore, table: PublishedTable) -> dict[str, object]:
    return {
        "model": published.model,
        "label": published.label,
        "published_r2": published.r2,
        "published_rmse": published.rmse,
        "published_unit": table.unit,
        "source": table.source,
    }
