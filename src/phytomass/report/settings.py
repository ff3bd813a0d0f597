"""The project's settings of its report."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from phytomass.report.messages.languages import ENGLISH, known_language, languages
from phytomass.settings import Settings


def _named(schema: dict[str, Any]) -> None:
    schema["enum"] = list(languages())


class ReportSettings(Settings):
    """What the report is like for its readers."""

    language: Annotated[str, AfterValidator(known_language)] = Field(
        default=ENGLISH, json_schema_extra=_named
    )
    """Its language, such as es; what has no words in it yet is said in English."""
