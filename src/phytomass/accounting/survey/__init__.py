"""Estimates from a probability sample: what was drawn, and what follows for the whole.

A line of code belongs here if it holds for any sample with known probabilities, of plots or of
anything else.
"""

from phytomass.accounting.survey.classes import ClassAreas, class_areas
from phytomass.accounting.survey.design import (
    Design,
    Stage,
    clustered,
    codes_of,
    simple_random,
    stratified,
    two_stage,
)
from phytomass.accounting.survey.estimators import (
    Found,
    domain_mean,
    mean,
    ratio,
    regression,
    total,
)
from phytomass.accounting.survey.model_assisted import Assisted, model_assisted
from phytomass.accounting.survey.planning import plots_needed
from phytomass.accounting.survey.skewed import bootstrap_t
from phytomass.accounting.survey.two_phase import Phases, TwoPhase, one_phase, two_phase

__all__ = [
    "Assisted",
    "ClassAreas",
    "Design",
    "Found",
    "Phases",
    "Stage",
    "TwoPhase",
    "bootstrap_t",
    "class_areas",
    "clustered",
    "codes_of",
    "domain_mean",
    "mean",
    "model_assisted",
    "one_phase",
    "plots_needed",
    "ratio",
    "regression",
    "simple_random",
    "stratified",
    "total",
    "two_phase",
    "two_stage",
]
