"""What the steps are called and which results each may write: light, for the command line's help."""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "plots": "trees and plots to biomass and carbon per hectare",
    "stack": "rasters, indices and terrain to one predictor stack",
    "compare": "models and predictor sets judged on the same folds",
    "map": "the best model over the whole grid",
    "account": "maps and plots to stock, change, profile and potential",
    "report": "tables and figures to one page",
}
"""Step, in order → what it does."""

OF_IMAGES = frozenset({"stack", "compare", "map"})
"""Steps that a study of plots alone does not have."""

SHARED_DRAWS = "plot_shared_draws.zarr"
"""Draws of the plots in which only what all of them share varies."""

SHARED_BEFORE = "plot_shared_draws_before.zarr"
"""The same draws of the trees as they were at the earlier date."""

ZONE_DRAWS = "zone_draws.zarr"
"""Sums over zones of the maps of all members of the ensemble, and their predictions of the plots."""

WRITES: Mapping[str, tuple[str, ...]] = {
    "plots": (
        "plots.csv",
        "plots.gpkg",
        "plot_draws.zarr",
        SHARED_DRAWS,
        SHARED_BEFORE,
        "plot_change.csv",
        "plot_statistics.csv",
        "tree_growth.csv",
        "trees.csv",
        "species_names.csv",
        "suspicious_rows.csv",
        "rejected_rows.csv",
        "repaired_cells.csv",
        "rejected_trees.csv",
        "field_error.csv",
        "error_shares.csv",
        "draw_counts.csv",
        "control_measurements.csv",
    ),
    "stack": (
        "predictors",
        "predictors.csv",
        "predictors.tif",
        "predictors.zarr",
        "predictors_before",
        "predictors_before.csv",
        "predictors_before.tif",
        "predictors_before.zarr",
        "illumination.csv",
        "quicklooks",
        "scenes.csv",
    ),
    "compare": (
        "correlations.csv",
        "model_choice.json",
        "model_comparison.csv",
        "model_tables.csv",
        "plots_left_out.csv",
        "predictions.csv",
        "sensor_comparison.csv",
    ),
    "map": (
        "agb.tif",
        "agb_before.tif",
        "agb_before_uncertainty.tif",
        "agb_change.tif",
        "agb_uncertainty.tif",
        "map_model",
        "map_model.json",
        "map_network.json",
        "map_network.safetensors",
        "model_distance.csv",
        "reliability.csv",
        "stac_item.json",
        "truth_comparison.csv",
        "truth_differences.csv",
        "zone_draws.zarr",
    ),
    "account": (
        "class_shares.csv",
        "elevation_profile.csv",
        "estimates.csv",
        "plots_needed.csv",
        "species_classes.csv",
        "size_classes.csv",
    ),
    "report": ("report.html", "README.txt"),
}
"""Step → every file or folder it may write. Nothing else in a results folder is moved or removed."""
