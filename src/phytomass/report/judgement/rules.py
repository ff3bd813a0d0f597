"""The limits of a study in words: a table of rules, each a condition on the facts and a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from phytomass.report.judgement import sentences
from phytomass.report.judgement.facts import Facts
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import fixed, listed, percent, signed

WEAK_R2 = 0.3
SPLIT_GAP = 0.1
FEW_SITES = 10
EXTRAPOLATED_SHARE = 0.05
COMPRESSED = 0.75
QUARTILE_BIAS = 0.1
BEYOND_SHARE = 0.01
AREA_GAP = 0.001
MEAN_GAP = 0.1
ZERO_SHARE = 0.1
TRUTH_GAP = 0.05

Verdict = bool | None
"""True: the limit holds; False: checked, it does not; None: the results do not tell."""


@dataclass(frozen=True)
class Rule:
    """One limit a study can have.

    Parameters
    ----------
    name : str
        Short name, shown before the sentence.
    checked : str
        What was looked for, for the list of limits that were not found.
    holds : callable
        Facts → True, False, or None when the results do not tell.
    sentence : callable
        Facts → one or two sentences.
    """

    name: str
    checked: str
    holds: Callable[[Facts], Verdict]
    sentence: Callable[[Facts], str]


@dataclass(frozen=True)
class Limits:
    """Which rules hold, which do not, and which could not be checked."""

    found: tuple[tuple[str, str], ...]
    clear: tuple[str, ...]
    unchecked: tuple[str, ...]


def limits_of(facts: Facts) -> Limits:
    """Apply every rule.

    Examples
    --------
    >>> limits = limits_of(Facts(n_plots=49.0))
    >>> [name for name, _ in limits.found]
    ['Few plots']
    """
    verdicts = [(rule, rule.holds(facts)) for rule in RULES]
    return Limits(
        tuple((rule.name, rule.sentence(facts)) for rule, verdict in verdicts if verdict),
        tuple(rule.checked for rule, verdict in verdicts if verdict is False),
        tuple(rule.checked for rule, verdict in verdicts if verdict is None),
    )


def _above(value: float, limit: float) -> Verdict:
    return None if math.isnan(value) else value > limit


def _below(value: float, limit: float) -> Verdict:
    return None if math.isnan(value) else value < limit


def optimism(facts: Facts) -> float:
    """Return by how much R² in random folds exceeds R² in spatial blocks."""
    return facts.r2.get("repeated_kfold", math.nan) - facts.r2.get("spatial_blocks", math.nan)


def _holdout_gap(facts: Facts) -> float:
    gap = facts.r2.get("holdout_by_site", math.nan) - facts.r2.get("repeated_kfold", math.nan)
    return abs(gap)


def _area_gap(facts: Facts) -> float:
    if len(facts.areas) < 2:
        return math.nan
    low, high = min(facts.areas.values()), max(facts.areas.values())
    return (high - low) / high if high else math.nan


def _tie(facts: Facts) -> Verdict:
    if math.isnan(facts.runner_gap) or math.isnan(facts.fold_sd):
        return None
    return abs(facts.runner_gap) < facts.fold_sd


def _unchecked_change(facts: Facts) -> Verdict:
    if math.isnan(facts.change_mean):
        return None
    return not facts.remeasured > 0


def _small_change(facts: Facts) -> Verdict:
    if math.isnan(facts.change_mean) or math.isnan(facts.main_rmse):
        return None
    return abs(facts.change_mean) < facts.main_rmse


def _outside_share(f: Facts) -> float:
    return f.share_above + f.share_below


RULES: tuple[Rule, ...] = (
    Rule(
        "Warnings before the run", "warnings of the check",
        lambda f: None if f.warnings is None else bool(f.warnings), sentences.warned,
    ),
    Rule("Weak relation", f"R² below {WEAK_R2}", lambda f: _below(f.main_r2, WEAK_R2), sentences.weak),
    Rule(
        "Fails in a split", "R² below 0 in a split",
        lambda f: any(v < 0 for v in f.r2.values()) if f.r2 else None, sentences.worse,
    ),
    Rule(
        "Random folds flatter", f"R² in random folds more than {SPLIT_GAP} above spatial blocks",
        lambda f: _above(optimism(f), SPLIT_GAP), sentences.optimistic,
    ),
    Rule(
        "Hold-out and folds disagree", f"R² of hold-out and folds more than {SPLIT_GAP} apart",
        lambda f: _above(_holdout_gap(f), SPLIT_GAP), sentences.noisy_holdout,
    ),
    Rule("Models tie", "the runner-up within the spread between folds", _tie, sentences.tied),
    Rule(
        "Predictions are compressed", f"SD of predictions below {COMPRESSED} of observations",
        lambda f: _below(f.sd_ratio, COMPRESSED), sentences.compressed,
    ),
    Rule(
        "High biomass is underestimated",
        f"bias in the highest quarter beyond {percent(QUARTILE_BIAS, 2)} of the plots' mean",
        lambda f: _below(_ratio(f.top_bias, f.plot_mean), -QUARTILE_BIAS), sentences.top,
    ),
    Rule(
        "Values beyond the plots", f"more than {percent(BEYOND_SHARE, 1)} of the map beyond the plots",
        lambda f: _above(_outside_share(f), BEYOND_SHARE), sentences.beyond,
    ),
    Rule(
        "Plots and map differ", f"means of map and plots more than {percent(MEAN_GAP, 2)} apart",
        lambda f: _above(abs(sentences.relative(f.map_mean, f.plot_mean)), MEAN_GAP), sentences.representative,
    ),
    Rule(
        "Few plots", f"fewer than {sentences.FEW_PLOTS} plots",
        lambda f: _below(f.n_plots, sentences.FEW_PLOTS), sentences.few_plots,
    ),
    Rule(
        "Few sites", f"fewer than {FEW_SITES} sites",
        lambda f: _below(f.n_sites, FEW_SITES), sentences.few_sites,
    ),
    Rule("Outliers", "outliers among the plots", lambda f: _above(f.n_outliers, 0), sentences.outliers),
    Rule(
        "Many empty plots", f"more than {percent(ZERO_SHARE, 2)} of the plots without biomass",
        lambda f: _above(f.zero_share, ZERO_SHARE), sentences.zeros,
    ),
    Rule(
        "Extrapolated trees", f"more than {percent(EXTRAPOLATED_SHARE, 1)} of AGB from extrapolated trees",
        lambda f: _above(f.extrapolated_agb, EXTRAPOLATED_SHARE), sentences.extrapolated,
    ),
    Rule(
        "Doubtful equation", "AGB from equations marked doubtful",
        lambda f: _above(f.doubtful_agb, 0), sentences.doubtful,
    ),
    Rule("Rejected rows", "rejected rows", lambda f: _above(f.n_rejected, 0), sentences.rejected),
    Rule(
        "Gaps in predictors", "predictors on less than 90 % of the grid",
        lambda f: None if f.low_cover is None else bool(f.low_cover), sentences.cover,
    ),
    Rule(
        "Areas differ", f"areas of the result files more than {percent(AREA_GAP, 1)} apart",
        lambda f: _above(_area_gap(f), AREA_GAP), sentences.areas,
    ),
    Rule(
        "No interval on totals", "totals without an interval",
        lambda f: None if f.has_interval is None else not f.has_interval, sentences.no_interval,
    ),
    Rule("Change is unverified", "no plot measured twice", _unchecked_change, sentences.change_unverified),
    Rule("Change is small", "mean change below the RMSE", _small_change, sentences.change_small),
    Rule(
        "Off the truth", f"mean of the map more than {percent(TRUTH_GAP, 1)} off the truth",
        lambda f: _above(abs(sentences.relative(f.map_mean, f.truth_mean)), TRUTH_GAP), sentences.off_truth,
    ),
)  # fmt: skip
"""Every limit the report looks for, in the order in which it tells them."""


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference else math.nan


def sensors_in_words(facts: Facts, paired: pd.DataFrame | None = None) -> list[str]:
    """Say, split by split, whether combined predictors beat either sensor alone.

    Parameters
    ----------
    facts : Facts
        `model` and `combined`.
    paired : DataFrame, optional
        `sensor_comparison.csv`: differences with their intervals.

    Examples
    --------
    >>> facts = Facts(model="svr", combined={"spatial_blocks": (0.40, 0.30, 0.45)})
    >>> sensors_in_words(facts)
    ['In spatial blocks, combined predictors (R² 0.45) beat either sensor alone (optical 0.40,
      SAR 0.30) with SVR.']
    """
    said = []
    for split, (optical, sar, both) in facts.combined.items():
        model = labels.model_in_sentence(facts.model)
        row = _paired_row(paired, facts.model, split)
        chance = row is not None and row["verdict"] == "no_difference"
        if both > max(optical, sar):
            way = "score higher than" if chance else "beat"
            verdict = (
                f"{way} either sensor alone (optical {fixed(optical, 2)}, SAR {fixed(sar, 2)})"
            )
        else:
            best, other = ("optical", "SAR") if optical >= sar else ("SAR", "optical")
            verdict = (
                f"do not beat {best} alone ({fixed(max(optical, sar), 2)}; {other} alone "
                f"{fixed(min(optical, sar), 2)})"
            )
        where = labels.split(split)
        text = f"In {where}, combined predictors (R² {fixed(both, 2)}) {verdict} with {model}"
        said.append(f"{text}{_chance_words(row)}.")
    return said


def _paired_row(paired: pd.DataFrame | None, model: str, split: str) -> pd.Series[Any] | None:
    if paired is None:
        return None
    rows = paired[(paired["model"] == model) & (paired["split"] == split)]
    return None if rows.empty else rows.iloc[0]


def _chance_words(row: pd.Series[Any] | None) -> str:
    """Add the difference to the better single sensor, and whether it may be chance."""
    if row is None:
        return ""
    span = f"{signed(row['rmse_low'])} to {signed(row['rmse_high'])}"
    change = f"{signed(row['rmse_difference'])} Mg/ha against the better single sensor"
    verdict = "this may be chance" if row["verdict"] == "no_difference" else "more than chance"
    return f"; RMSE {change} (95 % interval {span}): {verdict}"


def splits_in_words(facts: Facts) -> str:
    """Say whether the splits agree on the map's model."""
    if len(facts.r2) < 2:
        return ""
    low = min(facts.r2, key=lambda s: facts.r2[s])
    high = max(facts.r2, key=lambda s: facts.r2[s])
    gap = facts.r2[high] - facts.r2[low]
    scores = listed(f"{fixed(v, 2)} in {labels.split(s)}" for s, v in facts.r2.items())
    if gap <= SPLIT_GAP:
        return f"The splits agree on {labels.model_in_sentence(facts.model)}: R² is {scores}."
    text = (
        f"The splits disagree on {labels.model_in_sentence(facts.model)}: R² is {scores}, "
        f"{fixed(gap, 2)} between the best and the worst."
    )
    if optimism(facts) > SPLIT_GAP:
        text += (
            " Random folds score higher because their test plots lie close to training plots; "
            "for places away from the plots, take the score of the spatial blocks."
        )
    return text
