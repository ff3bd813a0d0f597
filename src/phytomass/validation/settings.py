"""How models are judged, in the project file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from phytomass.settings import AtMost, Settings
from phytomass.validation.kinds import SPLIT_NAMES, USUAL_SPLITS, SplitName

MOST_FOLDS = AtMost(1000, "every fold of every repeat trains all models again")


class ValidationSettings(Settings):
    """The section `validation` of the project file.

    Examples
    --------
    >>> ValidationSettings(splits=["repeated_kfold"]).select_by
    'repeated_kfold'
    """

    splits: list[SplitName] = Field(default=list(USUAL_SPLITS), min_length=1)
    """Splits to report side by side; all but knndm when left out."""
    n_splits: Annotated[int, MOST_FOLDS] = Field(default=5, ge=2)
    """Folds of repeated_kfold, spatial_blocks and knndm."""
    n_repeats: Annotated[int, MOST_FOLDS] = Field(default=2, ge=1)
    """Repeats of repeated_kfold, each with its own random folds."""
    test_share: float = Field(default=0.3, ge=0.01, le=0.99)
    """Share of the plots that holdout_by_site keeps for the test."""
    block_size_m: float | None = Field(default=None, gt=0, le=1e7)
    """Side of the squares of spatial_blocks, in metres; chosen from the plots when left out."""
    inner_splits: Annotated[int, MOST_FOLDS] = Field(default=3, ge=2)
    """Folds inside each training part, for tuning."""
    select_by: SplitName = "spatial_blocks"
    """The split by which the model for the map is chosen; one of `splits`."""

    @model_validator(mode="before")
    @classmethod
    def _select_by_a_listed_split(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "select_by" in value:
            return value
        splits = value.get("splits") or list(USUAL_SPLITS)
        if not isinstance(splits, list | tuple) or "spatial_blocks" in splits:
            return value
        if splits[0] not in SPLIT_NAMES:  # said of `splits`, and not once more
            return value
        return {**value, "select_by": splits[0]}

    @model_validator(mode="after")
    def _consistent(self) -> ValidationSettings:
        if len(set(self.splits)) < len(self.splits):
            raise ValueError("a split is listed twice in splits")
        if self.select_by not in self.splits:
            raise ValueError(f"select_by is {self.select_by}, which is not among splits")
        return self
