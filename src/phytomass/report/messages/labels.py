"""The words a reader sees for the codes in the result files."""

from __future__ import annotations

from phytomass import tables
from phytomass.report.messages.languages import text_of
from phytomass.report.messages.saying import say

SPLITS = ("holdout_by_site", "repeated_kfold", "spatial_blocks", "knndm")
"""In the order of tables and figures."""


def named(family: str, code: object) -> str:
    """Return the words for a code of a family; a code without words is said as it is.

    Examples
    --------
    >>> named("error_source", "dbh"), named("quantity", "something_new")
    ('diameter', 'something new')
    """
    text = str(code)
    found = text_of(f"{family}.{text}") or text_of(f"{family}.{text.lower()}")
    return found or text.replace("_", " ")


def is_known(family: str, code: object) -> bool:
    """Tell whether a code of a family has words."""
    return text_of(f"{family}.{code}") is not None


def split(code: object) -> str:
    """Return the words for a way of splitting plots into training and test."""
    return named("split", code)


def model(code: object) -> str:
    """Return the words for a model."""
    return named("model", code)


def model_in_sentence(code: object) -> str:
    """Return the words for a model inside a sentence: lower case, but not abbreviations.

    Examples
    --------
    >>> model_in_sentence("random_forest"), model_in_sentence("svr"), model_in_sentence("xgboost")
    ('random forest', 'SVR', 'XGBoost')
    """
    name = model(code)
    return name[:1].lower() + name[1:] if name.istitle() or name[1:].islower() else name


def method(text: object) -> str:
    """Return the words for how a number was made.

    Examples
    --------
    >>> method("both_dates+over_years:5"), method("weighed by hand")
    ('on the pixels of both dates; over 5 years', 'weighed by hand')
    """
    return tables.method_words(str(text), lambda code: text_of(f"method.{code}"))


def period(code: object) -> str:
    """Write a period; a range gets an en dash.

    Examples
    --------
    >>> period("2016/2021"), period("2020-07"), period("2014/2015 to 2020")
    ('2016–2021', '2020-07', '2014–2015 to 2020')
    """
    return str(code).replace("/", "–")


def predictor_set(code: object) -> str:
    """Return the words for a set of predictors."""
    return named("set", code)


def sensor(code: object) -> str:
    """Return the words for a sensor; names of the project's own stay as they are.

    Examples
    --------
    >>> sensor("SAR"), sensor("my_lidar")
    ('SAR', 'my_lidar')
    """
    return text_of(f"sensor.{code}") or text_of(f"sensor.{str(code).lower()}") or str(code)


def mass(pool_code: str, kind_code: str) -> str:
    """Name what was weighed: pool and kind together.

    Examples
    --------
    >>> mass("AGB", "dry_mass"), mass("total", "CO2e"), mass("", "")
    ('AGB, dry mass', 'AGB + BGB, CO₂ equivalent', '')
    """
    words = (named("mass_pool", pool_code), named("kind", kind_code))
    return ", ".join(filter(None, words))


def heading(table: str, column: str) -> str:
    """Return the heading of a column of a result table.

    Examples
    --------
    >>> heading("model_comparison", "rmse")
    'RMSE, Mg/ha'
    """
    return text_of(f"column.{table}.{column}") or column


def flag(value: object) -> str:
    """Return yes or no.

    Examples
    --------
    >>> flag(True)
    'yes'
    """
    return say("word.yes" if value else "word.no")
