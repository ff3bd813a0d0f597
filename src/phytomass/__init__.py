"""phytomass: forest field plots and satellite images to biomass and carbon."""

from importlib.metadata import version

__version__ = version("phytomass")

__all__ = ["__version__"]
