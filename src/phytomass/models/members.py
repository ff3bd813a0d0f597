"""A model as an ensemble over the draw index: member k learns draw k of what the plots share.

Each member is fitted to a bootstrap of the sites (or of the plots, where a plot is a site of its
own). The scatter of the plots, and in it their own errors, is carried by the bootstrap; draws are
those of the shared errors alone (methods review, section 5.9; Efron & Tibshirani 1993, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from phytomass.draws import seed_of, stream
from phytomass.errors import InputError
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor
from phytomass.models.training import Training
from phytomass.walk.workers import Workers

Array = NDArray[np.float64]
FORESTS = (RandomForestRegressor, ExtraTreesRegressor)


@dataclass(frozen=True, eq=False)
class Members:
    """The fitted members of an ensemble, and what each of them learned.

    Parameters
    ----------
    estimators : tuple of estimator
        One per member.
    drawn : array of int, shape (members, plots)
        How often each plot is in the bootstrap of each member.
    learned : array, shape (members, plots)
        Biomass of the plots under the member's draw of the shared errors, Mg/ha.
    at_plots : array, shape (members, plots)
        What each member predicts for each plot, Mg/ha.
    """

    estimators: tuple[Any, ...]
    drawn: NDArray[np.int64]
    learned: Array
    at_plots: Array

    def __len__(self) -> int:
        return len(self.estimators)

    @property
    def held_out(self) -> Array:
        """Mean prediction of each plot by the members that never saw its site; NaN without any."""
        out = self.drawn == 0
        count = out.sum(axis=0)
        total = np.where(out, self.at_plots, 0.0).sum(axis=0)
        mean: Array = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        return mean


def fit_members(
    estimator: Any,
    plots: Training,
    count: int,
    *,
    sites: ArrayLike | None = None,
    shared: ArrayLike | None = None,
    random_state: int = 0,
    jobs: int = 1,
) -> Members:
    """Fit the members of an ensemble.

    Together, the members of a forest have the trees of the forest, and those of an ensemble of
    networks its networks, so that they cost no more than it; other models are fitted `count` times.

    Parameters
    ----------
    estimator : estimator
        Any regressor with the parameters that were chosen for it, fitted or not.
    plots : Training
        All plots.
    count : int
        Members.
    sites : array, shape (plots,), optional
        What is drawn as a whole; the plots' groups if absent. A model that is tuned by spatial blocks
        has these as groups, and is drawn by site all the same.
    shared : array, shape (plots, draws), optional
        Draws of the plots in which only what they share varies, Mg/ha; member k learns draw k,
        about the plots' own values. Without them all members learn the plots' values.
    random_state : int
        Seed.
    jobs : int
        Threads; the members do not depend on it.

    Raises
    ------
    InputError
        If there are fewer than two members, fewer draws than members, or a single site.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> plots = Training.of([[0.0], [1.0], [2.0], [3.0]], [0.0, 9.0, 22.0, 29.0])
    >>> found = fit_members(LinearRegression(), plots, 20, shared=plots.y[:, None] * np.ones(20))
    >>> found.drawn.sum(axis=1).tolist() == [4] * 20, found.at_plots.shape
    (True, (20, 4))
    """
    learned = _learned(plots.y, count, shared)
    drawn_whole = plots.groups if sites is None else np.asarray(sites)
    rows = [_bootstrap(drawn_whole, stream(random_state, "bootstrap", k)) for k in range(count)]
    base = _thinned(clone(estimator), count)

    def one(k: int) -> tuple[int, Any]:
        taken = replace(plots, y=learned[k], y_draws=None).take(rows[k])
        made = _seeded(clone(base), seed_of(random_state, "member", k))
        return k, taken.fit(made)

    with threadpool_limits(1), Workers(min(jobs, count)).pool() as pool:
        fitted = dict(pool.run(one, [(k,) for k in range(count)]))
        estimators = tuple(fitted[k] for k in range(count))
        at_plots = np.array([np.ravel(each.predict(plots.X)) for each in estimators])
    drawn = np.array([np.bincount(own, minlength=len(plots)) for own in rows])
    return Members(estimators, drawn, learned, at_plots)


def joined(members: Sequence[Any]) -> Any | None:
    """Return the members of a forest as the one forest of all their trees, in order.

    Its prediction is the mean of theirs: all have as many trees. None for other models.

    Examples
    --------
    >>> plots = Training.of(np.arange(20.0)[:, None], np.arange(20.0))
    >>> found = fit_members(RandomForestRegressor(40, random_state=0), plots, 10)
    >>> whole = joined(found.estimators)
    >>> len(whole.estimators_), bool(np.allclose(whole.predict(plots.X), found.at_plots.mean(0)))
    (40, True)
    """
    first, made = members[0], copy(members[0])
    if type(first) in FORESTS:
        made.estimators_ = [tree for one in members for tree in one.estimators_]
        return made.set_params(n_estimators=len(made.estimators_))
    if type(first) is Pipeline and len(first.steps) == 1:
        whole = joined([one.steps[0][1] for one in members])
        if whole is not None:
            made.steps = [(first.steps[0][0], whole)]
    elif type(first) is NeighbourhoodRegressor:
        whole = made.estimator_ = joined([one.estimator_ for one in members])
    else:
        return None
    return None if whole is None else made


def _learned(y: Array, count: int, shared: ArrayLike | None) -> Array:
    if count < 2:
        raise InputError(f"an ensemble needs 2 or more members, not {count}", where="map.members")
    if shared is None:
        return np.tile(y, (count, 1))
    draws = np.asarray(shared, np.float64)
    if draws.shape[1] < count:
        raise InputError(
            f"{count} members, and the plots have {draws.shape[1]} draws",
            where="map.members",
            remedy="ask for fewer members, or for more draws (inventory.errors.draws)",
        )
    taken = draws[:, :count]
    centre = taken.mean(axis=1)
    ratio = np.divide(taken.T, centre, out=np.ones(taken.T.shape), where=centre > 0)
    return np.asarray(y * ratio)


def _bootstrap(groups: NDArray[Any], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return positions of the plots of sites drawn with replacement, two sites or more."""
    sites, own = np.unique(groups, return_inverse=True)
    if len(sites) < 2:
        raise InputError("all plots are of one site: an ensemble needs two", where="map.members")
    order = np.argsort(own, kind="stable")
    of_site = np.split(order, np.cumsum(np.bincount(own))[:-1])
    chosen = rng.integers(0, len(sites), len(sites))
    while len(np.unique(chosen)) < 2:
        chosen = rng.integers(0, len(sites), len(sites))
    return np.concatenate([of_site[site] for site in np.sort(chosen)])


def _thinned(estimator: Any, count: int) -> Any:
    """Share the trees of forests, and the networks of an ensemble, between the members.

    Trees of a member grow on all of its bootstrap: they differ by the predictors that they try.
    """
    given = estimator.get_params(deep=True)
    changed: dict[str, Any] = {}
    for name, part in {"": estimator, **given}.items():
        prefix = f"{name}__" if name else ""
        if isinstance(part, FORESTS):
            changed[f"{prefix}n_estimators"] = max(round(part.n_estimators / count), 1)
            changed[f"{prefix}bootstrap"] = False
            changed[f"{prefix}max_samples"] = None
    networks = {name: n for name, n in given.items() if name.rpartition("__")[2] == "n_members"}
    changed.update({name: max(round(n / count), 1) for name, n in networks.items()})
    return estimator.set_params(**changed)


def _seeded(estimator: Any, seed: int) -> Any:
    names = [one for one in estimator.get_params() if one.rpartition("__")[2] == "random_state"]
    return estimator.set_params(**{name: seed_of(seed, name) for name in sorted(names)})
