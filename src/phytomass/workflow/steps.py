"""All steps of a run, in order."""

from __future__ import annotations

from phytomass.workflow import accounts, comparison, field, maps, predictors, reporting
from phytomass.workflow.engine import Step

STEPS: tuple[Step, ...] = (
    field.STEP,
    predictors.STEP,
    comparison.STEP,
    maps.STEP,
    accounts.STEP,
    reporting.STEP,
)
