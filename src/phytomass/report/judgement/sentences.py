"""The sentences in which the report tells a limit; `words` says when each of them is told."""

from __future__ import annotations

import math

from phytomass.report.judgement.facts import Facts
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import count, fixed, listed, percent, signed, with_unit

FEW_PLOTS = 50
"""Below this number of plots, scores are too noisy to rank models."""


def _quoted(facts: Facts) -> str:
    return f"{labels.model(facts.model)} in {labels.split(facts.split)}"


def relative(value: float, reference: float) -> float:
    """Return the relative difference to a reference, NaN where that is zero."""
    return (value - reference) / abs(reference) if reference else math.nan


def warned(f: Facts) -> str:
    """Repeat what the check warned of."""
    said = "; ".join(f.warnings or ())
    return f"Before anything was computed, the input looked wrong in these points: {said}."


def weak(f: Facts) -> str:
    """Say that the model explains little."""
    return (
        f"{_quoted(f)} explains {percent(max(f.main_r2, 0), 2)} of the variance of plot AGB "
        f"(R² {fixed(f.main_r2, 2)}). The map shows broad differences; it does not tell one pixel "
        "from its neighbour, and means over large areas deserve more trust than small ones."
    )


def worse(f: Facts) -> str:
    """Say where the model is worse than the mean."""
    bad = [f"{labels.split(s)} (R² {fixed(v, 2)})" for s, v in f.r2.items() if v < 0]
    return (
        f"In {listed(bad)} the model is worse than the mean of the plots: where it is asked to "
        "predict away from its training plots, it has nothing to say."
    )


def optimistic(f: Facts) -> str:
    """Say that random folds score higher than spatial blocks."""
    return (
        f"R² is {fixed(f.r2['repeated_kfold'], 2)} in repeated k-fold but "
        f"{fixed(f.r2['spatial_blocks'], 2)} in spatial blocks. Random folds put test plots next to "
        "training plots; away from the plots, expect the lower score."
    )


def noisy_holdout(f: Facts) -> str:
    """Say that the hold-out and the folds disagree."""
    return (
        f"R² is {fixed(f.r2['holdout_by_site'], 2)} in the hold-out by site and "
        f"{fixed(f.r2['repeated_kfold'], 2)} in repeated k-fold. A single hold-out rests on few "
        "plots and on whole sites: neither number alone is the accuracy of the map."
    )


def compressed(f: Facts) -> str:
    """Say that predictions vary less than observations."""
    return (
        f"The SD of the predictions is {percent(f.sd_ratio, 2)} of the SD of the observations: "
        "the map is smoother than the forest, with its low values too high and its high values "
        "too low. Classes at both ends hold less area here than on the ground."
    )


def top(f: Facts) -> str:
    """Say that high biomass is underestimated."""
    low = (
        f" and overestimated by {with_unit(f.bottom_bias, 'Mg/ha', 3)} in the lowest"
        if f.bottom_bias > 0
        else ""
    )
    return (
        f"In held-out plots, AGB is underestimated by {with_unit(-f.top_bias, 'Mg/ha', 3)} on "
        f"average in the highest quarter{low}. Optical and radar signals saturate in dense forest."
    )


def beyond(f: Facts) -> str:
    """Say that the map leaves the range of the plots."""
    return (
        f"{percent(f.share_above, 2)} of the mapped area lies above the highest plot "
        f"({with_unit(f.plot_high, 'Mg/ha')}) and {percent(f.share_below, 2)} below the lowest "
        f"({with_unit(f.plot_low, 'Mg/ha')}): no plot can confirm these values."
    )


def few_plots(f: Facts) -> str:
    """Say that there are few plots."""
    return (
        f"The study rests on {count(f.n_plots)} plots; with fewer than {FEW_PLOTS}, scores and the "
        "choice of the model change much from one set of plots to another."
    )


def few_sites(f: Facts) -> str:
    """Say that there are few sites."""
    return (
        f"The {count(f.n_plots)} plots come from {count(f.n_sites)} sites; plots of one site "
        "resemble each other and count for less than their number."
    )


def extrapolated(f: Facts) -> str:
    """Say that trees lie outside their equation's range."""
    return (
        f"{percent(f.extrapolated_agb)} of the AGB of the trees comes from trees outside the "
        "diameter or height range their equation was made for; for saplings such equations can be "
        "wrong by a factor of two."
    )


