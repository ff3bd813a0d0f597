"""The errors of diameters and heights of a project, from pairs of measurements of the same trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from phytomass.errors import InputError
from phytomass.inventory.controls import KEY, TREE
from phytomass.inventory.field_error.settings import ErrorSettings

Array = NDArray[np.float64]

FEWEST = 20
"""Pairs from which an SD is taken: it is then right to 16 %, 1/√(2n)."""

COLUMNS = (
    *("quantity", "n_pairs", "n_unmatched", "difference", "difference_se", "error_sd"),
    *("parameter", "general", "found", "used", "reason"),
)


def control_errors(
    trees: pd.DataFrame, controls: pd.DataFrame, errors: ErrorSettings
) -> pd.DataFrame:
    """Return what pairs of measurements say of the errors of one measurement.

    With r the difference of a pair over the size of the error that is expected of it, one
    measurement has SD(r)/√2 times that error where both err alike, SD(r) times where the control is
    exact (`errors.control`). Expected are, of a height, the height itself, so that the result is its
    relative error; of a diameter, 0.0062 D + 0.0904 cm (`parameters.csv`), with which gross errors
    are then covered.

    Parameters
    ----------
    trees : DataFrame
        plot_id, tree_id, dbh_cm, height_m as used.
    controls : DataFrame
        From `read_controls`.
    errors : ErrorSettings
        The section of the project file; values that it names are kept.

    Returns
    -------
    DataFrame
        One row per parameter: quantity, n_pairs, n_unmatched (controls without a tree), difference
        (mean of the list less the control, in the unit of the quantity), its standard error, error_sd
        (of one measurement at the mean size), parameter, general (the value without pairs), found,
        used, reason.

    Raises
    ------
    InputError
        If no control has its tree in the list, or all pairs are equal.

    Examples
    --------
    >>> names = {"plot_id": ["A"] * 20, "tree_id": [str(i) for i in range(20)]}
    >>> first = pd.DataFrame({**names, "dbh_cm": 20.0, "height_m": [9.0, 11.0] * 10})
    >>> control = pd.DataFrame({**names, "dbh_cm": np.nan, "height_m": 10.0})
    >>> found = control_errors(first, control, ErrorSettings(control="exact"))
    >>> found[["parameter", "n_pairs", "found", "used"]].round(3).values.tolist()
    [['height_cv', 20, 0.103, True]]
    """
    keys = [trees[TREE].astype(str), controls[TREE].astype(str)]
    sizes = ["dbh_cm", "height_m"]
    left, right = (
        key.assign(**{name: table[name].to_numpy(dtype=float) for name in sizes})
        for key, table in zip(keys, (trees, controls), strict=True)
    )
    both = right.merge(left, on=TREE, how="left", suffixes=("_control", ""), indicator=True)
    unmatched = int((both["_merge"] == "left_only").sum())
    if unmatched == len(both):
        what = "no control measurement has its plot_id and tree_id in the list of trees"
        raise InputError(what, where=KEY, remedy="check the columns of both")
    rows = []
    for name in sizes:
        one, two = both[name].to_numpy(dtype=float), both[f"{name}_control"].to_numpy(dtype=float)
        known = np.isfinite(one) & np.isfinite(two)
        if known.any():
            rows += _rows(name, one[known], two[known], unmatched, errors)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(
    name: str, one: Array, two: Array, unmatched: int, errors: ErrorSettings
) -> list[tuple[object, ...]]:
    """Return the rows of a quantity: one for each parameter of its error."""
    if len(one) > 1 and (one == two).all():
        remedy = "map the columns of the second measurement in inventory.controls.columns"
        raise InputError(f"all {len(one)} pairs of {name} are equal", where=KEY, remedy=remedy)
    middle, alike = (one + two) / 2, errors.control == "alike"
    slope, constant = (errors.general(p) for p in ("dbh_slope", "dbh_constant"))
    expected = middle if name == "height_m" else slope * middle + constant
    few = len(one) < FEWEST
    with np.errstate(invalid="ignore"):
        factor = float(np.std((one - two) / expected, ddof=1)) if len(one) > 1 else np.nan
    factor /= np.sqrt(2) if alike else 1.0
    difference = one - two
    se = float(np.std(difference, ddof=1) / np.sqrt(len(one))) if len(one) > 1 else np.nan
    head = (name, len(one), unmatched, float(difference.mean()), se, factor * expected.mean())
    values = {"height_cv": factor}
    if name == "dbh_cm":
        values = {"dbh_slope": factor * slope, "dbh_constant": factor * constant}
        values["gross_share"] = 0.0
    reason = f"fewer than {FEWEST} pairs" if few else ""
    if errors.preset == "biomass_r":
        reason = "the preset has errors of its own"
    rows: list[tuple[object, ...]] = []
    for parameter, value in values.items():
        why = reason or ("named in errors.values" if parameter in errors.values else "")
        general = errors.general(parameter)
        rows.append((*head, parameter, general, value, not why, why))
    return rows


def with_controls(errors: ErrorSettings, found: pd.DataFrame) -> ErrorSettings:
    """Return the settings with the values that pairs of measurements gave.

    Raises
    ------
    InputError
        If pairs differ by more than an error of measurement can be.
    """
    used = found[found["used"].astype(bool)]
    values = dict(zip(used["parameter"], used["found"].astype(float), strict=True))
    try:
        return ErrorSettings.model_validate(
            {**errors.model_dump(), "values": {**errors.values, **values}}
        )
    except ValidationError as error:
        what = str(error.errors()[0]["msg"]).removeprefix("Value error, values.")
        remedy = "are these the same trees, in the same units?"
        raise InputError(f"the pairs differ too much: {what}", where=KEY, remedy=remedy) from error
