"""The section `inventory.design`: how the plots were drawn from the area that they stand for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from phytomass.errors import InputError
from phytomass.settings import Settings

Kind = Literal["none", "simple_random", "stratified", "clusters", "two_stage"]


def _from_word(given: object) -> object:
    return {"kind": given} if isinstance(given, str) else given


class DesignSettings(Settings):
    """How the plots were drawn; one word, or this section.

    Examples
    --------
    >>> DesignSettings(kind="stratified", strata_ha={"north": 1200.0, "south": 800.0}).area
    2000.0
    """

    kind: Kind = "none"
    """`simple_random` (or a systematic grid), `stratified`, `clusters` of plots, `two_stage`
    (clusters drawn at random, plots drawn at random in each; the plots' `site` names the cluster),
    or `none`: chosen on purpose or by access, so that nothing follows for an area."""

    area_ha: Annotated[float, Field(gt=0, le=1e11)] | None = None
    """Hectares that the plots were drawn from; totals need it."""

    strata_ha: dict[str, Annotated[float, Field(gt=0, le=1e11)]] = {}
    """Stratum → its hectares, or a table of them in `inventory.strata`; the plots name theirs in the
    column `stratum`."""

    n_clusters: Annotated[int, Field(ge=2, le=10**12)] | None = None
    """Clusters that could have been drawn; many if left out. `two_stage` needs it."""

    plots_per_cluster: Annotated[int, Field(ge=2, le=10**12)] | None = None
    """Plots that each cluster holds, where two stages were drawn."""

    interval: Literal["t", "bootstrap_t"] = "t"
    """`bootstrap_t` for few plots of skewed biomass, whose t interval is too narrow below."""

    level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """Share of the intervals."""

    precision: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Half-width wanted, as a share of the mean, for the number of plots that it would take…"""

    precision_level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.9
    """… at this level."""

    @model_validator(mode="after")
    def _complete(self) -> DesignSettings:
        if self.kind != "stratified" and self.strata_ha:
            raise ValueError("strata_ha is of stratified, and only of it")
        if self.strata_ha and self.area_ha is not None:
            gap = abs(sum(self.strata_ha.values()) / self.area_ha - 1)
            if gap > 1e-3:
                raise ValueError(
                    f"the strata add up to {sum(self.strata_ha.values()):g} ha and area_ha says "
                    f"{self.area_ha:g}: correct one, or leave area_ha out"
                )
        two = self.kind == "two_stage"
        if two != (self.plots_per_cluster is not None) or (two and self.n_clusters is None):
            raise ValueError("two_stage needs n_clusters and plots_per_cluster, and only it does")
        return self

    def with_strata(self, hectares: dict[str, float]) -> DesignSettings:
        """Return the design with the hectares of its strata.

        Raises
        ------
        InputError
            If they do not add up to `area_ha`.

        Examples
        --------
        >>> DesignSettings(kind="stratified").with_strata({"north": 3.0, "south": 2.0}).area
        5.0
        """
        try:
            return DesignSettings.model_validate({**self.model_dump(), "strata_ha": hectares})
        except ValidationError as error:
            what = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            raise InputError(what, where="inventory.strata") from error

    @property
    def area(self) -> float | None:
        """Hectares of all strata, or of the area."""
        return sum(self.strata_ha.values()) if self.strata_ha else self.area_ha

    @property
    def is_sample(self) -> bool:
        """Whether the plots are a probability sample."""
        return self.kind != "none"


Design = Annotated[DesignSettings, BeforeValidator(_from_word)]
"""A word or a section."""
