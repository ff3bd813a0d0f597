"""Trees to kilograms: equations as data records, names of taxa, wood density, one choice per tree.

An equation is a row of `equations.csv` (or of a project's own table in the same layout); nothing
about a species stands in code. Masses are aboveground dry mass in kg, diameters at breast height
in cm, heights in m, wood densities in g/cm³ (oven-dry mass over green volume).
"""

from phytomass.allometry.biomass import check_species, choose_equations, tree_biomass
from phytomass.allometry.density import wood_density
from phytomass.allometry.equations import AllometricEquation
from phytomass.allometry.fit import FittedEquation, fit_equation
from phytomass.allometry.forms import FORMS, Form
from phytomass.allometry.settings import AllometrySettings
from phytomass.allometry.table import load_equations
from phytomass.allometry.taxa import accepted_name, genus_of, group_of, known_taxa

__all__ = [
    "FORMS",
    "AllometricEquation",
    "AllometrySettings",
    "FittedEquation",
    "Form",
    "accepted_name",
    "check_species",
    "choose_equations",
    "fit_equation",
    "genus_of",
    "group_of",
    "known_taxa",
    "load_equations",
    "tree_biomass",
    "wood_density",
]
