"""What predicts the pixels of a block: an engine, made of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.mapping.dense import FieldRegressor

Array = NDArray[np.float64]


class Regressor(Protocol):
    """Anything with scikit-learn's `predict`."""

    def predict(self, X: Any) -> Any:
        """Predict one value per row."""


class Engine(Protocol):
    """Predicts pixels; the number of a pixel does not depend on which others are asked for."""

    @property
    def halo(self) -> int:
        """Pixels it sees on each side of a pixel."""

    def predict(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Array:
        """Predict some pixels of a block.

        Parameters
        ----------
        values : array, shape (predictors, rows + 2 halo, cols + 2 halo)
            Complete where `use` is true.
        use : array of bool, shape (rows, cols)
            The pixels.

        Returns
        -------
        array, shape (number of pixels in use,)
            Mg/ha, row by row.
        """


@dataclass(frozen=True)
class ByPredict:
    """The model's own `predict`, with the names of the columns where it was fitted with names."""

    model: Regressor
    names: tuple[str, ...] = ()
    halo: int = 0

    @classmethod
    def of(cls, model: Regressor, names: Sequence[str]) -> ByPredict:
        """Make the engine of any fitted regressor."""
        return cls(model, tuple(names) if hasattr(model, "feature_names_in_") else ())

    def predict(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Array:
        """Predict some pixels of a block."""
        return self.rows(values[:, use].T.astype(np.float64))

    def rows(self, X: Array) -> Array:
        """Predict rows of shape (n, predictors)."""
        table = pd.DataFrame(X, columns=list(self.names)) if self.names else X
        return np.asarray(self.model.predict(table), dtype=np.float64).ravel()


@dataclass(frozen=True)
class ByField:
    """A model that sees a neighbourhood, over the whole block at once."""

    model: FieldRegressor

    @property
    def halo(self) -> int:
        """Pixels it sees on each side of a pixel."""
        return self.model.halo_

    def predict(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Array:
        """Predict some pixels of a block."""
        return self.model.predict_field(values)[use]
