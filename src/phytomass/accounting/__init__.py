"""Numbers about areas: stock, change, profiles, potential, and a map against the truth.

A line of code belongs here if it turns a map or plots into a number about an area. Every number
carries its pool, kind, unit, area, statistic, period and method.
"""

from phytomass.accounting.area import area_change, area_estimates, planned_plots, sample_of
from phytomass.accounting.change import change_estimates, years_between
from phytomass.accounting.estimate import COLUMNS, Estimate, in_all_pools, table_of
from phytomass.accounting.headline import headlined
from phytomass.accounting.plots import plot_estimates
from phytomass.accounting.potential import PotentialSettings, potential_estimates
from phytomass.accounting.profiles import class_shares, elevation_profile, round_limits
from phytomass.accounting.shared import Shared
from phytomass.accounting.stand import by_size, by_species
from phytomass.accounting.summary import map_summary, truth_summary
from phytomass.accounting.truth import truth_scores
from phytomass.accounting.truth_difference import truth_difference
from phytomass.accounting.zones import ALL, OUTSIDE, Zones, check_zones, read_zones

__all__ = [
    "ALL",
    "COLUMNS",
    "OUTSIDE",
    "Estimate",
    "PotentialSettings",
    "Shared",
    "Zones",
    "area_change",
    "area_estimates",
    "by_size",
    "by_species",
    "change_estimates",
    "check_zones",
    "class_shares",
    "elevation_profile",
    "headlined",
    "in_all_pools",
    "map_summary",
    "planned_plots",
    "plot_estimates",
    "potential_estimates",
    "read_zones",
    "round_limits",
    "sample_of",
    "table_of",
    "truth_difference",
    "truth_scores",
    "truth_summary",
    "years_between",
]
