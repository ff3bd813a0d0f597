"""Field sheets to trees and plots: reading, checking every row, expansion to the hectare.

Rows that cannot be used come back as a table of rejected rows with the reason; mistakes that
would spoil a result (a wrong unit, a duplicate id) are one error that names file, rows and column.
"""

from phytomass.inventory.plots import plots_in_use, plots_with_biomass
from phytomass.inventory.read import Inventory, check_inventory, read_inventory
from phytomass.inventory.settings import InventorySettings, TableSource
from phytomass.inventory.statistics import Outliers, flag_outliers, plot_statistics

__all__ = [
    "Inventory",
    "InventorySettings",
    "Outliers",
    "TableSource",
    "check_inventory",
    "flag_outliers",
    "plot_statistics",
    "plots_in_use",
    "plots_with_biomass",
    "read_inventory",
]
