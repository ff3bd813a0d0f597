"""A model in the project file."""

from __future__ import annotations

from pydantic import field_validator, model_validator

from phytomass.errors import nearest
from phytomass.models.factories import parameter_names
from phytomass.models.records import Scalar, model_names
from phytomass.settings import Settings


class ModelSettings(Settings):
    """One model to compare: its name alone, or its name with parameters and a grid.

    Examples
    --------
    >>> ModelSettings.model_validate("svr") == ModelSettings(name="svr")
    True
    """

    name: str
    """Which model: simple_linear, mlr, plsr, svr, random_forest or xgboost."""
    parameters: dict[str, Scalar] = {}
    """Parameters to fix, e.g. `n_estimators: 200`; they are then not tuned."""
    grid: dict[str, list[Scalar]] | None = None
    """Values to tune over, instead of the model's own grid; `{}` means no tuning."""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _known_model(cls, name: str) -> str:
        if name not in model_names():
            raise ValueError(_unknown("model", name, model_names()))
        return name

    @model_validator(mode="after")
    def _known_parameters(self) -> ModelSettings:
        known = parameter_names(self.name)
        for key in (*self.parameters, *(self.grid or {})):
            if key not in known:
                raise ValueError(_unknown(f"parameter of {self.name}", key, known))
        empty = [key for key, values in (self.grid or {}).items() if not values]
        if empty:
            raise ValueError(f"the grid of {', '.join(empty)} holds no values")
        return self


def _unknown(kind: str, found: str, known: tuple[str, ...]) -> str:
    hint = nearest(found, known)
    allowed = ", ".join(known) or "none"
    return f"unknown {kind} {found!r}: allowed are {allowed}" + (f"; {hint}" if hint else "")
