"""What a check found, in three levels, and how large the task is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pandas as pd

from phytomass.errors import InputError, Problem

T = TypeVar("T")

FINDINGS = "findings.csv"
"""Where a run writes what was found before it began."""

FINDING_COLUMNS = ["level", "where", "what", "remedy"]


@dataclass
class Sizes:
    """How large a project is, as far as the check saw it.

    Parameters
    ----------
    n_trees, n_plots : int
        Rows in use.
    n_pixels : int
        Pixels of the grid.
    sets : dict of str to int
        Predictor set → its number of predictors.
    n_layers : int
        Layers of the stack.
    n_reads : int
        Bands of all dates that the stack reads.
    """

    n_trees: int = 0
    n_plots: int = 0
    n_pixels: int = 0
    sets: dict[str, int] = field(default_factory=dict)
    n_layers: int = 0
    n_reads: int = 0


@dataclass
class Findings:
    """What `check` found.

    Parameters
    ----------
    problems : list of Problem
        They stop a run.
    warnings : list of Problem
        They look wrong: a run goes on, shows them, and its results carry them.
    notes : list of Problem
        Allowed, and worth knowing.
    sizes : Sizes
        How large the task is.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    sizes: Sizes = field(default_factory=Sizes)

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do some checking; keep its errors as problems."""
        try:
            return work()
        except InputError as error:
            self.problems += [p for p in error.problems if p not in self.problems]
            return None

    def table(self) -> pd.DataFrame:
        """Return all findings as rows: level, where, what, remedy."""
        levels = {"problem": self.problems, "warning": self.warnings, "note": self.notes}
        rows = [(level, p.where, p.what, p.remedy) for level, ps in levels.items() for p in ps]
        return pd.DataFrame(rows, columns=FINDING_COLUMNS)
