"""From a model's settings to an estimator, ready to fit or to tune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from phytomass.draws import seed_of
from phytomass.models.factories import FACTORIES, prefix_of
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor
from phytomass.models.records.tables import NETWORKS, Scalar, minimum_plots, record_of
from phytomass.models.search.grid_search import GridSearch
from phytomass.models.search.halving import HalvingSearch
from phytomass.models.settings import ModelSettings
from phytomass.models.stack.regressor import Member


def build_model(
    settings: ModelSettings,
    *,
    candidates: Sequence[str | int] | None = None,
    random_state: int = 0,
    threads: int = 1,
) -> Any:
    """Return an untrained estimator: a scikit-learn Pipeline whose last step is called ``model``.

    Parameters
    ----------
    settings : ModelSettings
        Name and fixed parameters; other parameters have the defaults of the room's tables.
    candidates : sequence of str or int, optional
        What `simple_linear` may choose from; other models ignore it.
    random_state : int
        Seed of the random models; the others ignore it.
    threads : int
        Threads that train the members of networks; their weights do not depend on it.

    Returns
    -------
    estimator
        With `fit` and `predict`.

    Examples
    --------
    >>> forest = build_model(ModelSettings(name="random_forest", parameters={"n_estimators": 20}))
    >>> forest["model"].n_estimators, round(forest["model"].max_features, 3)
    (20, 0.333)
    """
    estimator = FACTORIES[settings.name](candidates, random_state)
    if settings.members:
        members = _members(settings, candidates, random_state, threads)
        estimator.set_params(model__members=members)
    if settings.name in NETWORKS:
        estimator.set_params(model__n_jobs=threads)
    values = {**record_of(settings.name).defaults, **settings.parameters}
    prefix = prefix_of(settings.name)
    estimator.set_params(**{prefix + key: value for key, value in values.items()})
    if settings.neighbourhood:
        seeing = NeighbourhoodRegressor(estimator, tuple(settings.neighbourhood))
        return Pipeline([("model", seeing)])
    return estimator


def _prefix(settings: ModelSettings) -> str:
    """Return where the parameters of a model sit inside what `build_model` returns."""
    inside = "model__estimator__" if settings.neighbourhood else ""
    return inside + prefix_of(settings.name)


def _members(
    settings: ModelSettings,
    candidates: Sequence[str | int] | None,
    random_state: int,
    threads: int,
) -> list[Member]:
    return [
        Member(
            f"{number}_{one.key}",
            build_model(
                one,
                candidates=candidates,
                random_state=seed_of(random_state, "stack", number),
                threads=threads,
            ),
            patch_of(one) > 1,
        )
        for number, one in enumerate(settings.members)
    ]


def patch_of(settings: ModelSettings) -> int:
    """Return the side of the largest patch that a model may see; 1 for a model on one pixel alone.

    Examples
    --------
    >>> patch_of(ModelSettings(name="svr")), patch_of(ModelSettings(name="resnet"))
    (1, 11)
    >>> patch_of(ModelSettings(name="resnet", parameters={"patch": 15}))
    15
    >>> patch_of(ModelSettings(name="svr", neighbourhood=[3, 7]))
    7
    """
    if settings.members:
        return max(patch_of(member) for member in settings.members)
    values = {**record_of(settings.name).defaults, **settings.parameters}
    sides = [values.get("patch", 1), *grid_of(settings).get("patch", []), *settings.neighbourhood]
    return max(side for side in sides if isinstance(side, int))


def members_of(settings: ModelSettings) -> int:
    """Return the members of the largest ensemble of networks in a model; 0 where there is none.

    Examples
    --------
    >>> members_of(ModelSettings(name="svr")), members_of(ModelSettings(name="resnet"))
    (0, 5)
    """
    if settings.members:
        return max(members_of(member) for member in settings.members)
    if settings.name not in NETWORKS:
        return 0
    own = build_model(settings)["model"].n_members
    tried = [own, *grid_of(settings).get("n_members", [])]
    return max(number for number in tried if isinstance(number, int))


def plots_needed(settings: ModelSettings, n_predictors: int) -> int:
    """Return the fewest plots a model can be trained on, its neighbourhood means counted.

    Examples
    --------
    >>> plots_needed(ModelSettings(name="mlr", neighbourhood=[3, 7]), n_predictors=16)
    50
    """
    return minimum_plots(settings.name, n_predictors * (1 + len(settings.neighbourhood)))


def grid_of(settings: ModelSettings) -> dict[str, list[Scalar]]:
    """Return what is tuned, by parameter name; empty where nothing is.

    A parameter that the settings fix is not tuned. A grid in the settings replaces the whole
    default grid; an empty one switches tuning off.

    Examples
    --------
    >>> grid_of(ModelSettings(name="random_forest"))
    {'min_samples_leaf': [1, 2, 5]}
    >>> grid_of(ModelSettings(name="random_forest", parameters={"min_samples_leaf": 3}))
    {}
    """
    grid: Mapping[str, Sequence[Scalar]]
    grid = record_of(settings.name).grid if settings.grid is None else settings.grid
    return {key: list(values) for key, values in grid.items() if key not in settings.parameters}


def tuned(settings: ModelSettings, estimator: Any, inner_cv: Any, *, random_state: int = 0) -> Any:
    """Wrap an estimator in a search over the model's grid, or return it where there is none.

    Parameters
    ----------
    settings : ModelSettings
        Says what is tuned.
    estimator : estimator
        As `build_model` returns it.
    inner_cv : splitter or list of (train, test)
        Inner folds of the training part.
    random_state : int
        Seed of the candidates of a halving search.

    Returns
    -------
    estimator
        A `GridSearch`, a `HalvingSearch`, or the estimator itself.
    """
    grid = grid_of(settings)
    if not grid:
        return estimator
    prefix, record = _prefix(settings), record_of(settings.name)
    values = {**record.defaults, **settings.parameters}
    lighter = {
        prefix + key: most
        for key, most in record.search.items()
        if key not in grid and _exceeds(values[key], most)
    }
    tried = {prefix + key: listed for key, listed in grid.items()}
    if settings.search.method == "grid":
        return GridSearch(estimator, tried, inner_cv, lighter)
    return HalvingSearch(
        estimator,
        tried,
        inner_cv,
        lighter,
        candidates=settings.search.candidates,
        epochs=_epochs(settings, estimator, grid),
        random_state=random_state,
    )


def _epochs(
    settings: ModelSettings, estimator: Any, grid: Mapping[str, Any]
) -> tuple[str, int] | None:
    """Halve the epochs of networks, unless they are tuned themselves; of other models the plots."""
    if settings.name not in NETWORKS or "epochs" in grid:
        return None
    name = prefix_of(settings.name) + "epochs"
    return name, estimator.get_params()[name]


def _exceeds(value: Scalar, most: float) -> bool:
    return isinstance(value, int | float) and value > most


def chosen_parameters(settings: ModelSettings, fitted: Any) -> dict[str, Scalar]:
    """Return the parameters a fitted model has: defaults, fixed ones, tuned ones, and its windows.

    Parameters
    ----------
    settings : ModelSettings
        As given to `build_model`.
    fitted : estimator
        The fitted result of `tuned`.

    Examples
    --------
    >>> settings = ModelSettings(name="random_forest", grid={})
    >>> chosen_parameters(settings, build_model(settings))["n_estimators"]
    500
    """
    values: dict[str, Scalar] = {**record_of(settings.name).defaults, **settings.parameters}
    if settings.neighbourhood:
        values["neighbourhood"] = ", ".join(str(side) for side in settings.neighbourhood)
    prefix = _prefix(settings)
    best = fitted.best_params_ if isinstance(fitted, GridSearch) else {}
    if settings.members:
        last = fitted["model"]
        slopes = {f"{name}_slope": round(b, 6) for name, (_, b) in last.lines_.items()}
        return values | dict(last.weights_) | (slopes if last.calibrate else {})
    return values | {str(key).removeprefix(prefix): value for key, value in best.items()}
