"""Folds whose test plots lie as far from training plots as the pixels of the map do from plots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial import cKDTree
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn.cluster import KMeans

from phytomass.draws import stream
from phytomass.errors import InputError, Problem
from phytomass.validation.splits import Indices, balanced

Array = NDArray[np.float64]

CANDIDATES = 100
"""Numbers of clusters that are tried, evenly on a logarithmic scale."""

LARGEST_SHARE = 0.5
"""No fold holds a larger share of the plots."""

LIKELY = 0.05
"""Plots that lie as near to each other as the map to plots, by this p, get random folds."""


MOST_NEIGHBOURS = 20
"""Up to so many plots in each part, all neighbours of a plot are asked for at once."""


@dataclass(frozen=True, eq=False)
class DistanceMatchedFolds:
    """Folds matched to the distances from the map to the plots.

    Parameters
    ----------
    fold : array of int, shape (n,)
        Of each plot, from 0.
    units : array of str, shape (n,)
        What was never divided: the cluster of each plot, or its site where folds are random.
    distance_m : float
        Wasserstein's W between the distances from test to training plots and those from the map
        to plots, metres: 0 where both are distributed alike.
    n_clusters : int, optional
        Clusters of sites that were dealt to the folds; None for random folds.
    """

    fold: NDArray[np.int64]
    units: NDArray[np.str_]
    distance_m: float
    n_clusters: int | None

    def split(self, *_: object) -> Iterator[tuple[Indices, Indices]]:
        """Yield one (train, test) pair of positions for each fold."""
        for fold in range(int(self.fold.max()) + 1):
            yield np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)


def distance_matched_folds(
    coordinates: Array,
    domain: Array,
    groups: NDArray[np.str_],
    n_splits: int = 5,
    *,
    clustering: Literal["hierarchical", "kmeans"] = "hierarchical",
    largest_share: float = LARGEST_SHARE,
    random_state: int = 0,
) -> DistanceMatchedFolds:
    """Make folds by k-fold nearest neighbour distance matching (kNNDM).

    The sites are clustered by their centres, into about 100 numbers of clusters between the number
    of folds and the number of sites minus 2. Clusters that fill a fold get one of their own; the
    others are dealt to the rest in turn, in the order of their first principal component. Of the
    divisions without a fold above `largest_share`, the one is taken whose distances from test to
    nearest training plot are most like those from the map to its nearest plot (smallest W). Where
    the plots lie no nearer to other sites than the map does to plots (Kolmogorov-Smirnov,
    one-sided, p of 0.05 or more), random folds of sites already match, and are taken.

    Parameters
    ----------
    coordinates : array, shape (n, 2)
        Easting and northing of the plots, metres.
    domain : array, shape (m, 2)
        Easting and northing of places that the map predicts, metres: a sample of its pixels.
    groups : array of str, shape (n,)
        Site of each plot; sites stay whole.
    n_splits : int
        Folds.
    clustering : str
        Ward's hierarchical clusters, or k-means.
    largest_share : float
        Of the plots in one fold.
    random_state : int
        Seed of random folds and of k-means.

    Raises
    ------
    InputError
        If there are too few sites, one site is larger than a fold may be, or no division keeps to
        the largest share.

    References
    ----------
    Linnenbrink et al. 2024, Geosci. Model Dev. 17, 5897-5912.

    Examples
    --------
    >>> plots = np.array([[1, 1], [1, 2], [2, 2], [2, 3], [1, 4], [5, 4]], dtype=float)
    >>> pixels = np.array([[e, n] for e in range(10) for n in range(10)], dtype=float)
    >>> sites = np.array(list("abcdef"))
    >>> found = distance_matched_folds(plots, pixels, sites, 2, largest_share=0.8)
    >>> found.fold.tolist(), found.n_clusters
    ([0, 0, 0, 0, 1, 1], 3)
    """
    _check(coordinates, domain, groups, n_splits, largest_share)
    sites, member, size = np.unique(groups, return_inverse=True, return_counts=True)
    to_plots = np.asarray(cKDTree(coordinates).query(domain)[0], dtype=np.float64)
    between = _distances(coordinates, member)
    if ks_2samp(between, to_plots, alternative="greater").pvalue >= LIKELY:
        fold = balanced(groups, n_splits, stream(random_state, "knndm"))
        w = float(wasserstein_distance(_distances(coordinates, fold), to_plots))
        return DistanceMatchedFolds(fold, groups, w, None)
    centres = np.column_stack([np.bincount(member, axis) / size for axis in coordinates.T])
    found = []
    for count in _counts(n_splits, len(sites)):
        cluster = _clusters(centres, int(count), clustering, random_state)[member]
        fold = _dealt(cluster, coordinates, n_splits)
        if np.bincount(fold).max() <= largest_share * len(fold):
            w = float(wasserstein_distance(_distances(coordinates, fold), to_plots))
            found.append(DistanceMatchedFolds(fold, cluster.astype(str), w, int(count)))
    if not found:
        raise InputError(
            f"no division of the sites into {n_splits} folds leaves each with at most"
            f" {100 * largest_share:.0f} % of the plots",
            where="validation.n_splits",
            remedy="leave knndm out of validation.splits, or use spatial_blocks",
        )
    return min(found, key=lambda one: one.distance_m)


def _check(
    coordinates: Array, domain: Array, groups: NDArray[np.str_], n_splits: int, share: float
) -> None:
    if not (np.isfinite(coordinates).all() and np.isfinite(domain).all() and len(domain)):
        raise InputError("kNNDM needs an easting and a northing of every plot and of map pixels")
    names, size = np.unique(groups, return_counts=True)
    problems = [
        Problem(
            f"site {name}",
            f"holds {n} of {len(groups)} plots; a fold of knndm may hold {100 * share:.0f} %",
            "check the column of sites, or leave knndm out of validation.splits",
        )
        for name, n in zip(names, size, strict=True)
        if n > share * len(groups)
    ]
    if len(names) < n_splits + 2:
        problems.append(
            Problem(
                "validation.n_splits",
                f"knndm with {n_splits} folds needs plots of {n_splits + 2} or more sites,"
                f" found {len(names)}",
                "use fewer folds, or leave knndm out of validation.splits",
            )
        )
    if problems:
        raise InputError.of(problems)


def _counts(n_splits: int, n_sites: int) -> NDArray[np.int64]:
    logs = np.linspace(np.log(n_splits), np.log(n_sites - 2), CANDIDATES)
    return np.unique(np.round(np.exp(logs)).astype(np.int64))


def _clusters(centres: Array, count: int, how: str, seed: int) -> NDArray[np.int64]:
    if how == "kmeans":
        fitted = KMeans(count, n_init=10, random_state=seed).fit(centres)
        return np.asarray(fitted.labels_, dtype=np.int64)
    return np.asarray(cut_tree(linkage(centres, "ward"), [count])[:, 0], dtype=np.int64)


def _dealt(cluster: NDArray[np.int64], coordinates: Array, n_splits: int) -> NDArray[np.int64]:
    """Give each cluster a fold: large ones their own, the others in turn along the main axis."""
    away = coordinates - coordinates.mean(axis=0)
    axis = np.linalg.svd(away, full_matrices=False)[2][0]
    axis = axis * np.sign(axis[np.argmax(np.abs(axis))])  # whichever way the library points it
    size = np.bincount(cluster)
    order = np.argsort(np.bincount(cluster, away @ axis) / size, kind="stable")
    large = size[order] >= len(cluster) / n_splits
    fold_of = np.empty(len(size), dtype=np.int64)
    fold_of[order[large]] = np.arange(large.sum())
    rest = np.arange(large.sum(), n_splits)
    small = order[~large]
    fold_of[small] = np.resize(rest, len(small)) if len(small) else rest[:0]
    by_plot: NDArray[np.int64] = fold_of[cluster]
    return by_plot


def _distances(coordinates: Array, part: NDArray[np.int64]) -> Array:
    """Return the distance from each plot to the nearest one of another part."""
    largest = int(np.bincount(part).max())
    if largest <= MOST_NEIGHBOURS:  # many small parts: one of the next plots is of another
        distance, index = cKDTree(coordinates).query(coordinates, 1 + largest)
        other = part[np.asarray(index)] != part[:, None]
        return np.asarray(np.where(other, distance, np.inf).min(axis=1), dtype=np.float64)
    nearest = np.empty(len(part))
    for one in np.unique(part):
        own = part == one
        nearest[own] = cKDTree(coordinates[~own]).query(coordinates[own])[0]
    return nearest
