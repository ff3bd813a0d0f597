"""The limits of a study: a table of rules, each a condition on the facts; words are messages.

The message `limit.<key>.name` names a limit, `.checked` says what was looked for, `.said` tells it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from phytomass.report.judgement.facts import ZONES, Facts
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import fixed
from phytomass.report.messages.saying import say

SPLIT_GAP = 0.1
FEW_PLOTS = 50
"""Below this number of plots, scores are too noisy to rank models."""
MOST_NAMES = 6

Verdict = bool | None
"""True: the limit holds; False: checked, it does not; None: the results do not tell."""


@dataclass(frozen=True)
class Rule:
    """One limit a study can have.

    Parameters
    ----------
    key : str
        Of its messages.
    holds : callable
        Facts, threshold → True, False, or None when the results do not tell.
    fields : callable
        Facts → the fields of its sentence.
    threshold : float, optional
        What the facts are held against, told in what was looked for.
    """

    key: str
    holds: Callable[[Facts, float], Verdict]
    fields: Callable[[Facts], Mapping[str, object]]
    threshold: float = math.nan

    @property
    def name(self) -> str:
        """Short name, shown before the sentence."""
        return say(f"limit.{self.key}.name")

    @property
    def checked(self) -> str:
        """What was looked for, for the list of limits that were not found."""
        told = {} if math.isnan(self.threshold) else {"threshold": self.threshold}
        return say(f"limit.{self.key}.checked", **told)

    def said(self, facts: Facts) -> str:
        """Return one or two sentences."""
        return say(f"limit.{self.key}.said", **self.fields(facts))


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
    verdicts = [(rule, rule.holds(facts, rule.threshold)) for rule in RULES]
    return Limits(
        tuple((rule.name, rule.said(facts)) for rule, verdict in verdicts if verdict),
        tuple(rule.checked for rule, verdict in verdicts if verdict is False),
        tuple(rule.checked for rule, verdict in verdicts if verdict is None),
    )


def _above(value: float, limit: float) -> Verdict:
    return None if math.isnan(value) else value > limit


def _below(value: float, limit: float) -> Verdict:
    return None if math.isnan(value) else value < limit


def _any(values: tuple[str, ...] | None) -> Verdict:
    return None if values is None else bool(values)


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


def _tie(facts: Facts, _: float) -> Verdict:
    if math.isnan(facts.runner_gap) or math.isnan(facts.fold_sd):
        return None
    return abs(facts.runner_gap) < facts.fold_sd


def _unchecked_change(facts: Facts, _: float) -> Verdict:
    if math.isnan(facts.change_mean):
        return None
    return not facts.remeasured > 0


def _small_change(facts: Facts, _: float) -> Verdict:
    if math.isnan(facts.change_mean) or math.isnan(facts.main_rmse):
        return None
    return abs(facts.change_mean) < facts.main_rmse


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference else math.nan


def relative(value: float, reference: float) -> float:
    """Return the relative difference to a reference, NaN where that is zero."""
    return (value - reference) / abs(reference) if reference else math.nan


def way(above: bool) -> str:
    """Return the word for one side of a reference."""
    return say("word.above") if above else say("word.below")


def _worse(f: Facts) -> dict[str, object]:
    bad = [f"{labels.split(s)} (R² {fixed(v, 2)})" for s, v in f.r2.items() if v < 0]
    return {"splits": bad}


def _top(f: Facts) -> dict[str, object]:
    low = say("limit.top.bottom", bias=f.bottom_bias) if f.bottom_bias > 0 else ""
    return {"bias": -f.top_bias, "bottom": low}


def _tied(f: Facts) -> dict[str, object]:
    model, predictors = f.runner_up
    return {
        "model": labels.model(model), "predictors": labels.predictor_set(predictors),
        "gap": abs(f.runner_gap), "sd": f.fold_sd,
    }  # fmt: skip


def _cover(f: Facts) -> dict[str, object]:
    names = f.low_cover or ()
    others = len(names) - MOST_NAMES
    more = [say("limit.cover.others", n=others)] if others > 0 else []
    return {"names": [*names[:MOST_NAMES], *more], "n": len(names)}


def _areas(f: Facts) -> dict[str, object]:
    """Name the area of each result file, and of the zones."""
    named = [
        say("limit.areas.one", area=area, where=say("limit.areas.zones") if name == ZONES else name)
        for name, area in f.areas.items()
    ]
    return {"areas": named}


def _representative(f: Facts) -> dict[str, object]:
    return {
        "map": f.map_mean, "plots": f.plot_mean, "way": way(f.map_mean > f.plot_mean),
        "gap": abs(relative(f.map_mean, f.plot_mean)),
    }  # fmt: skip


def _off_truth(f: Facts) -> dict[str, object]:
    off = relative(f.map_mean, f.truth_mean)
    return {"off": abs(off), "way": way(off > 0), "truth": f.truth_mean}


RULES: tuple[Rule, ...] = (
    Rule(
        "warned", lambda f, _: _any(f.warnings),
        lambda f: {"warnings": "; ".join(f.warnings or ())},
    ),
    Rule(
        "weak", lambda f, most: _below(f.main_r2, most),
        lambda f: {
            "model": labels.model(f.model), "split": labels.split(f.split),
            "share": max(f.main_r2, 0), "r2": f.main_r2,
        },
        0.3,
    ),
    Rule("worse", lambda f, _: any(v < 0 for v in f.r2.values()) if f.r2 else None, _worse),
    Rule(
        "optimistic", lambda f, most: _above(optimism(f), most),
        lambda f: {"random": f.r2["repeated_kfold"], "blocks": f.r2["spatial_blocks"]},
        SPLIT_GAP,
    ),
    Rule(
        "holdout", lambda f, most: _above(_holdout_gap(f), most),
        lambda f: {"holdout": f.r2["holdout_by_site"], "random": f.r2["repeated_kfold"]},
        SPLIT_GAP,
    ),
    Rule("tied", _tie, _tied),
    Rule(
        "compressed", lambda f, least: _below(f.sd_ratio, least), lambda f: {"ratio": f.sd_ratio},
        0.75,
    ),
    Rule("top", lambda f, most: _below(_ratio(f.top_bias, f.plot_mean), -most), _top, 0.1),
    Rule(
        "beyond", lambda f, most: _above(f.share_above + f.share_below, most),
        lambda f: {
            "above": f.share_above, "high": f.plot_high, "below": f.share_below, "low": f.plot_low,
        },
        0.01,
    ),
    Rule(
        "representative", lambda f, most: _above(abs(relative(f.map_mean, f.plot_mean)), most),
        _representative, 0.1,
    ),
    Rule(
        "few_plots", lambda f, least: _below(f.n_plots, least),
        lambda f: {"n": f.n_plots, "few": FEW_PLOTS}, FEW_PLOTS,
    ),
    Rule(
        "few_sites", lambda f, least: _below(f.n_sites, least),
        lambda f: {"plots": f.n_plots, "sites": f.n_sites}, 10,
    ),
    Rule("outliers", lambda f, _: _above(f.n_outliers, 0), lambda f: {"n": f.n_outliers}),
    Rule("zeros", lambda f, most: _above(f.zero_share, most), lambda f: {"share": f.zero_share}, 0.1),
    Rule(
        "extrapolated", lambda f, most: _above(f.extrapolated_agb, most),
        lambda f: {"share": f.extrapolated_agb}, 0.05,
    ),
    Rule("doubtful", lambda f, _: _above(f.doubtful_agb, 0), lambda f: {"share": f.doubtful_agb}),
    Rule("rejected", lambda f, _: _above(f.n_rejected, 0), lambda f: {"n": f.n_rejected}),
    Rule("cover", lambda f, _: _any(f.low_cover), _cover),
    Rule("areas", lambda f, most: _above(_area_gap(f), most), _areas, 0.001),
    Rule(
        "no_interval", lambda f, _: None if f.has_interval is None else not f.has_interval,
        lambda _: {},
    ),
    Rule("change_unverified", _unchecked_change, lambda _: {}),
    Rule(
        "change_small", _small_change, lambda f: {"change": f.change_mean, "rmse": f.main_rmse},
    ),
    Rule(
        "off_truth", lambda f, most: _above(abs(relative(f.map_mean, f.truth_mean)), most),
        _off_truth, 0.05,
    ),
)  # fmt: skip
"""Every limit the report looks for, in the order in which it tells them."""
