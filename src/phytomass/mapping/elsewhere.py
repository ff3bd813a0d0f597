"""Whether a model that was trained elsewhere fits the predictors here, and how far it must reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, Problem, nearest
from phytomass.features import PredictorStack
from phytomass.imagery import MappedArea
from phytomass.validation import AreaOfApplicability

SEEN = 200_000
"""Pixels, all over the map, whose predictors are compared with those of the training plots."""

NEAR = 20_000
"""Of them, those whose distance to the training plots is taken."""

ANY, APPLICABILITY = "any", "applicability"
"""Rows for all predictors together: outside the range of one or more; outside the area of
applicability (`phytomass.validation.AreaOfApplicability`)."""

ALIKE = {"unit": "unit", "sensor": "sensor", "formula": "formula"}
"""What a predictor of one name must have in common with that of training, where both say it."""


def refuse_others(trained: Iterable[Mapping[str, str]], here: Sequence[Mapping[str, str]]) -> None:
    """Refuse predictors that a model was not trained with.

    Parameters
    ----------
    trained, here : iterable of mapping
        name, sensor, formula and unit of the model's predictors, and of those of the stack.

    Raises
    ------
    InputError
        For every predictor that is missing, or is of another sensor, formula or unit.

    Examples
    --------
    >>> one = {"name": "VH", "sensor": "Sentinel-1", "formula": "", "unit": "dB"}
    >>> refuse_others([one], [one | {"unit": "1"}])
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: predictors: VH has unit '1', the model was trained with 'dB' → ...
    """
    known, problems = {layer["name"]: layer for layer in here}, []
    for layer in trained:
        name = layer["name"]
        if name not in known:
            remedy = nearest(name, list(known)) or f"the stack has {', '.join(known)}"
            what = f"no {name}, which the model was trained with"
            problems.append(Problem("predictors", what, remedy))
            continue
        for key, word in ALIKE.items():
            own, theirs = known[name].get(key, ""), layer.get(key, "")
            if own and theirs and own != theirs:
                what = f"{name} has {word} {own!r}, the model was trained with {theirs!r}"
                remedy = "prepare it as in training, or give another predictor another name"
                problems.append(Problem("predictors", what, remedy))
    if problems:
        raise InputError.of(problems)


@dataclass(frozen=True, eq=False)
class Reach:
    """How far a map lies from what its model was trained on.

    Parameters
    ----------
    table : DataFrame
        Rows of `model_distance.csv`: one per predictor, then `ANY` and `APPLICABILITY`.
    """

    table: pd.DataFrame

    def share(self, name: str) -> float:
        """Return the share of pixels outside, of a predictor or a row for all."""
        return float(self.table.set_index("predictor")["share_outside"][name])


def reach_of(
    stack: PredictorStack,
    names: Sequence[str],
    trained: NDArray[np.floating],
    sites: NDArray[Any] | None = None,
    area: MappedArea | None = None,
) -> Reach:
    """Compare the predictors of a map with those of the training plots.

    Parameters
    ----------
    stack : PredictorStack
        The predictors here; up to `SEEN` pixels, evenly over the map.
    names : sequence of str
        Those of the model, in order.
    trained : array, shape (n_plots, n_predictors)
        The predictors of the training plots.
    sites : array, shape (n_plots,), optional
        The site of each: distances between training plots are those to other sites.
    area : MappedArea, optional
        The pixels to map.

    Returns
    -------
    Reach
        Ranges of training, and shares of the pixels below and above them.

    Raises
    ------
    InputError
        If there is no pixel.
    """
    here = _pixels(stack, names, area)
    plots = np.asarray(trained, dtype=np.float64)
    low, high = plots.min(axis=0), plots.max(axis=0)
    below, above = here < low, here > high
    folds = None if sites is None or len(np.unique(sites)) < 2 else sites
    near = here[:: -(-len(here) // NEAR)]
    inside = AreaOfApplicability().fit(plots, folds=folds).predict(near)
    rows = {
        "predictor": [*names, ANY, APPLICABILITY],
        "training_low": [*low, np.nan, np.nan],
        "training_high": [*high, np.nan, np.nan],
        "here_low": [*here.min(axis=0), np.nan, np.nan],
        "here_high": [*here.max(axis=0), np.nan, np.nan],
        "share_below": [*below.mean(axis=0), np.nan, np.nan],
        "share_above": [*above.mean(axis=0), np.nan, np.nan],
        "share_outside": [
            *(below | above).mean(axis=0),
            (below | above).any(axis=1).mean(),
            1 - inside.mean(),
        ],
        "n": [len(here)] * (len(names) + 1) + [len(near)],
    }
    return Reach(pd.DataFrame(rows))


def _pixels(
    stack: PredictorStack, names: Sequence[str], area: MappedArea | None
) -> NDArray[np.float64]:
    """Return the predictors of every k-th pixel of the grid that is to be mapped."""
    rows, cols = stack.grid.shape
    step = -(-rows * cols // SEEN)
    found = []
    with stack.reader(names) as reader:
        inside = None if area is None else area.open()
        if inside is None:
            found = [_of_block(reader.read(b), b, cols, step, None) for b in reader.lattice]
        else:
            with inside as mask:
                found = [_of_block(reader.read(b), b, cols, step, mask(b)) for b in reader.lattice]
    pixels = np.concatenate(found)
    if not len(pixels):
        raise InputError("no pixel to map", where="map", remedy="check mask and nodata")
    return pixels


def _of_block(
    values: NDArray[np.float32],
    block: Any,
    cols: int,
    step: int,
    inside: NDArray[np.bool_] | None,
) -> NDArray[np.float64]:
    use = np.isfinite(values).all(axis=0)
    if inside is not None:
        use &= inside
    row = np.arange(block.row, block.row + block.rows)[:, None]
    use &= (row * cols + np.arange(block.col, block.col + block.cols)) % step == 0
    return np.asarray(values[:, use].T, dtype=np.float64)
