"""Deriving an equation: published coefficients, known truths, the way back through a table."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import fit_equation, load_equations
from phytomass.allometry.fit import FITTED_FORMS
from phytomass.errors import InputError

DATA = os.environ.get("PHYTOMASS_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="PHYTOMASS_DATA names no data folder")


@pytest.fixture(scope="module")
def harvested() -> pd.DataFrame:
    names = {
        "Trunk.diameter..cm.": "dbh_cm",
        "Total.height..m.": "height_m",
        "Dry.total.AGB..kg.": "agb_kg",
        "Wood.specific.gravity": "wood_density",
    }
    path = Path(str(DATA)) / "harvest" / "trees.csv"
    trees = pd.read_csv(path, encoding="latin-1", usecols=list(names)).rename(columns=names)
    return trees.dropna().query("dbh_cm >= 4.9")


@needs_data
def test_refit_of_chave_2014(harvested: pd.DataFrame) -> None:
    """b 0.9758, RSE 0.3575, exp(a) 0.0632, CF 1.0660, product 0.0673 of 4 004 trees (methods 1.2)."""
    t = harvested
    fitted = fit_equation(
        t["dbh_cm"], t["agb_kg"], height_m=t["height_m"], wood_density=t["wood_density"]
    )
    e = fitted.equation
    assert e.n == 4004
    assert e.coefficients[1] == pytest.approx(0.9758, abs=5e-5)
    assert e.rse_log == pytest.approx(0.3575, abs=5e-5)
    assert e.coefficients[0] == pytest.approx(0.0673, abs=5e-5)
    assert e.coefficients[0] / fitted.baskerville == pytest.approx(0.0632, abs=5e-5)
    assert fitted.baskerville == pytest.approx(1.0660, abs=5e-5)
    sigma = e.covariance_matrix()
    assert sigma is not None
    se_a, se_b = np.sqrt(np.diag(sigma))
    assert (se_a, se_b) == (pytest.approx(0.0215, abs=5e-4), pytest.approx(0.00275, abs=1.5e-4))
    assert sigma[0, 1] / se_a / se_b == pytest.approx(-0.965, abs=0.003)
    assert abs(fitted.bias_percent) < 0.5
    assert fitted.smearing == pytest.approx(fitted.baskerville, abs=0.01)


@pytest.mark.parametrize("form", FITTED_FORMS)
def test_a_known_equation_is_found_again(form: str) -> None:
    """Without error exactly; with error within four standard errors of the covariance."""
    rng = np.random.default_rng(1)
    d, rho = np.exp(rng.uniform(1.6, 4.0, 400)), rng.uniform(0.3, 0.9, 400)
    h = 3 * d**0.6 * np.exp(rng.normal(0, 0.15, 400))
    x = np.log(d)
    size = {
        "power_d": -2 + 2.4 * x,
        "power_d2h": -3 + 0.95 * np.log(d**2 * h),
        "power_rhod2h": -2.76 + 0.976 * np.log(rho * d**2 * h),
        "power_d_h": -3 + 1.9 * x + 0.8 * np.log(h),
        "log_polynomial_d": -2 + 2.4 * x + 0.05 * x**2 - 0.01 * x**3,
    }[form]
    truth = {
        "power_d": (-2, 2.4),
        "power_d2h": (-3, 0.95),
        "power_rhod2h": (-2.76, 0.976),
        "power_d_h": (-3, 1.9, 0.8),
        "log_polynomial_d": (-2, 2.4, 0.05, -0.01),
    }[form]
    fitted = fit_equation(d, np.exp(size), height_m=h, wood_density=rho, form=form)
    found = np.array(fitted.equation.coefficients)
    found[0] = found[0] if form == "log_polynomial_d" else np.log(found[0])
    np.testing.assert_allclose(found, truth, atol=1e-8)
    noisy = np.exp(size + rng.normal(0, 0.3, 400))
    e = fit_equation(d, noisy, height_m=h, wood_density=rho, form=form).equation
    found = np.array(e.coefficients)
    found[0] = found[0] if form == "log_polynomial_d" else np.log(found[0])
    found[0] -= (e.rse_log or 0) ** 2 / 2
    sigma = e.covariance_matrix()
    assert sigma is not None
    assert (np.abs(found - truth) < 4 * np.sqrt(np.diag(sigma))).all()
    assert e.rse_log == pytest.approx(0.3, rel=0.15)


def test_covariance_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(2)
    d = np.exp(rng.uniform(1.6, 4.0, 60))
    found, sigmas = [], []
    for _ in range(600):
        e = fit_equation(d, np.exp(-2 + 2.4 * np.log(d) + rng.normal(0, 0.3, 60)), form="power_d")
        e = e.equation
        found.append((np.log(e.coefficients[0]) - (e.rse_log or 0) ** 2 / 2, e.coefficients[1]))
        sigmas.append(e.covariance_matrix())
    np.testing.assert_allclose(np.cov(np.transpose(found)), np.mean(sigmas, axis=0), rtol=0.2)


def test_diagnostics_see_unequal_spread_and_skewed_residuals() -> None:
    rng = np.random.default_rng(3)
    d = np.exp(rng.uniform(1.6, 4.0, 500))
    good = fit_equation(d, np.exp(2.4 * np.log(d) + rng.normal(0, 0.3, 500)), form="power_d")
    assert good.spread_p > 0.01
    uneven = rng.normal(0, 1, 500) * (0.1 + 0.2 * (np.log(d) - 1.6))
    bad = fit_equation(d, np.exp(2.4 * np.log(d) + uneven), form="power_d")
    assert bad.spread_p < 1e-6
    assert bad.spread_slope > 0
    skewed = fit_equation(d, np.exp(2.4 * np.log(d) + rng.exponential(0.4, 500)), form="power_d")
    assert skewed.skewness > 1


def test_the_record_survives_a_table_of_equations(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    d, h = np.exp(rng.uniform(1.6, 4.0, 50)), rng.uniform(5, 25, 50)
    agb = np.exp(-3 + 0.95 * np.log(d**2 * h) + rng.normal(0, 0.3, 50))
    fitted = fit_equation(d, agb, height_m=h, form="power_d2h", name="mine", source="own trees")
    path = tmp_path / "own.csv"
    row = fitted.as_row()
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, row)
        writer.writeheader()
        writer.writerow(row)
    read = load_equations(path)["mine"]
    assert read.coefficients == fitted.equation.coefficients
    assert read.covariance == fitted.equation.covariance
    assert (read.n, read.rse_log, read.dbh_range_cm) == (
        50,
        fitted.equation.rse_log,
        fitted.equation.dbh_range_cm,
    )
    np.testing.assert_array_equal(read.agb_kg(d, h), fitted.equation.agb_kg(d, h))


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ("1;2", "lower triangle"),
        ("1;x;1", "lower triangle"),
        ("1;5;1", "negative eigenvalue"),
        ("0;0;0", "negative eigenvalue"),
    ],
)
def test_a_bad_covariance_in_a_table_is_refused(
    tmp_path: Path, covariance: str, message: str
) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"id,form,a,b,source,covariance\nmine,power_d,0.1,2.5,me,{covariance}\n")
    with pytest.raises(InputError, match=message):
        load_equations(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "linear_d2h"}, "cannot be fitted"),
        ({"form": "power_d2h"}, "needs h"),
        ({"agb_kg": [0.0] * 20}, "20 trees without agb above zero"),
        ({"dbh_cm": [5.0] * 20}, "too alike"),
        ({"dbh_cm": [5.0], "agb_kg": [3.0]}, "too few"),
        ({"dbh_cm": [5.0, 6.0]}, "differ in length"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change: dict[str, object], message: str) -> None:
    d = np.linspace(5, 50, 20)
    given = {"dbh_cm": d, "agb_kg": 0.1 * d**2.5, "form": "power_d", **change}
    with pytest.raises(InputError, match=message):
        fit_equation(**given)  # type: ignore[arg-type]
