"""Which numbers page one quotes: the mean and the totals of the area by the best estimator there is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.accounting.zones import ALL

ESTIMATORS = (
    ("assisted_mean", "assisted_total"),
    ("area_mean", "area_total"),
    ("model_mean", "model_total"),
)
"""Quantities of mean and total, in the order of preference: a declared design comes first."""

MASSES = {
    "mean": (("AGB", "dry_mass"),),
    "total": (("AGB", "dry_mass"), ("total", "C"), ("total", "CO2e")),
}
"""Statistic → pools and kinds."""


def headlined(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `estimates.csv` with the flag ``headline`` of those that page one quotes.

    Examples
    --------
    >>> rows = pd.DataFrame({"quantity": ["area_mean", "model_mean", "assisted_mean"],
    ...                      "zone": "all", "pool": "AGB", "kind": "dry_mass", "statistic": "mean"})
    >>> headlined(rows)["headline"].tolist()
    [False, False, True]
    """
    there = set(table["quantity"])
    quantities = next((found for found in ESTIMATORS if there & set(found)), ())
    masses = table[["statistic", "pool", "kind"]].itertuples(index=False)
    wanted = np.array([(pool, kind) in MASSES.get(str(s), ()) for s, pool, kind in masses], bool)
    first = table["quantity"].isin(quantities) & (table["zone"] == ALL) & wanted
    return table.assign(headline=first)
