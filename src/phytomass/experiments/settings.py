"""How models use what is known of the errors of plots, in the project file."""

from __future__ import annotations

from typing import Literal

from phytomass.settings import Settings


class TrainingSettings(Settings):
    """The section `training` of the project file.

    Examples
    --------
    >>> TrainingSettings().weights, TrainingSettings().draws
    ('none', False)
    """

    weights: Literal["none", "standard_errors"] = "none"
    """Weigh plots by 1 / (se² + model variance), se their `agb_se_mg_ha`; scores stay unweighted."""
    draws: bool = False
    """Train each member of a network on a draw of its own of the plots' biomass."""
