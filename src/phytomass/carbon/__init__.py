"""Biomass to carbon: pools (above, below ground, total), kinds (dry mass, C, CO₂e) and factors.

A quantity is always said with its pool and its kind; the names of the columns carry both, and
`POOLS` spells them out. Every factor carries its unit and source.
"""

from phytomass.carbon.below import root_draws
from phytomass.carbon.dead import DEAD_POOLS, LITTER_CARBON, dead_columns, dead_pools, to_dead
from phytomass.carbon.factors import CarbonSettings, Factor
from phytomass.carbon.pools import (
    KIND_UNITS,
    POOLS,
    Kind,
    Pool,
    PoolColumn,
    add_pools,
    is_proportional,
    pool_factor,
    to_pool,
)
from phytomass.carbon.roots import class_ratio, log_normal, mokany, root_classes

__all__ = [
    "DEAD_POOLS",
    "KIND_UNITS",
    "LITTER_CARBON",
    "POOLS",
    "CarbonSettings",
    "Factor",
    "Kind",
    "Pool",
    "PoolColumn",
    "add_pools",
    "class_ratio",
    "dead_columns",
    "dead_pools",
    "is_proportional",
    "log_normal",
    "mokany",
    "pool_factor",
    "root_classes",
    "root_draws",
    "to_dead",
    "to_pool",
]
