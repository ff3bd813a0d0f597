"""Features: the predictor stack on one grid, and samples of it at plots."""

from phytomass.features.cube import write_zarr
from phytomass.features.extract import Extraction, extract_samples, plots_outside
from phytomass.features.layers import Layer, predictor_sets
from phytomass.features.quicklook import write_quicklooks
from phytomass.features.samples import Patches, Samples
from phytomass.features.sources import check_contents, check_stack, listed
from phytomass.features.stack import PredictorStack, StackReader, build_stack, check_patch

__all__ = [
    "Extraction",
    "Layer",
    "Patches",
    "PredictorStack",
    "Samples",
    "StackReader",
    "build_stack",
    "check_contents",
    "check_patch",
    "check_stack",
    "extract_samples",
    "listed",
    "plots_outside",
    "predictor_sets",
    "write_quicklooks",
    "write_zarr",
]
