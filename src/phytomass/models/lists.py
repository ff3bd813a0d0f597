"""Lists of models by name, and the comparison tables of the publications they come from, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from phytomass.errors import InputError, nearest
from phytomass.models.records.tables import read_table
from phytomass.models.settings import ModelSettings


@dataclass(frozen=True)
class PublishedScore:
    """One row of a published table: a model of ours, its name and its scores there.

    Parameters
    ----------
    model, label : str
        Our name; the publication's.
    r2, rmse : float
        As printed, on other plots than anyone else's: for orientation only.
    """

    model: str
    label: str
    r2: float
    rmse: float


@dataclass(frozen=True)
class PublishedTable:
    """A published comparison of models; the first row is the one the others are compared with.

    Parameters
    ----------
    number, title : str
        As in the publication.
    unit : str
        Unit of its RMSE.
    rows : tuple of PublishedScore
        In the publication's order.
    source : str
        Where it stands.
    """

    number: str
    title: str
    unit: str
    rows: tuple[PublishedScore, ...]
    source: str


def list_names() -> tuple[str, ...]:
    """Return the names that `models` in a project file may have instead of a list.

    Examples
    --------
    >>> list_names()
    ('mountain_paper', 'mountain_paper_light', 'mountain_paper_full')
    """
    return tuple(dict.fromkeys(row["list"] for row in read_table("model_lists.csv")))


@cache
def model_list(name: str) -> tuple[ModelSettings, ...]:
    """Return the models of a named list.

    Raises
    ------
    InputError
        If there is no such list.

    Examples
    --------
    >>> [model.name for model in model_list("mountain_paper")]
    ['resnet', 'pixelnet', 'xgboost', 'random_forest', 'svr', 'vgg', 'alexnet']
    """
    known = list_names()
    if name not in known:
        hint = nearest(name, known)
        raise InputError(
            f"no list of models {name!r}",
            where="models",
            remedy=f"known are {', '.join(known)}" + (f"; {hint}" if hint else ""),
        )
    return tuple(
        ModelSettings(
            name=row["model"],
            parameters=json.loads(row["parameters"]),
            grid=json.loads(row["grid"]) if row["grid"] else None,
        )
        for row in read_table("model_lists.csv")
        if row["list"] == name
    )


def publication_of(name: str) -> str | None:
    """Return the publication whose tables a named list repeats; None for an unknown list.

    Examples
    --------
    >>> publication_of("mountain_paper_full"), publication_of("mine")
    ('mountain_paper', None)
    """
    rows = read_table("model_lists.csv")
    return next((row["publication"] for row in rows if row["list"] == name), None)


def publications() -> tuple[str, ...]:
    """Return the publications whose comparison tables are known.

    Examples
    --------
    >>> publications()
    ('mountain_paper',)
    """
    return tuple(dict.fromkeys(row["publication"] for row in read_table("published_scores.csv")))


@cache
def published_tables(publication: str) -> tuple[PublishedTable, ...]:
    """Return the comparison tables of a publication, in its order.

    Raises
    ------
    InputError
        If it has none here.

    Examples
    --------
    >>> four, five = published_tables("mountain_paper")
    >>> four.number, [row.label for row in four.rows], four.rows[0].rmse, four.unit
    ('4', ['ResNet', 'DNN', 'XGBoost', 'RF', 'SVM'], 15.8, 'MgC/ha')
    """
    rows = [r for r in read_table("published_scores.csv") if r["publication"] == publication]
    if not rows:
        raise InputError(
            f"no tables of {publication!r}", remedy=f"known are {', '.join(publications())}"
        )
    return tuple(
        _table([r for r in rows if r["table"] == n])
        for n in dict.fromkeys(r["table"] for r in rows)
    )


def _table(rows: list[dict[str, str]]) -> PublishedTable:
    first = rows[0]
    scores = tuple(
        PublishedScore(r["model"], r["label"], float(r["r2"]), float(r["rmse"])) for r in rows
    )
    return PublishedTable(first["table"], first["title"], first["unit"], scores, first["source"])
