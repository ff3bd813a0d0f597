"""Heights of trees whose height was not measured: models of height on diameter."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from phytomass.allometry.height_curves import CURVES, GRADIENTS, curve_fit, inverse_root
from phytomass.draws import stream
from phytomass.errors import InputError, PhytomassWarning, nearest
from phytomass.settings import Settings

Array = NDArray[np.float64]
HeightForm = Literal["log_log", "log_quadratic", "michaelis", "weibull", "chave2014"]

FITTED: tuple[HeightForm, ...] = ("log_log", "log_quadratic", "michaelis", "weibull")
"""Forms that are fitted to measured heights."""

LOGARITHMIC = ("log_log", "log_quadratic", "chave2014")
"""Forms whose residual is normal in ln H."""

CHAVE_RSE = 0.243
"""RSE of ln H (Chave et al. 2014, eq. 6a; R BIOMASS retrieveH)."""

CHAVE_SITE_SD, CHAVE_SITES = 0.154, 58
"""SD of ln H that the trees of a site share about that equation, in its RSE: REML on the 4 004 trees
of Chave et al. 2014 (benchmarks/site_effect.py)."""

STRESS = "environmental_stress"
"""Column of the trees with the E of their plot."""

LOADS = ("height_load_1", "height_load_2", "height_load_3")
"""Columns of `fill_heights`: change of ln H per standard normal draw of its model's coefficients."""

TROPIC = 23.44
"""Degrees; E of Chave et al. was made for the land between the tropics."""


class HeightWarning(PhytomassWarning):
    """A height model is used where it was not made for."""


class HeightSettings(Settings):
    """How heights that are missing are filled in: the section `allometry.heights`."""

    form: Literal["auto", "log_log", "log_quadratic", "michaelis", "weibull", "chave2014"] = "auto"
    """`auto` takes the form with the smallest cross-validated error; `chave2014` needs
    allometry.environmental_stress and no measured heights (tropics only)."""

    stratum: str | None = "species"
    """Column of the trees by which models are fitted apart; all trees together if null."""

    fewest: int = Field(default=20, ge=5, le=100_000)
    """Trees with a height that a stratum must have for a model of its own; else all trees'."""

    latitude: float | None = Field(default=None, ge=-90, le=90)
    """Of the site; `chave2014` warns outside the tropics and where this is not given."""


