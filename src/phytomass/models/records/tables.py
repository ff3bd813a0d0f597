"""The models as data: titles, default parameters, grids for tuning, each with its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import pandas as pd

from phytomass.errors import InputError, nearest

Scalar = bool | int | float | str | None
"""A value a parameter may have in the project file."""


@dataclass(frozen=True)
class ModelRecord:
    """One model as the tables `models.csv` and `parameters.csv` of this room describe it.

    Parameters
    ----------
    name : str
        As in the project file.
    short : str
        As a report calls it.
    title : str
        In full.
    plots_base, plots_per_predictor : int
        Fewest plots to train on: ``plots_base + plots_per_predictor * n_predictors``.
    members : int
        Members of the ensemble that the uncertainty of a map is drawn with, unless a project says.
    defaults : mapping of str to scalar
        Parameters that differ from the library's own defaults.
    grid : mapping of str to tuple
        Values tried in tuning; empty where nothing is tuned.
    search : mapping of str to number
        Upper limits of costly parameters while tuning (trees of a forest): they do not change
        the ranking, and the model that is kept is fitted without them.
    source : str
        Where the model comes from.
    sources : mapping of str to str
        Where each default and grid comes from.
    """

    name: str
    short: str
    title: str
    plots_base: int
    plots_per_predictor: int
    members: int
    defaults: Mapping[str, Scalar]
    grid: Mapping[str, tuple[Scalar, ...]]
    search: Mapping[str, float]
    source: str
    sources: Mapping[str, str]


def read_table(name: str) -> list[dict[str, Any]]:
    """Read a table of this room as texts; each row must name its source.

    Raises
    ------
    InputError
        If a row has no source.
    """
    with files("phytomass.models").joinpath(name).open(encoding="utf-8") as stream:
        rows = pd.read_csv(stream, dtype=str, keep_default_na=False).to_dict("records")
    for number, row in enumerate(rows, start=2):
        if not row["source"]:
            raise InputError("no source", where=f"{name}, row {number}")
    return [{str(key): value for key, value in row.items()} for row in rows]


@cache
def records() -> Mapping[str, ModelRecord]:
    """Return all models by name, in the order of the table.

    Raises
    ------
    InputError
        If a row of the tables has no source or names an unknown model.

    Examples
    --------
    >>> records()["random_forest"].defaults["n_estimators"]
    500
    """
    models = {row["name"]: row for row in read_table("models.csv")}
    rows = read_table("parameters.csv")
    stray = {row["model"] for row in rows} - set(models)
    if stray:
        raise InputError(f"unknown model {', '.join(sorted(stray))}", where="parameters.csv")
    return MappingProxyType({name: _record(row, rows) for name, row in models.items()})


def _record(model: dict[str, Any], rows: list[dict[str, Any]]) -> ModelRecord:
    mine = [row for row in rows if row["model"] == model["name"]]
    return ModelRecord(
        name=model["name"],
        short=model["short"],
        title=model["title"],
        plots_base=int(model["plots_base"]),
        plots_per_predictor=int(model["plots_per_predictor"]),
        members=int(model["members"]),
        defaults=MappingProxyType({row["parameter"]: json.loads(row["default"]) for row in mine}),
        grid=MappingProxyType(
            {row["parameter"]: tuple(json.loads(row["grid"])) for row in mine if row["grid"]}
        ),
        search=MappingProxyType(
            {row["parameter"]: json.loads(row["search"]) for row in mine if row["search"]}
        ),
        source=model["source"],
        sources=MappingProxyType({row["parameter"]: row["source"] for row in mine}),
    )


def record_of(name: str) -> ModelRecord:
    """Return the record of one model.

    Raises
    ------
    InputError
        For an unknown name; says which ones there are.

    Examples
    --------
    >>> record_of("svr").title
    'Support vector regression (rbf kernel)'
    """
    known = records()
    if name not in known:
        hint = nearest(name, list(known))
        raise InputError(
            f"unknown model {name!r}",
            where="models",
            remedy=f"use one of {', '.join(known)}" + (f"; {hint}" if hint else ""),
        )
    return known[name]


NETWORKS = ("resnet", "vgg", "alexnet", "pixelnet")
"""Models that need torch."""

STACK = "stack"
"""The weighted mean of other models."""


def model_names() -> tuple[str, ...]:
    """Return the models that a project compares when it names none: those on one pixel, no torch.

    Examples
    --------
    >>> model_names()
    ('simple_linear', 'mlr', 'plsr', 'svr', 'random_forest', 'xgboost')
    """
    return tuple(name for name in records() if name not in (*NETWORKS, STACK))


def all_model_names() -> tuple[str, ...]:
    """Return the names of all models.

    Examples
    --------
    >>> all_model_names()[6:]
    ('resnet', 'vgg', 'alexnet', 'pixelnet', 'stack')
    """
    return tuple(records())


def minimum_plots(name: str, n_predictors: int) -> int:
    """Return the fewest plots a model can be trained on.

    Examples
    --------
    >>> minimum_plots("mlr", n_predictors=16), minimum_plots("simple_linear", n_predictors=16)
    (18, 3)
    """
    record = record_of(name)
    return record.plots_base + record.plots_per_predictor * n_predictors
