"""Means of areas with few plots or none, which borrow from the others through a model.

A line of code belongs here if it estimates many small areas at once. The estimates hold under the
model alone, and say so.
"""

from phytomass.accounting.small_areas.area_level import AreaLevel, fay_herriot
from phytomass.accounting.small_areas.unit_level import UnitLevel, eblup

__all__ = ["AreaLevel", "UnitLevel", "eblup", "fay_herriot"]
