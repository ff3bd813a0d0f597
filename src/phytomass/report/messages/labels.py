"""The words a reader sees for the codes in the result files."""

from __future__ import annotations

POOLS = {"AGB": "AGB", "BGB": "BGB", "total": "AGB + BGB"}

KINDS = {"dry_mass": "dry mass", "C": "carbon", "CO2e": "CO₂ equivalent"}

PLOT_POOLS = {
    "agb": "AGB, aboveground, dry mass",
    "bgb": "BGB, belowground, dry mass",
    "total": "Total biomass, dry mass",
    "agc": "Carbon in AGB",
    "bgc": "Carbon in BGB",
    "carbon": "Total carbon",
    "co2e": "Total CO₂ equivalent",
}
"""Codes of `plot_statistics.csv`, in the order of the table."""

QUANTITIES = {
    "plot_mean": "Mean of the plots",
    "map_mean": "Mean of the map",
    "area": "Mapped area",
    "stock": "Stock",
    "plot_change": "Change at the plots",
    "plot_change_rate": "Change at the plots per year",
    "change_common_total": "Change on the common mask",
    "change_rate": "Mean change per year",
    "change_total_rate": "Change of the stock per year",
    "potential_total": "Potential of the whole area",
    "potential_total_rate": "Potential of the whole area per year",
    "change_mean": "Mean change",
    "change_total": "Change of the stock",
    "change_density_term": "of which change of density",
    "change_area_term": "of which change of area",
    "potential": "Sequestration potential",
    "potential_rate": "Potential per year",
    "truth_mean": "True mean",
    "truth_stock": "True stock",
}

STATISTICS = {
    "mean": "mean",
    "total": "total",
    "SE": "standard error",
    "SD": "SD between plots",
    "spatial_SD": "spatial SD",
    "min": "minimum",
    "max": "maximum",
}

SPLITS = {
    "holdout_by_site": "hold-out by site",
    "repeated_kfold": "repeated k-fold",
    "spatial_blocks": "spatial blocks",
}

MODELS = {
    "slr": "Simple linear",
    "simple_linear": "Simple linear",
    "mlr": "Multiple linear",
    "multiple_linear": "Multiple linear",
    "plsr": "PLSR",
    "svr": "SVR",
    "rf": "Random forest",
    "random_forest": "Random forest",
    "xgboost": "XGBoost",
    "xgb": "XGBoost",
    "resnet": "ResNet",
    "vgg": "VGG",
    "alexnet": "AlexNet",
    "pixelnet": "DNN (one pixel)",
    "stack": "Stack of models",
}

SETS = {"optical": "optical", "sar": "SAR", "both": "optical + SAR", "all": "all predictors"}

CHOICES = {
    "species": "species",
    "genus": "genus",
    "group": "species group",
    "general": "general",
    "project": "set in the project",
}


def _named(table: dict[str, str], code: object) -> str:
    text = str(code)
    return table.get(text, table.get(text.lower(), text.replace("_", " ")))


def pool(code: object) -> str:
    """Return the words for a pool."""
    return _named(POOLS, code)


def kind(code: object) -> str:
    """Return the words for a kind of mass."""
    return _named(KINDS, code)


def plot_pool(code: object) -> str:
    """Return the words for a pool of the plot table."""
    return _named(PLOT_POOLS, code)


ERROR_SOURCES = {
    "dbh": "diameter",
    "height": "height",
    "wood_density": "wood density",
    "parameters": "coefficients of the equations",
    "site_effect": "deviation of the site from the equations",
    "correction": "whether the equations hold the correction of logarithms",
    "height_model": "coefficients of the height model",
    "residual": "scatter of trees around the equation",
    "equation_choice": "choice of equation",
    "plot_area": "plot area",
    "carbon_fraction": "carbon fraction",
    "root_shoot": "root:shoot ratio",
    "dead_matter": "ratio of dead wood or litter",
}


def error_source(code: object) -> str:
    """Return the words for a source of error.

    Examples
    --------
    >>> error_source("dbh")
    'diameter'
    """
    return _named(ERROR_SOURCES, code)


def quantity(code: object) -> str:
    """Return the words for a quantity of `estimates.csv`.

    Examples
    --------
    >>> quantity("map_mean"), quantity("something_new")
    ('Mean of the map', 'something new')
    """
    return _named(QUANTITIES, code)


def statistic(code: object) -> str:
    """Return the words for a statistic."""
    return _named(STATISTICS, code)


def split(code: object) -> str:
    """Return the words for a way of splitting plots into training and test."""
    return _named(SPLITS, code)


def model(code: object) -> str:
    """Return the words for a model."""
    return _named(MODELS, code)


def model_in_sentence(code: object) -> str:
    """Return the words for a model inside a sentence: lower case, but not abbreviations.

    Examples
    --------
    >>> model_in_sentence("random_forest"), model_in_sentence("svr"), model_in_sentence("xgboost")
    ('random forest', 'SVR', 'XGBoost')
    """
    name = model(code)
    return name[:1].lower() + name[1:] if name.istitle() or name[1:].islower() else name


def period(code: object) -> str:
    """Write a period; a range gets an en dash.

    Examples
    --------
    >>> period("2016/2021"), period("2020-07"), period("2014/2015 to 2020")
    ('2016–2021', '2020-07', '2014–2015 to 2020')
    """
    return str(code).replace("/", "–")


def predictor_set(code: object) -> str:
    """Return the words for a set of predictors."""
    return _named(SETS, code)


def choice(code: object) -> str:
    """Return the words for how an equation was chosen."""
    return _named(CHOICES, code)


def mass(pool_code: str, kind_code: str) -> str:
    """Name what was weighed: pool and kind together.

    Examples
    --------
    >>> mass("AGB", "dry_mass"), mass("total", "CO2e"), mass("", "")
    ('AGB, dry mass', 'AGB + BGB, CO₂ equivalent', '')
    """
    return ", ".join(filter(None, [pool(pool_code), kind(kind_code)]))
