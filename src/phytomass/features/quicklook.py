"""Small pictures of the predictors, to look at before anything is modelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from phytomass.features.stack import PredictorStack
from phytomass.files import whole_file


def write_quicklooks(stack: PredictorStack, folder: Path, side: int = 512) -> list[Path]:
    """Write one grey PNG per predictor, from 2 % (dark) to 98 % (bright); no data is transparent.

    Parameters
    ----------
    stack : PredictorStack
        The stack.
    folder : Path
        Where; files are called `quicklook_<predictor>.png`.
    side : int
        Longest side in pixels; larger stacks are thinned out, not averaged.

    Returns
    -------
    list of Path
        The files, in order of the bands.
    """
    rows, cols = stack.grid.shape
    step = max(max(rows, cols) / side, 1.0)
    shape = (max(round(rows / step), 1), max(round(cols / step), 1))
    written = []
    for name, values in zip(stack.names, stack.thinned(shape), strict=True):
        path = folder / f"quicklook_{name}.png"
        with whole_file(path) as beside:
            _write_png(beside, values)
        written.append(path)
    return written


def _write_png(path: Path, values: np.ndarray) -> None:
    valid = np.isfinite(values)
    low, high = np.quantile(values[valid], [0.02, 0.98]) if valid.any() else (0.0, 1.0)
    stretched = np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255
    grey = np.where(valid, stretched, 0).astype(np.uint8)
    with Path(path).open("wb") as stream:
        Image.fromarray(np.dstack([grey, valid.astype(np.uint8) * 255])).save(stream, format="PNG")
