"""Limits: their defaults, how they are raised, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from phytomass.errors import InputError
from phytomass.limits import LIMITS, PREFIX, limit, refuse_above


@pytest.mark.parametrize("name", list(LIMITS))
def test_a_refusal_says_size_limit_and_the_variable_that_raises_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = LIMITS[name].default + 1
    refuse_above(name, size - 1, "a file")
    with pytest.raises(InputError, match=f"{PREFIX}{name.upper()}={size}") as caught:
        refuse_above(name, size, "a file", "cut it")
    assert str(caught.value).startswith("a file: has ")
    assert f"{size:_}".replace("_", " ") in str(caught.value)
    monkeypatch.setenv(PREFIX + name.upper(), str(size))
    refuse_above(name, size, "a file")


@pytest.mark.parametrize("given", ["many", "0", "-3", "nan"])
def test_a_limit_that_is_no_number_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHYTOMASS_LIMIT_RASTER_BANDS", given)
    with pytest.raises(InputError, match=r"PHYTOMASS_LIMIT_RASTER_BANDS.*no number"):
        limit("raster_bands")


def test_every_limit_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs/inputs.md").read_text(encoding="utf-8")
    for name, one in LIMITS.items():
        number = f"{one.default:_}".replace("_", " ")
        assert f"| `{name}` | {number} {one.unit} | {one.meaning} |" in text
