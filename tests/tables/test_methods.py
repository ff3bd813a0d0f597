"""Codes of how a number was made."""

from __future__ import annotations

import pytest

from phytomass import tables
from phytomass.accounting.statistics import MAP_STATISTICS


def test_a_code_that_the_table_lacks_is_never_written() -> None:
    with pytest.raises(ValueError, match="not in methods"):
        tables.method("made_up")
    for codes, values in ((("over_years",), {}), ((), {"sum": "3"})):
        with pytest.raises(ValueError, match="not in methods"):
            tables.method(*codes, **values)


def test_statistics_of_zones_have_codes() -> None:
    assert {one.method for one in MAP_STATISTICS} <= set(tables.methods())


def test_a_source_with_a_plus_or_a_colon_stays_whole() -> None:
    text = tables.method(
        "density_error_unknown", capacity_less_density="102 (Ali + Khan: 1, a+b)", over_years="15"
    )
    assert tables.method_words(text) == (
        "error of the density unknown, not in the SE; "
        "carrying capacity 102 (Ali + Khan: 1, a+b) - density; over 15 years"
    )
