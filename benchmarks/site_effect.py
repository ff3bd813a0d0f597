"""The site effects in equations.csv and heights.py, derived from harvested trees.

    python benchmarks/site_effect.py data/harvest

The folder holds trees.csv and sites.csv of Chave et al. 2014 (4 004 trees of 58 sites). Residuals of
ln(AGB) about each equation are split by REML into what the trees of a site share and their own;
once more within countries, for equations used in the country they were made in.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass.allometry import HeightModel, load_equations, site_spread

NAMES = {
    "Locality": "site",
    "Trunk.diameter..cm.": "dbh_cm",
    "Total.height..m.": "height_m",
    "Dry.total.AGB..kg.": "weighed_kg",
    "Wood.specific.gravity": "wood_density",
}
EQUATIONS = ("chave2014", "chave2005_dry", "chave2005_moist", "chave2005_wet")
NO_HEIGHT = ("chave2014_no_height", "chave2014_no_height_biomass")


def trees_of(folder: Path) -> pd.DataFrame:
    trees = pd.read_csv(folder / "trees.csv", encoding="latin-1", usecols=list(NAMES))
    trees = trees.rename(columns=NAMES).dropna().query("dbh_cm >= 4.9")
    sites = pd.read_csv(folder / "sites.csv", encoding="latin-1").set_index("Locality")
    stress = 1e-3 * (
        0.178 * sites["Temp.Seasonality..SD.100."]
        - 0.938 * sites["CWD"]
        - 6.61 * sites["Precip.Seasonality..CV."]
    )
    country = sites["fulllocality"].str.split("_").str[0]
    return trees.assign(
        stress=trees["site"].map(stress), country=trees["site"].map(country)
    ).reset_index(drop=True)


def main() -> None:
    trees = trees_of(Path(sys.argv[1]))
    site, log_mass = trees["site"], np.log(trees["weighed_kg"])
    print(f"{len(trees)} trees, {site.nunique()} sites, {trees['country'].nunique()} countries")
    print(f"{'equation':30} site  tree  | within countries: site  tree  sites")
    known = load_equations()
    for name in (*EQUATIONS, *NO_HEIGHT):
        columns = (trees[c] for c in ("dbh_cm", "height_m", "wood_density", "stress"))
        residual = log_mass - np.log(known[name].agb_kg(*columns))
        report(name, residual, trees)
    mean = 0.893 - trees["stress"] + 0.760 * (x := np.log(trees["dbh_cm"])) - 0.0340 * x**2
    report("height: chave2014", np.log(trees["height_m"]) - mean, trees)
    for form in ("log_quadratic",):
        model = HeightModel(form).fit(trees["dbh_cm"].to_numpy(), trees["height_m"].to_numpy())
        residual = np.log(trees["height_m"] / model.predict(trees["dbh_cm"].to_numpy()))
        report(f"height: {form}, all trees", residual, trees)


def report(name: str, residual: pd.Series[float], trees: pd.DataFrame) -> None:
    whole = site_spread(residual, trees["site"])
    near = site_spread(residual, trees["site"], trees["country"])
    print(
        f"{name:30} {whole.site_sd:.3f} {whole.tree_sd:.3f} |"
        f"                   {near.site_sd:.3f} {near.tree_sd:.3f} {near.sites}"
    )


if __name__ == "__main__":
    main()
