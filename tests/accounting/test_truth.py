import numpy as np
import pytest
from sklearn import metrics

from phytomass.accounting import truth_scores
from phytomass.errors import InputError


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    truth = rng.gamma(2, 40, size=(48, 40)).astype(np.float32)
    return truth + rng.normal(size=truth.shape).astype(np.float32) * 20, truth


def test_pixels_agree_with_scikit_learn(maps):
    predicted, truth = maps
    row = truth_scores(predicted, truth, np.zeros(truth.shape, bool), [10], 10).iloc[0]
    a, b = truth.ravel().astype(float), predicted.ravel().astype(float)
    assert row["n"] == truth.size
    assert row["r2"] == pytest.approx(metrics.r2_score(a, b))
    assert row["rmse"] == pytest.approx(metrics.root_mean_squared_error(a, b))
    assert row["mae"] == pytest.approx(metrics.mean_absolute_error(a, b))
    assert row["bias"] == pytest.approx(row["map_mean"] - row["truth_mean"])


def test_blocks_are_means_of_squares(maps):
    predicted, truth = maps
    row = truth_scores(predicted, truth, np.zeros(truth.shape, bool), [40], 10).iloc[0]
    a, b = (
        m.astype(float).reshape(12, 4, 10, 4).mean(axis=(1, 3)).ravel() for m in (truth, predicted)
    )
    assert row["n"] == 120
    assert row["r2"] == pytest.approx(metrics.r2_score(a, b))


def test_errors_average_out_over_blocks(maps):
    table = truth_scores(*maps, np.zeros(maps[1].shape, bool), [10, 20, 40], 10)
    assert table["block_m"].tolist() == [10, 20, 40]
    assert (table["rmse"].diff().dropna() < 0).all()


def test_training_pixels_do_not_count_at_any_scale(maps):
    predicted, truth = maps
    exclude = np.zeros(truth.shape, dtype=bool)
    exclude[::5, ::4] = True
    cheated = np.where(exclude, 1e6, predicted)
    one = truth_scores(predicted, truth, exclude, [10, 20], 10)
    assert one.equals(truth_scores(cheated, truth, exclude, [10, 20], 10))
    assert one["n"].iloc[0] == (~exclude).sum()
    assert not one.equals(truth_scores(predicted, truth, ~exclude, [10], 10))


def test_missing_pixels_on_either_side_do_not_count(maps):
    predicted, truth = (m.copy() for m in maps)
    predicted[:3], truth[:, :5] = np.nan, np.nan
    row = truth_scores(predicted, truth, np.zeros(truth.shape, bool), [10], 10).iloc[0]
    assert row["n"] == 45 * 35


def test_blocks_need_half_of_their_pixels():
    truth = np.arange(25.0).reshape(5, 5)  # 4 × 4 in whole 2 × 2 blocks, the rest cut by the edge
    none = np.zeros((5, 5), dtype=bool)
    assert truth_scores(truth, truth, none, [20], 10)["n"].item() == 8  # two of four: edges count
    assert truth_scores(truth, truth, none, [40], 10)["n"].item() == 1


def test_what_cannot_be_compared():
    ones = np.ones((4, 4))
    none = np.zeros((4, 4), dtype=bool)
    with pytest.raises(InputError, match="no multiple of pixels of 10 m"):
        truth_scores(ones, ones, none, [25], 10)
    with pytest.raises(InputError, match="has shape"):
        truth_scores(ones, np.ones((4, 5)), none, [10], 10)
    with pytest.raises(InputError, match="no block of 10 m"):
        truth_scores(ones, ones, ~none, [10], 10)
