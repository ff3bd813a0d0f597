"""What the step `plots` makes of trees that were measured twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from phytomass import tables
from phytomass.inventory import Remeasurement
from phytomass.inventory.field_error import (
    SHARED,
    ErrorModel,
    ErrorSettings,
    plot_change,
    plot_draws,
    tree_growth,
)
from phytomass.inventory.field_error.changes import EARLIER
from phytomass.inventory.suspicion import COLUMNS
from phytomass.workflow.engine import Context
from phytomass.workflow.names import SHARED_BEFORE

SHARED_MANY = 2000
"""Draws of what plots share: the SE of an area from them is right to 2 %."""

KEPT = "correct the diameter, or set inventory.impossible_steps: mend or reject"


@dataclass(frozen=True, eq=False)
class Dates:
    """Trees at both dates, with their mass.

    Parameters
    ----------
    earlier : Remeasurement
    before, after : DataFrame
    model : ErrorModel or None
        None where the trees bring their mass.
    """

    earlier: Remeasurement
    before: pd.DataFrame
    after: pd.DataFrame
    model: ErrorModel | None


def impossible_steps(earlier: Remeasurement | None) -> pd.DataFrame:
    """Return the steps that no tree takes as rows of `suspicious_rows.csv`."""
    if earlier is None:
        return pd.DataFrame(columns=COLUMNS)
    odd = earlier.growth[earlier.growth["action"] != ""]
    advice = odd["action"].map(lambda done: KEPT if done == "kept" else f"{done} as asked for")
    rows = odd[["plot_id", "tree_id"]].assign(
        column="dbh_cm", value=odd["dbh_cm"], reason=odd["flag"], suggestion=advice
    )
    return rows[COLUMNS]


def shared_only(model: ErrorModel) -> ErrorModel:
    """Return the model with nothing but what plots share."""
    errors = model.errors.only(*SHARED)
    return replace(
        model,
        errors=errors.model_copy(update={"draws": min(errors.draws, SHARED_MANY)}),
    )


def with_change(
    plots: pd.DataFrame, dates: Dates, errors: ErrorSettings, seed: int, context: Context
) -> pd.DataFrame:
    """Write growth and change; return the plots with their mass at the earlier date."""
    folder, earlier, model = context.folder, dates.earlier, dates.model
    growth = tree_growth(earlier, dates.before, dates.after, errors)
    tables.write(folder, "tree_growth", growth)
    change = plot_change(
        earlier, dates.before, dates.after, plots, model,
        random_state=seed, workers=context.workers, progress=context.progress,
    )  # fmt: skip
    tables.write(folder, "plot_change", change)
    twice = plots[plots["plot_id"].isin(earlier.plots.index)].reset_index(drop=True)
    if model is not None:
        plot_draws(
            dates.before, twice, replace(shared_only(model), campaign=EARLIER),
            random_state=seed, store=folder / SHARED_BEFORE,
            workers=context.workers, progress=context.progress,
        )  # fmt: skip
    before = change.set_index("plot_id")["agb_before_mg_ha"]
    return plots.join(before, on="plot_id").join(earlier.plots, on="plot_id")
