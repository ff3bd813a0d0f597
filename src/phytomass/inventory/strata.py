"""The hectares of strata from a table: the sheet `strata` of a field form, or any other."""

from __future__ import annotations

from pathlib import Path

from phytomass.inventory.columns import (
    Column,
    Reading,
    find_columns,
    kept_rows,
    standard_columns,
)
from phytomass.inventory.findings import Findings
from phytomass.inventory.sampling import DesignSettings
from phytomass.inventory.settings import InventorySettings, TableSource
from phytomass.inventory.tables import read_table

KEY = "inventory.strata"
COLUMNS = (Column("stratum", "text"), Column("area_ha", "number", "area_ha"))


def design_of(settings: InventorySettings, root: Path) -> DesignSettings:
    """Return how the plots were drawn, with the hectares of the strata.

    Parameters
    ----------
    settings : InventorySettings
        `design.strata_ha` comes first; without it, the table `strata` is read.
    root : path
        The project's folder.

    Raises
    ------
    InputError
        For a table that cannot be read, a stratum twice, or one without an area above zero, and
        strata that do not add up to `design.area_ha`.
    """
    design = settings.design
    if design.kind != "stratified" or design.strata_ha or settings.strata is None:
        return design
    return design.with_strata(read_strata(settings.strata, root))


def read_strata(source: TableSource, root: Path) -> dict[str, float]:
    """Return stratum → hectares of a table with the columns stratum and area_ha."""
    findings = Findings()
    reading = find_columns(read_table(source, root), source, KEY, COLUMNS, findings)
    findings.stop_if_any()
    table = standard_columns(reading, kept_rows(reading, findings), COLUMNS, findings)
    findings.refuse_rejected("complete it, or clear the row")
    low = table.index[table["area_ha"] <= 0]
    if len(low):
        findings.problem(reading.place("area_ha", low), "a stratum has an area above 0")
    _refuse_twice(table["stratum"].tolist(), reading, findings)
    findings.stop_if_any()
    return dict(zip(table["stratum"].tolist(), table["area_ha"].tolist(), strict=True))


def _refuse_twice(names: list[str], reading: Reading, findings: Findings) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    for name in twice:
        findings.problem(reading.place("stratum"), f"{name!r} stands there twice", "keep one row")
