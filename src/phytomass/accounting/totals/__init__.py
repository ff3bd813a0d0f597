"""Means, totals and changes of a map with their intervals.

A line of code belongs here if it makes an interval of the members of a map's ensemble: put right by
plots of a probability sample, or under the model alone.
"""

from phytomass.accounting.totals.assisted import Assisted, assisted_estimates
from phytomass.accounting.totals.change import with_change_errors
from phytomass.accounting.totals.cover import Cover, cover_estimates, cover_of
from phytomass.accounting.totals.masses import Factors
from phytomass.accounting.totals.model_based import (
    AGB_MAP,
    Modelled,
    modelled_estimates,
    residual_variogram,
)

__all__ = [
    "AGB_MAP",
    "Assisted",
    "Cover",
    "Factors",
    "Modelled",
    "assisted_estimates",
    "cover_estimates",
    "cover_of",
    "modelled_estimates",
    "residual_variogram",
    "with_change_errors",
]