def doubtful(f: Facts) -> str:
    """Say that an equation is doubtful."""
    return (
        f"{percent(f.doubtful_agb)} of the AGB of the trees comes from an equation marked doubtful "
        "in its source table."
    )


def outliers(f: Facts) -> str:
    """Say that plots lie far from the others."""
    if f.n_outliers == 1:
        start = "One plot lies far from the others and weighs heavily in the mean and in the model;"
        return f"{start} it is listed under “Plots” and marked on the map."
    return (
        f"{count(f.n_outliers)} plots lie far from the others and weigh heavily in the mean and in "
        "the model; they are listed under “Plots” and marked on the map."
    )


def rejected(f: Facts) -> str:
    """Say that rows were not used."""
    return (
        f"{count(f.n_rejected)} rows of the field data could not be used; if they are not a random "
        "part of the trees or plots, the means are off. They are listed with their reasons."
    )


def zeros(f: Facts) -> str:
    """Say that many plots are empty."""
    return (
        f"{percent(f.zero_share, 2)} of the plots have no biomass. One regression over forest and "
        "open land rarely returns zero where there is nothing."
    )


def representative(f: Facts) -> str:
    """Say that map and plots have different means."""
    way = "above" if f.map_mean > f.plot_mean else "below"
    return (
        f"The mean of the map ({with_unit(f.map_mean, 'Mg/ha')}) lies "
        f"{percent(abs(relative(f.map_mean, f.plot_mean)), 2)} {way} the mean of the plots "
        f"({with_unit(f.plot_mean, 'Mg/ha')}): the plots stand on other land than the average of "
        "the mapped area, or the model is off where there are none."
    )


def no_interval(_: Facts) -> str:
    """Say that totals have no interval."""
    return (
        "Totals are given without a confidence interval. The ± beside the mean of the map is its "
        "spatial SD, how much pixels differ, not how well the mean is known. Intervals that carry "
        "tree, model and sampling errors come in a later version."
    )


def areas(f: Facts) -> str:
    """Say that result files refer to different areas."""
    named = [f"{with_unit(area, 'ha', 6)} in {name}" for name, area in f.areas.items()]
    return (
        f"The result files do not refer to one and the same area: {listed(named)}. Pixels without "
        "a class, an elevation or a zone are missing from those tables; compare means, not totals."
    )


def tied(f: Facts) -> str:
    """Say that the runner-up is as good."""
    model, _, predictors = f.runner_up.partition("|")
    return (
        f"{labels.model(model)} with {labels.predictor_set(predictors)} comes within "
        f"{with_unit(abs(f.runner_gap), 'Mg/ha', 2)} of the RMSE of the chosen model, less than "
        f"RMSE varies between folds (SD {with_unit(f.fold_sd, 'Mg/ha', 2)}): the choice between "
        "them is not a finding."
    )


def cover(f: Facts) -> str:
    """Say that predictors have gaps."""
    names = f.low_cover or ()
    shown = listed([*names[:6], f"{len(names) - 6} others"] if len(names) > 6 else names)
    return f"{shown} cover{'s' if len(names) == 1 else ''} less than 90 % of the grid; there is no map where a predictor is missing."


def change_unverified(_: Facts) -> str:
    """Say that no plot was measured twice."""
    return (
        "No plot was measured at both dates, so nothing on the ground confirms the mapped change; "
        "a difference between the two dates' images can look like growth."
    )


def change_small(f: Facts) -> str:
    """Say that the change is smaller than the error."""
    return (
        f"The mean change ({signed(f.change_mean)} Mg/ha) is smaller than the error of a single "
        f"prediction (RMSE {with_unit(f.main_rmse, 'Mg/ha', 3)}): read the map of change as a "
        "pattern, not pixel by pixel."
    )


def off_truth(f: Facts) -> str:
    """Say that the mean is off the truth."""
    off = relative(f.map_mean, f.truth_mean)
    return (
        f"The mean of the map is {percent(abs(off))} {'above' if off > 0 else 'below'} the known "
        f"truth ({with_unit(f.truth_mean, 'Mg/ha')}); totals are off by the same share."
    )
