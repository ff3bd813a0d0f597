"""phytomass: forest field plots and satellite images to biomass and carbon.

The names below are what a notebook needs (docs/python.md puts them to work); each is imported when
it is first used, so that `import phytomass` takes no time. What else there is lives in the rooms.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__: str

__all__ = [
    "VGG",
    "AlexNet",
    "AllometrySettings",
    "CarbonSettings",
    "Draws",
    "ErrorModel",
    "ErrorSettings",
    "ModelSettings",
    "PixelNet",
    "PredictorStack",
    "ResNet",
    "SpatialBlockKFold",
    "ValidationSettings",
    "__version__",
    "build_model",
    "check_project",
    "choose",
    "compare",
    "composite",
    "draw_map",
    "draw_predictions",
    "evaluate",
    "extract_samples",
    "find_index",
    "fit_equation",
    "glcm",
    "grid_from_bounds",
    "improved_sigma",
    "lee",
    "load_equations",
    "map_summary",
    "open_project",
    "plot_draws",
    "plot_estimates",
    "predict_map",
    "refined_lee",
    "run",
    "slope_aspect_deg",
    "to_pool",
    "tree_biomass",
    "wood_density",
    "write_report",
]

_HOMES = {
    "accounting": ("map_summary", "plot_estimates"),
    "allometry": (
        *("AllometrySettings", "fit_equation", "load_equations", "tree_biomass", "wood_density"),
    ),
    "carbon": ("CarbonSettings", "to_pool"),
    "draws": ("Draws",),
    "experiments": ("choose", "compare"),
    "features": ("PredictorStack", "extract_samples"),
    "grid": ("grid_from_bounds",),
    "imagery": ("composite", "evaluate", "find_index", "glcm", "slope_aspect_deg"),
    "imagery.pixels.speckle.filters": ("improved_sigma", "lee", "refined_lee"),
    "inventory": ("ErrorModel", "ErrorSettings", "plot_draws"),
    "mapping": ("predict_map",),
    "models": ("ModelSettings", "build_model"),
    "models.patch_cnn": ("AlexNet", "PixelNet", "ResNet", "VGG"),
    "report": ("draw_map", "draw_predictions", "write_report"),
    "validation": ("SpatialBlockKFold", "ValidationSettings"),
    "workflow": ("check_project", "open_project", "run"),
}
"""Module → the names that it lends to the package."""

if TYPE_CHECKING:
    from phytomass.accounting import map_summary, plot_estimates
    from phytomass.allometry import (
        AllometrySettings,
        fit_equation,
        load_equations,
        tree_biomass,
        wood_density,
    )
    from phytomass.carbon import CarbonSettings, to_pool
    from phytomass.draws import Draws
    from phytomass.experiments import choose, compare
    from phytomass.features import PredictorStack, extract_samples
    from phytomass.grid import grid_from_bounds
    from phytomass.imagery import composite, evaluate, find_index, glcm, slope_aspect_deg
    from phytomass.imagery.pixels.speckle.filters import improved_sigma, lee, refined_lee
    from phytomass.inventory import ErrorModel, ErrorSettings, plot_draws
    from phytomass.mapping import predict_map
    from phytomass.models import ModelSettings, build_model
    from phytomass.models.patch_cnn import VGG, AlexNet, PixelNet, ResNet
    from phytomass.report import draw_map, draw_predictions, write_report
    from phytomass.validation import SpatialBlockKFold, ValidationSettings
    from phytomass.workflow import check_project, open_project, run
else:  # mypy would take any name at all for one of the package's

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version  # a tenth of a second that most do not need

            return version("phytomass")
        for home, names in _HOMES.items():
            if name in names:
                if home == "report":
                    from phytomass.extras import require

                    require("report", "figures and reports")
                return getattr(import_module(f"phytomass.{home}"), name)
        raise AttributeError(f"module 'phytomass' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
