"""The whole error of plot biomass in one chain of draws, from the tape to the carbon fraction.

`plot_draws` draws, `PlotDraws` says what the draws mean, `variance_shares` says which source of
error matters. Sources and values: `parameters.csv`; the reasons: docs/field-error.md.
"""

from phytomass.inventory.field_error.candidates import candidates_of
from phytomass.inventory.field_error.changes import plot_change, tree_growth
from phytomass.inventory.field_error.controls import control_errors, with_controls
from phytomass.inventory.field_error.draws import plot_draws
from phytomass.inventory.field_error.plot_draws import PlotDraws
from phytomass.inventory.field_error.prepare import ensemble_biomass
from phytomass.inventory.field_error.settings import (
    SHARED,
    SOURCES,
    ErrorSettings,
    Source,
    error_parameters,
)
from phytomass.inventory.field_error.shared import Candidates, ErrorModel
from phytomass.inventory.field_error.shares import variance_shares

__all__ = [
    "SHARED",
    "SOURCES",
    "Candidates",
    "ErrorModel",
    "ErrorSettings",
    "PlotDraws",
    "Source",
    "candidates_of",
    "control_errors",
    "ensemble_biomass",
    "error_parameters",
    "plot_change",
    "plot_draws",
    "tree_growth",
    "variance_shares",
    "with_controls",
]
