"""Splits that keep sites and neighbourhoods whole, with scikit-learn's splitter interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.draws import stream
from phytomass.errors import InputError
from phytomass.validation.blocks import block_labels, choose_block_size

Indices = NDArray[np.int64]


def _groups(X: Any, groups: ArrayLike | None) -> NDArray[np.str_]:
    n = len(X)
    if groups is None:
        return np.array([str(i) for i in range(n)])
    names = np.asarray(groups).astype(str)
    if names.shape != (n,):
        raise InputError(f"groups has shape {names.shape}, expected ({n},)", where="groups")
    return names


def balanced(
    groups: NDArray[np.str_], n_splits: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give each group a fold: random order, larger groups first, always to the emptiest fold."""
    names, member, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    order = order[np.argsort(-size[order], kind="stable")]
    fold_of = np.empty(len(names), dtype=np.int64)
    filled = np.zeros(n_splits, dtype=np.int64)
    for group in order:
        fold_of[group] = int(np.argmin(filled))
        filled[fold_of[group]] += size[group]
    by_plot: NDArray[np.int64] = fold_of[member]
    return by_plot


@dataclass(frozen=True)
class GroupHoldout:
    """Keep whole groups aside once, until they hold about `test_share` of the plots.

    The afforestation paper's 70/30 split, with the plots of one site on one side: plots of one
    site resemble each other, and a site split between both sides makes a model look too good.

    Parameters
    ----------
    test_share : float, default 0.3
        Wanted share of the plots in the test part.
    random_state : int, default 0
        Seed.

    Examples
    --------
    >>> import numpy as np
    >>> sites = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    >>> train, test = next(GroupHoldout(0.4).split(np.zeros((10, 1)), groups=sites))
    >>> len(train), len(test), set(np.array(sites)[train]) & set(np.array(sites)[test])
    (6, 4, set())
    """

    test_share: float = 0.3
    random_state: int = 0

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Indices, Indices]]:
        """Yield one (train, test) pair of positions.

        Parameters
        ----------
        X : array, shape (n, …)
            Only its length is used.
        y : ignored
        groups : array, shape (n,), optional
            Site of each plot; every plot its own when left out.

        Raises
        ------
        InputError
            If there are fewer than two groups.
        """
        names, member, size = np.unique(_groups(X, groups), return_inverse=True, return_counts=True)
        if len(names) < 2:
            raise InputError(
                f"a hold-out by site needs plots of 2 or more sites, found {len(names)}",
                where="validation.splits",
                remedy="leave holdout_by_site out, or check the column of sites",
            )
        order = stream(self.random_state, "holdout").permutation(len(names))
        reached = np.cumsum(size[order])
        wanted = self.test_share * reached[-1]
        taken = 1 + int(np.argmin(np.abs(reached[:-1] - wanted)))
        in_test = np.isin(member, order[:taken])
        yield np.flatnonzero(~in_test), np.flatnonzero(in_test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return 1."""
        return 1


@dataclass(frozen=True)
class RepeatedGroupKFold:
    """Random k folds of whole groups, repeated with other folds; plots balanced over the folds.

    Without groups (or where each plot is its own group) this is plain repeated k-fold. A plot's
    folds depend on the names of the groups and the seed, not on the order of the rows.

    Parameters
    ----------
    n_splits : int, default 5
        Folds.
    n_repeats : int, default 2
        Repeats.
    random_state : int, default 0
        Seed.

    Examples
    --------
    >>> import numpy as np
    >>> folds = RepeatedGroupKFold(n_splits=3, n_repeats=1).split(np.zeros((9, 1)))
    >>> sorted(np.concatenate([test for _, test in folds]).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """

    n_splits: int = 5
    n_repeats: int = 2
    random_state: int = 0

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Indices, Indices]]:
        """Yield `n_splits` (train, test) pairs for each repeat.

        Parameters
        ----------
        X : array, shape (n, …)
            Only its length is used.
        y : ignored
        groups : array, shape (n,), optional
            Site of each plot; every plot its own when left out.

        Raises
        ------
        InputError
            If there are fewer groups than folds.
        """
        names = _groups(X, groups)
        found = len(np.unique(names))
        if found < self.n_splits:
            raise InputError(
                f"{self.n_splits} folds need plots of {self.n_splits} or more sites or blocks,"
                f" found {found}",
                where="validation.n_splits",
                remedy="use fewer folds, or more plots",
            )
        for repeat in range(self.n_repeats):
            fold_of = balanced(names, self.n_splits, stream(self.random_state, "kfold", repeat))
            for fold in range(self.n_splits):
                yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return folds times repeats."""
        return self.n_splits * self.n_repeats


@dataclass(frozen=True)
class SpatialBlockKFold:
    """K folds of square blocks of land: what a map must do, predict where no plot is near.

    Sites stay whole: each goes with the block that holds its centre. Blocks are dealt to the
    folds at random, so that each fold gets about the same number of plots.

    Parameters
    ----------
    n_splits : int, default 5
        Folds.
    block_size_m : float, optional
        Side of the blocks, metres; chosen by `choose_block_size` when left out.
    random_state : int, default 0
        Seed.

    References
    ----------
    Roberts et al. 2017, Ecography 40, 913-929; Ploton et al. 2020, Nat. Commun. 11, 4540.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.array([[e, n] for e in (5.0, 15.0, 25.0) for n in (5.0, 15.0, 25.0)])
    >>> splitter = SpatialBlockKFold(n_splits=3, block_size_m=8)
    >>> [len(test) for _, test in splitter.split(places)]
    [3, 3, 3]
    """

    n_splits: int = 5
    block_size_m: float | None = None
    random_state: int = 0

    def blocks(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> tuple[NDArray[np.str_], str]:
        """Name each plot's block, and say how large blocks are and why.

        Parameters
        ----------
        X : array, shape (n, 2)
            Easting and northing, metres (as in verde, not the predictors).
        y : array, shape (n,), optional
            Biomass, for the variogram; without it the extent alone decides.
        groups : array, shape (n,), optional
            Site of each plot.

        Raises
        ------
        InputError
            If coordinates are missing, or fewer blocks than folds hold plots.
        """
        places = np.asarray(X, dtype=np.float64)
        if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
            raise InputError("spatial blocks need an easting and a northing of every plot")
        sites = _groups(places, groups)
        if self.block_size_m is None:
            values = np.zeros(len(places)) if y is None else np.asarray(y, dtype=np.float64)
            side, why = choose_block_size(places, values, sites, self.n_splits)
        else:
            side, why = self.block_size_m, "as set"
        labels = block_labels(places, sites, side)
        found = len(np.unique(labels))
        if found < self.n_splits:
            raise InputError(
                f"spatial_blocks with {self.n_splits} folds needs {self.n_splits} or more blocks"
                f" that hold plots; blocks of {side:.0f} m give {found}",
                where="validation.block_size_m",
                remedy="choose smaller blocks or fewer folds",
            )
        return labels, f"{found} blocks of {side:.0f} m ({why})"

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Indices, Indices]]:
        """Yield `n_splits` (train, test) pairs; arguments as in `blocks`."""
        labels, _ = self.blocks(X, y, groups)
        yield from RepeatedGroupKFold(self.n_splits, 1, self.random_state).split(labels, y, labels)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return self.n_splits
