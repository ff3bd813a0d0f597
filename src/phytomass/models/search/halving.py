"""Tuning by successive halving: many candidates on little, the better third on three times as much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes the next line work
from sklearn.model_selection import HalvingRandomSearchCV

from phytomass.models.records.tables import Scalar
from phytomass.models.search.grid_search import GridSearch, squared_error

FACTOR = 3
"""A third of the candidates goes on, with three times the plots or epochs."""

LEAST = {"n_samples": 30, "epochs": 5}
"""Where a first round starts at the least: below, chance alone ranks the candidates."""


class HalvingSearch(GridSearch):
    """Successive halving over candidates drawn from a grid, on inner folds.

    The first round judges all candidates on few plots (`n_samples`), or networks on few epochs
    (a whole schedule of that length); the better third goes on to three times as much, until
    the last round has everything. All rounds cost the same: r of them cost r / 3^(r − 1) of judging
    every candidate on everything. A candidate that starts slowly may be lost.

    Parameters
    ----------
    estimator, grid, cv, lighter
        As in `GridSearch`; `grid` holds the values to draw from.
    candidates : int
        How many are drawn, without repeats; all of the grid where it holds fewer.
    epochs : (str, int), optional
        The parameter of the estimator that counts its epochs, and how many the last round has;
        plots are halved instead where there is none.
    random_state : int
        Fixes the candidates and the plots of the first rounds.

    Attributes
    ----------
    best_params_, best_estimator_
        As in `GridSearch`.
    rounds_ : list of (int, int)
        Candidates and plots (or epochs) of each round.

    References
    ----------
    Jamieson & Talwalkar 2016, AISTATS, 240-248 (from memory); scikit-learn's
    `HalvingRandomSearchCV`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> X = np.arange(270.0).reshape(-1, 1)
    >>> search = HalvingSearch(Ridge(), {"alpha": [1e7, 1e8, 1e9, 0.001]}, candidates=9, cv=3)
    >>> search = search.fit(X, 2 * X[:, 0])
    >>> search.best_params_, search.rounds_
    ({'alpha': 0.001}, [(4, 90), (2, 270)])
    """

    def __init__(
        self,
        estimator: Any,
        grid: Mapping[str, Sequence[Scalar]],
        cv: Any = 3,
        lighter: Mapping[str, Scalar] | None = None,
        candidates: int = 27,
        epochs: tuple[str, int] | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(estimator, grid, cv, lighter)
        self.candidates = candidates
        self.epochs = epochs
        self.random_state = random_state

    def _search(self, X: Any, y: Any, per_plot: dict[str, Any]) -> dict[str, Scalar]:
        resource, most = self.epochs or ("n_samples", len(y))
        drawn = min(self.candidates, math.prod(len(values) for values in self.grid.values()))
        search = HalvingRandomSearchCV(
            clone(self.estimator).set_params(**(self.lighter or {})),
            {key: list(values) for key, values in self.grid.items()},
            n_candidates=drawn,
            factor=FACTOR,
            resource=resource,
            max_resources=most,
            min_resources=self._least(drawn, most),
            scoring=squared_error(),
            cv=self.cv,
            n_jobs=1,
            refit=False,
            error_score="raise",
            random_state=self.random_state,
        ).fit(X, y, **per_plot)
        self.rounds_ = list(zip(search.n_candidates_, search.n_resources_, strict=True))
        return dict(search.best_params_)

    def _least(self, drawn: int, most: int) -> int:
        """Start so low that the last round has everything, but not below what can rank at all."""
        rounds = int(math.log(drawn, FACTOR) + 1e-9)
        floor = LEAST["epochs" if self.epochs else "n_samples"]
        while rounds and most // FACTOR**rounds < floor:
            rounds -= 1
        return max(1, most // int(FACTOR**rounds))
