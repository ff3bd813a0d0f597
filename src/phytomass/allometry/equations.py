"""The allometric equation: a data record that can say what it computes and where it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.allometry.forms import FORMS, Measured
from phytomass.errors import InputError
from phytomass.units import convert

Correction = Literal["included", "absent", "unknown"]

PRIOR_RSE = 0.3
"""Of ln(AGB) for equations that do not say: the middle of the errors' 0.2 to 0.4."""


@dataclass(frozen=True)
class AllometricEquation:
    """From diameter (and height, wood density) to the biomass of one tree; a row of a table.

    Parameters
    ----------
    id : str
        Name by which a project chooses it.
    taxa : tuple of str
        Accepted names of the species or genera it was made for; empty for general equations.
    group : str
        ``conifer``, ``broadleaf`` or ``any``.
    form : str
        A key of `phytomass.allometry.FORMS`.
    coefficients : tuple of float
        a, b, c, … in the order of the form.
    component : str
        What of the tree is meant, e.g. ``aboveground``.
    dbh_range_cm, height_range_m : tuple of float or None
        Smallest and largest tree behind the equation; None where the source does not say, and
        an infinite upper bound where it names only the lower one.
    n : int or None
        Trees behind the equation.
    rse_log : float or None
        Residual standard error of ln(AGB).
    correction : str
        Whether the constants hold the factor that undoes the bias of a fit in logarithms:
        ``included``, ``absent`` or ``unknown``. `agb_kg` is the printed formula, without it;
        `correction_factor` is what is missing for sure.
    region, note, source : str
        Where it is from, what to beware of, where it is printed.
    doubtful : bool
        True if the printed equation cannot be trusted: it is used only when named.
    dbh_unit, height_unit, agb_unit : str
        Units of the published equation; the methods take cm and m and return kg.
    covariance : tuple of float or None
        Lower triangle, row by row, of the covariance of the fitted coefficients: of ln a, b, … of
        a power law, of a, b, … of the other forms; None where the source does not say.
    site_sd : float or None
        SD of the effect that the trees of one site share, in ln(AGB) about the equation.
    sites : int or None
        Sites behind `site_sd`.
    site_source : str
        Where `site_sd` is from.
    collection : str
        Name of a set that a project must turn on before its species get the equation by
        themselves; empty: always on.

    Examples
    --------
    >>> from phytomass.allometry import load_equations
    >>> pine = load_equations()["pinus_roxburghii_ali2020"]
    >>> pine.agb_kg([30.0], [20.0]).round(1), pine.in_range([30.0, 5.0], [20.0, 4.0])
    (array([320.9]), array([ True, False]))
    """

    id: str
    taxa: tuple[str, ...]
    group: str
    form: str
    coefficients: tuple[float, ...]
    component: str
    dbh_range_cm: tuple[float, float] | None
    height_range_m: tuple[float, float] | None
    n: int | None
    rse_log: float | None
    correction: Correction
    region: str
    doubtful: bool
    note: str
    source: str
    dbh_unit: str = "cm"
    height_unit: str = "m"
    agb_unit: str = "kg"
    covariance: tuple[float, ...] | None = None
    site_sd: float | None = None
    sites: int | None = None
    site_source: str = ""
    collection: str = ""

    @property
    def needs_height(self) -> bool:
        """Whether trees without a height get no value."""
        return "h" in FORMS[self.form].needs

    @property
    def needs_density(self) -> bool:
        """Whether trees without a wood density get no value."""
        return "rho" in FORMS[self.form].needs

    @property
    def needs_stress(self) -> bool:
        """Whether the environmental stress E of the site is needed."""
        return "e" in FORMS[self.form].needs

    @property
    def range_known(self) -> bool:
        """Whether the source says for which diameters the equation holds."""
        return self.dbh_range_cm is not None

    @property
    def correction_factor(self) -> float:
        """exp(RSE²/2) where the printed constant lacks the correction (Baskerville 1972), else 1."""
        if self.correction != "absent" or self.form == "linear_d2h":
            return 1.0
        return exp((PRIOR_RSE if self.rse_log is None else self.rse_log) ** 2 / 2)

    @property
    def formula(self) -> str:
        """The formula of the form, in the units of the source."""
        return FORMS[self.form].formula

    def covariance_matrix(self) -> NDArray[np.float64] | None:
        """Return the covariance of the coefficients, shape (p, p), or None if it is not known.

        Examples
        --------
        >>> from phytomass.allometry import load_equations
        >>> sigma = load_equations()["chave2014"].covariance_matrix()
        >>> (sigma[0, 1] / (sigma[0, 0] * sigma[1, 1]) ** 0.5).round(3)
        np.float64(-0.965)
        """
        if self.covariance is None:
            return None
        size = len(self.coefficients)
        matrix = np.zeros((size, size))
        matrix[np.tril_indices(size)] = self.covariance
        return np.asarray(matrix + np.tril(matrix, -1).T)

    def agb_kg(
        self,
        dbh_cm: ArrayLike,
        height_m: ArrayLike | None = None,
        wood_density: ArrayLike | None = None,
        environmental_stress: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Return the aboveground dry mass of each tree.

        Parameters
        ----------
        dbh_cm, height_m, wood_density, environmental_stress : array, shape (n,)
            Diameter at breast height (cm), total height (m), wood density (g/cm³), E of Chave et
            al. (2014); the last three only where `needs_height`, `needs_density`, `needs_stress`.

        Returns
        -------
        array, shape (n,)
            kg. Each value depends on its own tree only. NaN where a needed value is missing,
            zero or negative (E may be negative).

        Raises
        ------
        InputError
            If something the equation needs is not given at all.
        """
        given = {"d": dbh_cm, "h": height_m, "rho": wood_density, "e": environmental_stress}
        raw = FORMS[self.form].compute(self._measured(given), self.coefficients)
        return convert(raw, self.agb_unit, "mass_kg")

    def _measured(self, given: Mapping[str, ArrayLike | None]) -> Measured:
        """Return what the form reads in the units of the source; NaN for what cannot be."""
        needs = FORMS[self.form].needs
        absent = [_NAMES[name] for name in needs if given[name] is None]
        if absent:
            raise InputError(f"needs {' and '.join(absent)}", where=f"equation {self.id}")
        used = [given[name] if name in needs else np.nan for name in ("d", "h", "rho", "e")]
        values = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=float)) for v in used))
        d, h, rho, e = (np.array(v) for v in values)
        for size in (d, h, rho):
            size[~(size > 0)] = np.nan
        d /= convert(1.0, self.dbh_unit, "length_cm")
        h /= convert(1.0, self.height_unit, "length_m")
        return Measured(d, h, rho, e)

    def in_range(self, dbh_cm: ArrayLike, height_m: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Tell which trees lie within the known range; an unknown bound excludes nobody.

        Parameters
        ----------
        dbh_cm, height_m : array, shape (n,)
            cm and m. A missing height is not judged; a missing diameter is out of range.

        Returns
        -------
        array of bool, shape (n,)
        """
        dbh = np.atleast_1d(np.asarray(dbh_cm, dtype=float))
        inside = np.isfinite(dbh)
        if self.dbh_range_cm is not None:
            inside &= (dbh >= self.dbh_range_cm[0]) & (dbh <= self.dbh_range_cm[1])
        if self.height_range_m is not None and height_m is not None:
            height = np.atleast_1d(np.asarray(height_m, dtype=float))
            outside = (height < self.height_range_m[0]) | (height > self.height_range_m[1])
            inside, outside = np.broadcast_arrays(inside, outside)
            inside = inside & ~outside
        return np.asarray(inside, dtype=np.bool_)


_NAMES = {
    "d": "a diameter",
    "h": "a height",
    "rho": "a wood density",
    "e": "the environmental stress E of the site",
}
