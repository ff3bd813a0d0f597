"""Features: the predictor stack on one grid, and samples of it at plots."""

from phytomass.features.build import Blocks, build_stack, compute_blocks, write_zarr
from phytomass.features.extract import Extraction, extract_samples, plots_outside
from phytomass.features.illumination import illumination_table
from phytomass.features.layers import Layer, predictor_sets
from phytomass.features.places import mapped_places
from phytomass.features.quicklook import write_quicklooks
from phytomass.features.sources import check_contents, check_stack, listed, source_files
from phytomass.features.stack import PredictorStack, StackReader, check_patch
from phytomass.features.suspicion import DARK, differing_dates, lacks_dark, suspicious_values
from phytomass.walk.geotiff import refuse_truncated
from phytomass.walk.workers import Workers

__all__ = [
    "DARK",
    "Blocks",
    "Extraction",
    "Layer",
    "PredictorStack",
    "StackReader",
    "Workers",
    "build_stack",
    "check_contents",
    "check_patch",
    "check_stack",
    "compute_blocks",
    "differing_dates",
    "extract_samples",
    "illumination_table",
    "lacks_dark",
    "listed",
    "mapped_places",
    "plots_outside",
    "predictor_sets",
    "refuse_truncated",
    "source_files",
    "suspicious_values",
    "write_quicklooks",
    "write_zarr",
]
