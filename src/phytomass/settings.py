"""The base of every section of the project file: unknown keys are refused, values are fixed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A section of `project.yaml`. Each room declares its own; `workflow` composes them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
