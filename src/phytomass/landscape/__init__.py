"""Simulated mountain landscapes with known truth: the embedded demo and a test bench.

`simulate` makes ground, forest at two dates, satellite scenes and field sheets that agree with
each other; `write_landscape` puts them into a folder. The trees weigh what the truth says by a law
of the landscape's own, and `ALLOMETRY` is what a project would use for them.
"""

from phytomass.landscape.law import ALLOMETRY
from phytomass.landscape.optical import LANDSAT_BANDS, SENTINEL2_BANDS
from phytomass.landscape.settings import LandscapeSettings
from phytomass.landscape.simulate import Landscape, simulate
from phytomass.landscape.write import write_landscape

__all__ = [
    "ALLOMETRY",
    "LANDSAT_BANDS",
    "SENTINEL2_BANDS",
    "Landscape",
    "LandscapeSettings",
    "simulate",
    "write_landscape",
]
