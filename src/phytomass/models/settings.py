"""A model in the project file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from phytomass.errors import nearest, shown
from phytomass.models.limits import parameter_names, refuse_unbuildable, refuse_wrong
from phytomass.models.records.tables import NETWORKS, STACK, Scalar, all_model_names, record_of
from phytomass.settings import AtMost, Settings

MOST_TRIED = 10_000
"""Combinations of a grid; each is fitted on every inner fold of every outer one."""


class SearchSettings(Settings):
    """How the values of a grid are searched."""

    method: Literal["grid", "halving"] = "grid"
    """Every combination; or successive halving, for grids too large for that."""
    candidates: Annotated[int, AtMost(10_000, "each is fitted on every inner fold")] = Field(
        default=27, ge=2
    )
    """Halving: combinations to draw from the grid."""


class ModelSettings(Settings):
    """One model to compare: its name alone, or its name with parameters and a grid.

    Examples
    --------
    >>> ModelSettings.model_validate("svr") == ModelSettings(name="svr")
    True
    """

    name: str
    """Which model: simple_linear, mlr, plsr, svr, random_forest, xgboost; the patch networks resnet,
    vgg, alexnet and pixelnet; or stack."""
    parameters: dict[str, Scalar] = {}
    """Parameters to fix, e.g. `n_estimators: 200`; they are then not tuned."""
    grid: dict[str, list[Scalar]] | None = Field(default=None, max_length=20)
    """Values to tune over, instead of the model's own grid; `{}` means no tuning."""
    search: SearchSettings = SearchSettings()
    """How the grid is searched."""
    members: list[ModelSettings] = Field(default=[], max_length=20)
    """The models of a `stack`, with their own parameters; they are not tuned inside it."""
    neighbourhood: list[Annotated[int, Field(ge=3, le=25)]] = Field(default=[], max_length=8)
    """Odd sides of windows in pixels, e.g. `[3, 7]`: a model on one pixel then also sees the mean of
    each predictor over them."""
    label: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)] | None = None
    """Its name in tables and in `map.model`, where a model is listed twice with other settings."""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _known_model(cls, name: str) -> str:
        if name not in all_model_names():
            raise ValueError(_unknown("model", name, all_model_names()))
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
        for key, values in (
            *((k, [v]) for k, v in self.parameters.items()),
            *(self.grid or {}).items(),
        ):
            for value in values:
                refuse_wrong(self.name, key, value)
                refuse_unbuildable(self.name, {**self.parameters, key: value})
        if self.search.method == "grid":
            _refuse_endless(self.grid or {})
        nothing = not (record_of(self.name).grid if self.grid is None else self.grid)
        if self.search.method == "halving" and nothing:
            raise ValueError(f"{self.name} has no `grid` to search by halving")
        return self

    @model_validator(mode="after")
    def _members_of_a_stack(self) -> ModelSettings:
        names = [member.name for member in self.members]
        if self.name != STACK and names:
            raise ValueError(f"`members` are for {STACK}, not for {self.name}")
        if self.name == STACK and (len(names) < 2 or STACK in names):
            raise ValueError("give a stack two `members` or more, none of them a stack")
        return self

    @model_validator(mode="after")
    def _windows_of_a_pixel_model(self) -> ModelSettings:
        windows = self.neighbourhood
        if windows and self.name in (*NETWORKS, STACK):
            raise ValueError(f"`neighbourhood` is for models on one pixel, not for {self.name}")
        if any(side % 2 == 0 for side in windows) or windows != sorted(set(windows)):
            raise ValueError("`neighbourhood` holds odd sides, each once, the smallest first")
        return self

    @property
    def key(self) -> str:
        """What the model is called in tables: its label, or its name."""
        return self.label or self.name

    @property
    def needs_torch(self) -> bool:
        """Whether the model is a network, or a stack with one."""
        return self.name in NETWORKS or any(member.needs_torch for member in self.members)


def _refuse_endless(grid: Mapping[str, Sequence[Scalar]]) -> None:
    tried = math.prod(len(values) for values in grid.values())
    if tried > MOST_TRIED:
        raise ValueError(
            f"the grid has {tried} combinations, {MOST_TRIED} at most are all tried: "
            "use search: {method: halving}"
        )


def _unknown(kind: str, found: str, known: tuple[str, ...]) -> str:
    hint = nearest(found, known)
    allowed = ", ".join(known) or "none"
    return f"unknown {kind} {shown(found)}: allowed are {allowed}" + (f"; {hint}" if hint else "")
