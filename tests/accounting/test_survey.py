"""Estimates of a probability sample against R's survey and mase, and against a census."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting import survey
from phytomass.errors import InputError


@pytest.fixture(scope="module")
def api(data: Path) -> Path:
    return data / "oracles" / "survey"


def test_a_simple_random_sample(api: Path) -> None:
    sample = pd.read_csv(api / "apisrs.csv")
    found = survey.mean(survey.simple_random(len(sample), 6194), sample["api00"])
    assert_allclose([found.value, found.se], [656.585, 9.249722], rtol=5e-8)
    assert found.df == 199


def strata(sample: pd.DataFrame) -> survey.Design:
    codes, _ = survey.codes_of(sample["stype"])
    sizes = sample.groupby(codes)["fpc"].first().to_numpy()
    return survey.stratified(sample["pw"], codes, sizes)


def test_strata(api: Path) -> None:
    sample = pd.read_csv(api / "apistrat.csv")
    found = survey.mean(strata(sample), sample["api00"])
    assert_allclose([found.value, found.se], [662.287363, 9.408941], rtol=5e-8)
    whole = survey.total(strata(sample), sample["enroll"])
    assert_allclose([whole.value, whole.se], [3_687_177.53, 114_641.716], rtol=5e-8)


def clusters(sample: pd.DataFrame) -> survey.Design:
    return survey.clustered(sample["pw"], survey.codes_of(sample["dnum"])[0], None, 757)


def test_clusters_and_their_ratio(api: Path) -> None:
    sample = pd.read_csv(api / "apiclus1.csv")
    found = survey.mean(clusters(sample), sample["api00"])
    assert_allclose([found.value, found.se], [644.169399, 23.542241], rtol=5e-8)
    assert found.df == 14
    share = survey.ratio(clusters(sample), sample["api.stu"], sample["enroll"])
    assert_allclose([share.value, share.se], [0.849708742, 0.008386297], rtol=5e-8)


def test_two_stages(api: Path) -> None:
    sample = pd.read_csv(api / "apiclus2.csv")
    codes, _ = survey.codes_of(sample["dnum"])
    held = sample.groupby(codes)["fpc2"].first().to_numpy(float)
    weights = 757 / len(held) * held[codes] / np.bincount(codes)[codes]
    found = survey.mean(survey.two_stage(weights, codes, 757, held), sample["api00"])
    assert_allclose([found.value, found.se], [670.811808, 30.099027], rtol=5e-8)


def test_regression_on_clusters_and_on_a_simple_sample(api: Path) -> None:
    people = pd.read_csv(api / "apipop.csv")

    def known(table: pd.DataFrame) -> np.ndarray:
        types = [np.ones(len(table)), table["stype"] == "H", table["stype"] == "M", table["api99"]]
        return np.stack([np.asarray(t, float) for t in types], axis=1)

    sample = pd.read_csv(api / "apiclus1.csv")
    totals = known(people).sum(axis=0)
    whole = survey.regression(clusters(sample), sample["enroll"], known(sample), totals)
    assert_allclose([whole.value, whole.se], [3_638_487.20, 385_524.43], rtol=5e-8)
    mean = survey.regression(clusters(sample), sample["api00"], known(sample), totals)
    assert_allclose(
        [mean.value / len(people), mean.se / len(people)], [665.309071, 3.441753], rtol=1e-6
    )
    simple = pd.read_csv(api / "apisrs.csv")
    one = np.stack([np.ones(200), simple["api99"]], axis=1)
    found = survey.regression(
        survey.simple_random(200, 6194), simple["api00"], one, [6194, people["api99"].sum()]
    )
    assert_allclose([found.value / 6194, found.se / 6194], [663.449859, 1.997101], rtol=1e-6)


def test_mase(api: Path) -> None:
    people, sample = pd.read_csv(api / "apipop.csv"), pd.read_csv(api / "apisrs.csv")
    n = len(people)
    design = survey.simple_random(200, n)

    def known(table: pd.DataFrame) -> np.ndarray:
        columns = [np.ones(len(table)), table["col.grad"], table["awards"] == "Yes"]
        return np.stack([np.asarray(c, float) for c in columns], axis=1)

    totals = known(people).sum(axis=0)
    found = survey.regression(design, sample["api00"], known(sample), totals, "design")
    assert_allclose([found.value / n, (found.se / n) ** 2], [664.581472, 40.341359], rtol=1e-6)
    plain = survey.total(design, sample["api00"])
    assert_allclose((plain.se / n) ** 2, 85.55736, rtol=1e-6)
    classes = known(sample)[:, [0, 2]]
    post = survey.regression(design, sample["api00"], classes, totals[[0, 2]], "design")
    assert_allclose([post.value / n, (post.se / n) ** 2], [659.6382, 81.71875], rtol=1e-5)


def test_a_forest_county(data: Path) -> None:
    """Basal area of a county on means of a whole map (README of mase)."""
    folder = data / "oracles" / "forest_greg"
    sample, people = pd.read_csv(folder / "IdahoSamp.csv"), pd.read_csv(folder / "IdahoPop.csv")
    sample = sample[sample["COUNTYFIPS"] == 16055]
    county = people[people["COUNTYFIPS"] == 16055].iloc[0]
    names, n = ["tcc", "elev", "ppt", "tmean"], float(county["npixels"])
    design = survey.simple_random(len(sample), n)
    plain = survey.total(design, sample["BA_TPA_ADJ"])
    assert_allclose([plain.value / n, (plain.se / n) ** 2], [107.2231, 46.63093], rtol=1e-4)
    known = np.column_stack([np.ones(len(sample)), sample[names]])
    totals = n * np.array([1.0, *county[names]])
    found = survey.regression(design, sample["BA_TPA_ADJ"], known, totals, "design")
    assert_allclose([found.value / n, (found.se / n) ** 2], [93.41733, 36.11314], rtol=1e-4)


def test_a_population_taken_whole_has_no_error() -> None:
    design = survey.simple_random(5, 5)
    found = survey.mean(design, [1.0, 2.0, 3.0, 4.0, 10.0])
    assert (found.value, found.se) == (4.0, 0.0)


def test_two_samples_of_one_design_have_a_covariance() -> None:
    """Var(a + b) = Var(a) + Var(b) + 2 Cov, all from the linear values."""
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(8), 3)
    design = survey.clustered(np.full(24, 4.0), clusters, clusters // 4, [30, 50])
    a, b = rng.gamma(2, 5, 24), rng.gamma(2, 5, 24)
    one, two, both = (survey.mean(design, v) for v in (a, b, a + b))
    covariance = (design.variance(one.linear + two.linear) - one.se**2 - two.se**2) / 2
    assert_allclose(both.se**2, one.se**2 + two.se**2 + 2 * covariance)


def test_bad_designs() -> None:
    one = np.zeros(3, np.intp)
    with pytest.raises(InputError, match="single unit has no variance"):
        survey.stratified([1.0, 1, 1], np.array([0, 0, 1]), [10, 10])
    with pytest.raises(InputError, match="weights of plots"):
        survey.stratified([1.0, 0, 1], one, [10])
    with pytest.raises(InputError, match="3 units of a stratum that holds 2"):
        survey.simple_random(3, 2)
    with pytest.raises(InputError, match="in two strata"):
        survey.clustered([1.0, 1, 1], np.array([0, 0, 1]), np.array([0, 1, 1]), 9)
    with pytest.raises(InputError, match="without a value"):
        survey.mean(survey.simple_random(2), [1.0, np.nan])


@pytest.mark.slow
@pytest.mark.parametrize(("n", "t_covers"), [(20, 0.914), (50, 0.933), (100, 0.933)])
def test_skewed_biomass_of_a_complete_census(data: Path, n: int, t_covers: float) -> None:
    """1 250 quadrats of a tropical plot: the t interval's coverage is known, bootstrap-t's is better."""
    census = pd.read_csv(data / "bci" / "quadrats.csv")["agb_mg_ha"].to_numpy(float)
    rng, truth, held = np.random.default_rng(7), census.mean(), np.zeros(2)
    repetitions = 2000
    design = survey.simple_random(n, len(census))
    for repetition in range(repetitions):
        y = rng.choice(census, n, replace=False)
        found = survey.mean(design, y)
        low, high = found.interval()
        held[0] += low <= truth <= high
        t = survey.bootstrap_t(design, y, n_draws=599, random_state=repetition)
        lower, upper = np.quantile(t, [0.025, 0.975])
        held[1] += found.value - found.se * upper <= truth <= found.value - found.se * lower
    share = held / repetitions
    assert abs(share[0] - t_covers) < 0.02
    assert 0.93 <= share[1] <= 0.97, share