class HeightModel(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Height of a tree from its diameter.

    - ``log_log``: ln H = a + b ln D; ``log_quadratic``: ln H = a + b ln D + c (ln D)²;
    - ``michaelis``: H = a D / (b + D); ``weibull``: H = a (1 - exp(-(D/b)^c));
    - ``chave2014``: ln H = 0.893 - E + 0.760 ln D - 0.0340 (ln D)², fitted by its authors.

    Parameters
    ----------
    form : str
        One of the above.
    environmental_stress : float, optional
        E of the site, for ``chave2014``.
    column : int, optional
        Which column of a table of several holds the diameter; left out, there must be only one.

    Attributes
    ----------
    coef_ : array
        a, b, c.
    rse_ : float
        Residual standard error: of ln H for the logarithmic forms, else in m.
    n_ : int
        Trees behind it.
    scatter_ : float
        SD of one tree about the model, in the unit of `rse_`; smaller than that only where the
        RSE holds what the trees of a site share (``chave2014``).
    factor_ : array, shape (p, q)
        Coefficients move by factor_ @ z under standard normal z: the covariance is factor_ factor_'.
    freedom_ : int
        Degrees of freedom of `factor_`.

    Examples
    --------
    >>> d = np.array([5.0, 10, 15, 20, 30, 40, 50])
    >>> model = HeightModel("michaelis").fit(d, 30 * d / (20 + d))
    >>> model.coef_.round(3), model.predict([25.0]).round(2)
    (array([30., 20.]), array([16.67]))
    """

    def __init__(
        self,
        form: HeightForm = "log_log",
        environmental_stress: float | None = None,
        column: int | None = None,
    ) -> None:
        self.form = form
        self.environmental_stress = environmental_stress
        self.column = column

    def __sklearn_tags__(self) -> Any:
        """Say that diameters and heights are above zero."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = tags.target_tags.positive_only = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit to measured trees.

        Parameters
        ----------
        X : array, shape (n,) or (n, 1), or (n, p) with `column`
            Diameters, cm.
        y : array, shape (n,)
            Heights, m; none for ``chave2014``.
        """
        if self.form not in get_args(HeightForm):
            hint = nearest(self.form, get_args(HeightForm))
            raise InputError(f"unknown height model {self.form!r}", remedy=hint)
        if self.form == "chave2014":
            return self._published()
        if y is None:
            what = "requires y to be passed, but the target y is None: measured heights"
            raise InputError(what, where="height model")
        table, y = validate_data(self, self._table(X), y, dtype=np.float64, y_numeric=True)
        d, h = _pairs(self._diameters(table), y)
        if self.form in LOGARITHMIC:
            powers = 2 if self.form == "log_log" else 3
            design = np.vander(np.log(d), powers, increasing=True)
            self.coef_, *_ = np.linalg.lstsq(design, np.log(h), rcond=None)
            residual = np.log(h) - design @ self.coef_
        else:
            self.coef_ = curve_fit(self.form, d, h)
            design = GRADIENTS[self.form](self.coef_, d)
            residual = h - CURVES[self.form](self.coef_, d)
        self.n_, self.freedom_ = len(d), len(d) - len(self.coef_)
        self.rse_ = self.scatter_ = float(np.sqrt(residual @ residual / self.freedom_))
        self.factor_ = self.rse_ * inverse_root(design)
        return self

    def _table(self, X: ArrayLike) -> Any:
        """Let diameters stand alone, where no column is named: they become a table of one."""
        if self.column is not None or isinstance(X, pd.DataFrame) or issparse(X):
            return X
        values = np.asarray(X)
        return values.reshape(-1, 1) if values.ndim < 2 else X

    def _diameters(self, X: Array) -> Array:
        """Return the diameters of a table."""
        n = X.shape[1]
        if self.column is None and n > 1:
            remedy = "give the diameter alone, or name its column"
            raise InputError(f"{n} columns, and one diameter", where="height model", remedy=remedy)
        if not 0 <= (self.column or 0) < n:
            raise InputError(f"no column {self.column}: there are {n}", where="height model")
        return X[:, self.column or 0]

    def _read(self, X: ArrayLike) -> Array:
        """Return the diameters to predict at."""
        check_is_fitted(self)
        if self.form == "chave2014":
            return self._diameters(check_array(self._table(X), dtype=np.float64))
        return self._diameters(validate_data(self, self._table(X), reset=False, dtype=np.float64))

    def _published(self) -> Self:
        if self.environmental_stress is None:
            remedy = "give allometry.environmental_stress, or fit another form"
            raise InputError("needs the environmental stress E", where="chave2014", remedy=remedy)
        self.coef_ = np.array([0.893 - self.environmental_stress, 0.760, -0.0340])
        self.rse_, self.n_, self.freedom_ = CHAVE_RSE, 0, CHAVE_SITES - 1
        self.scatter_ = float(np.sqrt(CHAVE_RSE**2 - CHAVE_SITE_SD**2))
        self.factor_ = np.array([[CHAVE_SITE_SD], [0.0], [0.0]])
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the mean height (m): with exp(RSE²/2) where the model is logarithmic."""
        return self._curve(self._read(X))

    def _curve(self, d: Array) -> Array:
        if self.form in LOGARITHMIC:
            design = np.vander(np.log(d), len(self.coef_), increasing=True)
            return np.asarray(np.exp(design @ self.coef_ + self.rse_**2 / 2))
        return CURVES[self.form](self.coef_, d)

    def slope(self, X: ArrayLike) -> Array:
        """Return d ln H / d ln D at each diameter, to carry an error of D on to H."""
        d, step = self._read(X), 1e-4
        ratio = self._curve(d * np.exp(step)) / self._curve(d * np.exp(-step))
        return np.asarray(np.log(ratio) / (2 * step))

    def loads(self, X: ArrayLike) -> Array:
        """Return how ln H moves with each of three standard normal draws of the coefficients.

        Coefficients are jointly normal (to first order for the curves), so the change of ln H at
        a diameter is loads · z with the same z for all trees. Shape (n, 3).
        """
        d = self._read(X)
        if self.form in LOGARITHMIC:
            gradient = np.vander(np.log(d), len(self.coef_), increasing=True)
        else:
            gradient = GRADIENTS[self.form](self.coef_, d) / self._curve(d)[:, None]
        moved = gradient @ self.factor_
        return np.pad(moved, ((0, 0), (0, len(LOADS) - moved.shape[1])))


def _pairs(dbh_cm: ArrayLike, height_m: ArrayLike) -> tuple[Array, Array]:
    d, h = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (dbh_cm, height_m))
    if d.shape != h.shape:
        raise InputError("diameters and heights differ in number", where="height model")
    if not (np.isfinite(d) & np.isfinite(h) & (d > 0) & (h > 0)).all():
        raise InputError("diameters and heights must be above zero", where="height model")
    if len(np.unique(d)) < 5:
        what = f"{len(np.unique(d))} different diameters (n_samples = {len(d)}) are too few"
        raise InputError(what, where="height model")
    return d, h


