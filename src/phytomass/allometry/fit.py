"""An equation from trees that were weighed: fit, covariance, correction, diagnostics, record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from phytomass.allometry.equations import AllometricEquation
from phytomass.allometry.forms import FORMS
from phytomass.allometry.sites import site_spread
from phytomass.errors import InputError, Problem

Array = NDArray[np.float64]

FITTED_FORMS = ("power_d", "power_d2h", "power_rhod2h", "power_d_h", "log_polynomial_d")
"""Forms that are linear in logarithms."""

FEWEST = 10
"""Trees: fewer do not tell a residual error."""


@dataclass(frozen=True)
class FittedEquation:
    """An equation fitted to weighed trees, and how well it fits.

    Parameters
    ----------
    equation : AllometricEquation
        Complete: coefficients with the correction of logarithms in them, covariance, RSE, ranges.
    r2_log : float
        Coefficient of determination of ln AGB.
    baskerville, smearing, ratio : float
        Three estimates of the correction: exp(RSE²/2); mean of exp(residual) (Duan 1983); sum of
        measured over sum of uncorrected fitted mass (Snowdon 1991). They agree if the residuals
        are normal with one SD; the first is in the equation.
    bias_percent : float
        Sum of the equation's masses over the weighed sum, less one.
    class_bias_percent : tuple of float
        The same in each third of the trees by diameter, thin to stout.
    skewness, kurtosis : float
        Of the residuals of ln AGB; 0 and 0 for normal ones.
    spread_slope, spread_p : float
        Slope of |residual| on ln of the fitted mass, and its p-value: a small p says that the
        RSE is not the same for small and large trees.
    largest_leverage : float
        Of one tree, between p/n and 1.
    """

    equation: AllometricEquation
    r2_log: float
    baskerville: float
    smearing: float
    ratio: float
    bias_percent: float
    class_bias_percent: tuple[float, ...]
    skewness: float
    kurtosis: float
    spread_slope: float
    spread_p: float
    largest_leverage: float

    def as_row(self) -> dict[str, str]:
        """Return the equation as a row of a table of equations, to be used in a project."""
        e = self.equation
        low, high = e.dbh_range_cm or (None, None)
        shortest, tallest = e.height_range_m or (None, None)
        letters = dict(zip("abcde", (repr(c) for c in e.coefficients), strict=False))
        row = {
            "id": e.id,
            "taxa": "; ".join(e.taxa),
            "group": e.group,
            "form": e.form,
            **letters,
            "dbh_min_cm": low,
            "dbh_max_cm": high,
            "height_min_m": shortest,
            "height_max_m": tallest,
            "n": e.n,
            "rse_log": e.rse_log,
            "correction": e.correction,
            "source": e.source,
            "covariance": ";".join(repr(v) for v in e.covariance or ()),
            "site_sd": e.site_sd,
            "sites": e.sites,
            "site_source": e.site_source,
        }
        return {name: "" if value is None else str(value) for name, value in row.items()}


def fit_equation(
    dbh_cm: ArrayLike,
    agb_kg: ArrayLike,
    *,
    height_m: ArrayLike | None = None,
    wood_density: ArrayLike | None = None,
    site: ArrayLike | None = None,
    form: str = "power_rhod2h",
    name: str = "own",
    source: str = "fitted by phytomass",
) -> FittedEquation:
    """Fit an equation to weighed trees by least squares of ln AGB.

    Parameters
    ----------
    dbh_cm, agb_kg : array, shape (n,)
        Diameter at breast height (cm) and aboveground dry mass (kg).
    height_m, wood_density : array, shape (n,), optional
        m and g/cm³, where the form needs them.
    site : array, shape (n,), optional
        Name of each tree's site: the equation then knows how far sites lie from it.
    form : str
        One of `FITTED_FORMS`.
    name, source : str
        Id of the equation, and where the trees are from.

    Returns
    -------
    FittedEquation

    Raises
    ------
    InputError
        For a form that cannot be fitted, missing inputs, values that are not above zero, fewer
        than ten trees, or trees of one size.

    References
    ----------
    Baskerville 1972, Can. J. For. Res. 2 49-53 (the factor exp(RSE²/2)).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> d = rng.uniform(5, 50, 500)
    >>> fitted = fit_equation(d, 0.1 * d**2.5 * np.exp(rng.normal(0, 0.3, 500)), form="power_d")
    >>> round(fitted.equation.coefficients[1], 1), round(fitted.equation.rse_log, 1)
    (2.5, 0.3)
    """
    given = {"d": dbh_cm, "h": height_m, "rho": wood_density, "agb": agb_kg}
    values = _checked(form, given)
    design = _design(form, values)
    y = np.log(values["agb"])
    n, p = design.shape
    if np.linalg.matrix_rank(design) < p:
        raise InputError("the trees are too alike to fit this form", where=f"form {form}")
    beta: Array = np.linalg.lstsq(design, y, rcond=None)[0].astype(float)
    residual = y - design @ beta
    rse = float(np.sqrt(residual @ residual / (n - p)))
    sigma = np.asarray(rse**2 * np.linalg.inv(design.T @ design), dtype=float)
    equation = _record(form, beta, rse, sigma, values, name, source)
    if site is not None:
        spread = site_spread(residual, site)
        of = {"site_source": source, "site_sd": spread.site_sd, "sites": spread.sites}
        equation = replace(equation, **of)  # type: ignore[arg-type]
    return _diagnosed(equation, design, y, residual, values)


def _checked(form: str, given: dict[str, ArrayLike | None]) -> dict[str, Array]:
    if form not in FITTED_FORMS:
        remedy = f"one of {', '.join(FITTED_FORMS)}"
        raise InputError(f"form {form!r} cannot be fitted", remedy=remedy)
    needed = (*FORMS[form].needs, "agb")
    absent = [n for n in needed if given[n] is None]
    if absent:
        raise InputError(f"form {form} needs {', '.join(absent)}", remedy="give it")
    names = needed if form == "log_polynomial_d" else tuple(dict.fromkeys((*needed, "d")))
    values = {n: np.atleast_1d(np.asarray(given[n], dtype=float)) for n in names}
    if given["h"] is not None and "h" not in values:
        values["h"] = np.atleast_1d(np.asarray(given["h"], dtype=float))
    if len({v.shape for v in values.values()}) != 1:
        raise InputError("the columns of trees differ in length", where="fit_equation")
    problems = [
        Problem("fit_equation", f"{int(bad.sum())} trees without {n} above zero", "leave them out")
        for n, v in values.items()
        if (bad := ~(np.isfinite(v) & (v > 0))).any()
    ]
    if problems:
        raise InputError.of(problems)
    if len(values["d"]) < FEWEST:
        raise InputError(f"{len(values['d'])} trees are too few", remedy=f"at least {FEWEST}")
    return values


def _design(form: str, v: dict[str, Array]) -> Array:
    one, x = np.ones_like(v["d"]), np.log(v["d"])
    if form == "power_d":
        return np.column_stack([one, x])
    if form == "log_polynomial_d":
        return np.column_stack([one, x, x**2, x**3])
    if form == "power_d_h":
        return np.column_stack([one, x, np.log(v["h"])])
    size = 2 * x + np.log(v["h"])
    return np.column_stack([one, size + np.log(v["rho"]) if form == "power_rhod2h" else size])


def _record(
    form: str,
    beta: Array,
    rse: float,
    sigma: Array,
    values: dict[str, Array],
    name: str,
    source: str,
) -> AllometricEquation:
    level = float(beta[0]) + rse**2 / 2
    first = level if form == "log_polynomial_d" else float(np.exp(level))
    height = values.get("h")
    return AllometricEquation(
        id=name,
        taxa=(),
        group="any",
        form=form,
        coefficients=(first, *(float(b) for b in beta[1:])),
        component="aboveground",
        dbh_range_cm=(float(values["d"].min()), float(values["d"].max())),
        height_range_m=None if height is None else (float(height.min()), float(height.max())),
        n=len(values["d"]),
        rse_log=rse,
        correction="included",
        region="",
        doubtful=False,
        note="Baskerville's factor exp(RSE²/2) is in the first coefficient.",
        source=source,
        covariance=tuple(float(v) for v in sigma[np.tril_indices(len(beta))]),
    )


def _diagnosed(
    equation: AllometricEquation,
    design: Array,
    y: Array,
    residual: Array,
    values: dict[str, Array],
) -> FittedEquation:
    fitted, weighed = y - residual, values["agb"]
    rse = equation.rse_log or 0.0
    mass = np.exp(fitted + rse**2 / 2)
    thirds = np.array_split(np.argsort(values["d"], kind="stable"), 3)
    trend = stats.linregress(fitted, np.abs(residual)) if rse > 1e-9 else None
    q, _ = np.linalg.qr(design)
    return FittedEquation(
        equation=equation,
        r2_log=float(1 - residual @ residual / ((y - y.mean()) @ (y - y.mean()))),
        baskerville=float(np.exp(rse**2 / 2)),
        smearing=float(np.exp(residual).mean()),
        ratio=float(weighed.sum() / np.exp(fitted).sum()),
        bias_percent=float(100 * (mass.sum() / weighed.sum() - 1)),
        class_bias_percent=tuple(
            float(100 * (mass[rows].sum() / weighed[rows].sum() - 1)) for rows in thirds
        ),
        skewness=float(stats.skew(residual)) if trend else 0.0,
        kurtosis=float(stats.kurtosis(residual)) if trend else 0.0,
        spread_slope=float(trend.slope) if trend else 0.0,
        spread_p=float(trend.pvalue) if trend else 1.0,
        largest_leverage=float((q**2).sum(axis=1).max()),
    )
