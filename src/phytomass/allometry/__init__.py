"""Trees to kilograms: equations as data records, names of taxa, wood density, one choice per tree.

An equation is a row of `equations.csv` (or of a project's own table in the same layout); nothing
about a species stands in code. Masses are aboveground dry mass in kg, diameters at breast height
in cm, heights in m, wood densities in g/cm³ (oven-dry mass over green volume).
"""

from phytomass.allometry.biomass import check_species, choose_equations, stress_of, tree_biomass
from phytomass.allometry.density import (
    DensityTable,
    density_of_species,
    families_of,
    load_wood_density,
    wood_density,
)
from phytomass.allometry.equations import AllometricEquation
from phytomass.allometry.fit import FittedEquation, fit_equation
from phytomass.allometry.forms import FORMS, Form
from phytomass.allometry.heights import LOADS as HEIGHT_LOADS
from phytomass.allometry.heights import (
    STRESS,
    HeightModel,
    HeightSettings,
    HeightWarning,
    compare_height_models,
    fill_heights,
    fit_heights,
)
from phytomass.allometry.settings import AllometrySettings
from phytomass.allometry.sites import SiteSpread, site_spread
from phytomass.allometry.spelling import names_of, resolve_name
from phytomass.allometry.table import load_equations
from phytomass.allometry.taxa import accepted_name, genus_of, group_of, known_taxa

__all__ = [
    "FORMS",
    "HEIGHT_LOADS",
    "STRESS",
    "AllometricEquation",
    "AllometrySettings",
    "DensityTable",
    "FittedEquation",
    "Form",
    "HeightModel",
    "HeightSettings",
    "HeightWarning",
    "SiteSpread",
    "accepted_name",
    "check_species",
    "choose_equations",
    "compare_height_models",
    "density_of_species",
    "families_of",
    "fill_heights",
    "fit_equation",
    "fit_heights",
    "genus_of",
    "group_of",
    "known_taxa",
    "load_equations",
    "load_wood_density",
    "names_of",
    "resolve_name",
    "site_spread",
    "stress_of",
    "tree_biomass",
    "wood_density",
]
