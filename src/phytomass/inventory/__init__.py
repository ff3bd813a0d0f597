"""Field sheets to trees and plots: reading, checking every row, expansion to the hectare.

Rows that cannot be used come back as a table of rejected rows with the reason; mistakes that
would spoil a result (a wrong unit, a duplicate id) are one error that names file, rows and column.
"""

from phytomass.inventory.controls import read_controls
from phytomass.inventory.design import equivalent_diameter, horizontal_area_ha, per_hectare
from phytomass.inventory.field_error import (
    ErrorModel,
    ErrorSettings,
    PlotDraws,
    plot_draws,
    variance_shares,
)
from phytomass.inventory.form import write_form
from phytomass.inventory.plots import plots_in_use, plots_with_biomass
from phytomass.inventory.read import Inventory, check_inventory, read_inventory
from phytomass.inventory.remeasured import Remeasurement
from phytomass.inventory.settings import InventorySettings, SubPlot, TableSource
from phytomass.inventory.statistics import Outliers, flag_outliers, plot_statistics
from phytomass.inventory.strata import design_of
from phytomass.inventory.stress import stress_of_plots, with_stress
from phytomass.inventory.survey import Survey, survey_inventory
from phytomass.inventory.suspicion import suspicious_trees

__all__ = [
    "ErrorModel",
    "ErrorSettings",
    "Inventory",
    "InventorySettings",
    "Outliers",
    "PlotDraws",
    "Remeasurement",
    "SubPlot",
    "Survey",
    "TableSource",
    "check_inventory",
    "design_of",
    "equivalent_diameter",
    "flag_outliers",
    "horizontal_area_ha",
    "per_hectare",
    "plot_draws",
    "plot_statistics",
    "plots_in_use",
    "plots_with_biomass",
    "read_controls",
    "read_inventory",
    "stress_of_plots",
    "survey_inventory",
    "suspicious_trees",
    "variance_shares",
    "with_stress",
    "write_form",
]