def compare_height_models(
    dbh_cm: ArrayLike,
    height_m: ArrayLike,
    *,
    forms: Sequence[HeightForm] = FITTED,
    folds: int = 10,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return the cross-validated error of each form, best first.

    Parameters
    ----------
    dbh_cm, height_m : array, shape (n,)
    forms : sequence of str
    folds : int
        Random parts; each is predicted by a model of the others.
    random_state : int

    Returns
    -------
    DataFrame
        form, rmse_m, bias_m (predicted less measured), n.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> d = rng.uniform(5, 60, 300)
    >>> h = 30 * (1 - np.exp(-((d / 20) ** 0.9))) + rng.normal(0, 1, 300)
    >>> compare_height_models(d, h)["form"].iloc[-1]
    'log_log'
    """
    d, h = _pairs(dbh_cm, height_m)
    part = stream(random_state, "height folds").permutation(len(d)) % min(folds, len(d))
    rows = []
    for form in forms:
        predicted = np.empty_like(h)
        for fold in np.unique(part):
            out = part == fold
            predicted[out] = HeightModel(form).fit(d[~out], h[~out]).predict(d[out])
        error = predicted - h
        rows.append((form, float(np.sqrt((error**2).mean())), float(error.mean()), len(d)))
    table = pd.DataFrame(rows, columns=["form", "rmse_m", "bias_m", "n"])
    return table.sort_values("rmse_m", kind="stable", ignore_index=True)


@dataclass(frozen=True, eq=False)
class Heights:
    """Models by stratum.

    Parameters
    ----------
    models : mapping
        Stratum → model; the empty name is that of all trees.
    """

    models: dict[str, HeightModel]

    def of(self, stratum: str) -> tuple[str, HeightModel]:
        """Return the model of a stratum, or that of all trees, and its name."""
        return (stratum, self.models[stratum]) if stratum in self.models else ("", self.models[""])


def fit_heights(
    trees: pd.DataFrame, settings: HeightSettings, environmental_stress: float | None = None
) -> Heights:
    """Fit the height models of a table of trees.

    Parameters
    ----------
    trees : DataFrame
        dbh_cm, height_m (NaN where not measured) and the stratum's column.
    settings : HeightSettings
    environmental_stress : float, optional
        E of the site, for ``chave2014``; 0 where the trees bring their own.

    Raises
    ------
    InputError
        If there are fewer measured heights than `fewest`, or no column of the stratum.
    """
    if settings.form == "chave2014":
        _warn_outside_tropics(settings)
        return Heights({"": HeightModel("chave2014", environmental_stress).fit([], None)})
    measured = trees[trees["height_m"].notna() & trees["dbh_cm"].notna()]
    if len(measured) < settings.fewest:
        raise InputError(
            f"{len(measured)} trees with a height; a model needs {settings.fewest}",
            where="allometry.heights",
            remedy="lower allometry.heights.fewest, or choose equations without height",
        )
    models = {"": _model_of(measured, settings)}
    if settings.stratum is not None:
        if settings.stratum not in trees:
            hint = nearest(settings.stratum, [str(c) for c in trees.columns])
            where = "allometry.heights.stratum"
            raise InputError(f"no column {settings.stratum!r}", where=where, remedy=hint)
        for name, rows in measured.groupby(settings.stratum, sort=True):
            if len(rows) >= settings.fewest and rows["dbh_cm"].nunique() >= 5:
                models[str(name)] = _model_of(rows, settings)
    return Heights(models)


def _model_of(rows: pd.DataFrame, settings: HeightSettings) -> HeightModel:
    d, h = rows["dbh_cm"].to_numpy(dtype=float), rows["height_m"].to_numpy(dtype=float)
    form = settings.form
    if form == "auto":
        form = compare_height_models(d, h)["form"].iloc[0]
    return HeightModel(form).fit(d, h)


def _warn_outside_tropics(settings: HeightSettings) -> None:
    where = "an unstated latitude" if settings.latitude is None else f"{settings.latitude:g}°"
    if settings.latitude is None or abs(settings.latitude) > TROPIC:
        warnings.warn(
            f"heights by chave2014 were made for the tropics and are used at {where}: "
            "fit a local model (allometry.heights.form)",
            HeightWarning,
            stacklevel=3,
        )


def fill_heights(
    trees: pd.DataFrame, settings: HeightSettings, environmental_stress: float | None = None
) -> pd.DataFrame:
    """Return the trees with every missing height filled by a model, and its error beside it.

    Parameters
    ----------
    trees, settings, environmental_stress
        As in `fit_heights`. Where no number is given, ``chave2014`` takes E from the column
        environmental_stress of the trees.

    Returns
    -------
    DataFrame
        The same rows; height_m; height_source (``measured``, or ``model:`` with form and
        stratum); height_sd_log (residual SD of ln H, NaN for measured heights and for models with
        a residual in metres); height_sd_m (residual SD in m of those); height_slope (d ln H /
        d ln D); height_load_1 to _3 (how ln H moves with the model's coefficients, see
        `HeightModel.loads`; NaN for measured heights) and height_freedom (their degrees of
        freedom). `plot_draws` reads these.

    Examples
    --------
    >>> d = np.arange(5.0, 55.0)
    >>> trees = pd.DataFrame({"species": "a", "dbh_cm": d, "height_m": 3 * d**0.6})
    >>> trees.loc[0, "height_m"] = np.nan
    >>> fill_heights(trees, HeightSettings(form="log_log")).loc[0, ["height_m", "height_source"]]
    height_m                  7.87...
    height_source    model:log_log, a
    Name: 0, dtype: object
    """
    out = trees.reset_index(drop=True)
    lacking = np.flatnonzero(out["height_m"].isna().to_numpy())
    names = ("height_sd_log", "height_sd_m", *LOADS, "height_freedom")
    columns = {n: np.full(len(out), np.nan) for n in names}
    height, slope = out["height_m"].to_numpy(dtype=float).copy(), np.zeros(len(out))
    source = np.full(len(out), "measured", dtype=object)
    if len(lacking):
        own = environmental_stress is None and settings.form == "chave2014" and STRESS in out
        heights = fit_heights(out, settings, 0.0 if own else environmental_stress)
        key = np.full(len(out), "", dtype=object)
        if settings.stratum is not None and settings.form != "chave2014":
            key = out[settings.stratum].astype(str).to_numpy(dtype=object)
        for stratum in dict.fromkeys(key[lacking]):
            rows = lacking[key[lacking] == stratum]
            name, model = heights.of(stratum)
            d = out["dbh_cm"].to_numpy(dtype=float)[rows]
            height[rows], slope[rows] = model.predict(d), model.slope(d)
            if own:
                height[rows] *= np.exp(-out[STRESS].to_numpy(dtype=float)[rows])
            sd = "height_sd_log" if model.form in LOGARITHMIC else "height_sd_m"
            columns[sd][rows] = model.scatter_
            columns["height_freedom"][rows] = model.freedom_
            for load, values in zip(LOADS, model.loads(d).T, strict=True):
                columns[load][rows] = values
            source[rows] = f"model:{model.form}, {name or 'all trees'}"
    filled = out.assign(height_m=height, height_source=source, height_slope=slope, **columns)
    return filled.set_index(trees.index)
