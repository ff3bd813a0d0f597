"""Patch networks: scikit-learn's checks, seeds, transforms, weights, Ctrl-C, bad input."""

from __future__ import annotations

import _thread
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.errors import InputError
from phytomass.models.patch_cnn import VGG, AlexNet, PixelNet, ResNet, weights_from_se
from phytomass.models.patch_cnn.targets import Scaling, Target
from tests.models.patch_cnn.small import SMALL, patches

QUICK = {"filters": 8, "n_members": 1, "epochs": 25, "dropout": 0.0, "precision": "fp64"}
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a repeated plot is seen in other batches than a plot of double weight"
    ),
}


@parametrize_with_checks(
    [ResNet(**QUICK), PixelNet(**QUICK)], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_checks_on_pixels(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [VGG(**QUICK), AlexNet(**QUICK)], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_checks_on_pixels_of_the_rivals(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [ResNet, VGG, AlexNet])
def test_a_patch_network_learns_what_a_pixel_network_cannot_see(kind):
    X, y = patches(n=160, side=5)
    new, truth = patches(n=300, side=5, seed=1)
    settings = {"filters": 8, "n_members": 2, "epochs": 40, "growth": 1}
    seen = kind(**settings).fit(X, y).predict(new)
    blind = PixelNet(**settings).fit(X, y).predict(new)
    assert np.corrcoef(seen, truth)[0, 1] > np.corrcoef(blind, truth)[0, 1] + 0.02


def test_the_seed_fixes_the_weights_whatever_the_threads():
    X, y = patches()
    one = ResNet(**SMALL).fit(X, y)
    again = ResNet(**SMALL, n_jobs=2).fit(X, y)
    other = ResNet(**{**SMALL, "random_state": 4}).fit(X, y)
    for a, b in zip(one.members_, again.members_, strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)
    assert np.array_equal(one.predict(X), again.predict(X))
    assert not np.array_equal(one.predict(X), other.predict(X))
    assert not np.array_equal(
        one.members_[0]["0.body.0.weight"], one.members_[1]["0.body.0.weight"]
    )


def test_predictions_do_not_change_when_the_patch_is_turned_or_mirrored():
    X, y = patches()
    model = ResNet(**SMALL, precision="fp64").fit(X, y)
    expected = model.predict(X)
    for turned in (X[:, :, ::-1], X[..., ::-1], X.swapaxes(2, 3), np.rot90(X, axes=(2, 3))):
        assert np.abs(model.predict(turned) - expected).max() < 1e-9 * expected.std()
    plain = ResNet(**SMALL, symmetries=False).fit(X, y)
    assert np.abs(plain.predict(X[..., ::-1]) - plain.predict(X)).max() > 1e-3 * expected.std()


def test_scaling_uses_the_training_patches_only_and_missing_is_their_mean():
    X, y = patches()
    X[3, 0, 0, 0] = np.nan
    model = ResNet(**SMALL).fit(X, y)
    assert model.scaling_.mean[0] == pytest.approx(np.nanmean(X[:, 0]))
    assert model.scaling_.sd[1] == pytest.approx(X[:, 1].std())
    filled = X.copy()
    filled[3, 0, 0, 0] = model.scaling_.mean[0]
    assert np.array_equal(model.predict(X), model.predict(filled))


def test_a_constant_band_becomes_zero():
    X, y = patches()
    X[:, 2] = 12345.678
    scaled = Scaling.of(X).apply(X)
    assert np.abs(scaled[:, 2]).max() < 1e-6
    assert np.isfinite(ResNet(**SMALL).fit(X, y).predict(X)).all()


def test_larger_patches_are_cropped_to_the_centre():
    X, y = patches(side=9)
    inner = X[:, :, 2:7, 2:7]
    cropped = ResNet(patch=5, **SMALL).fit(X, y)
    assert np.array_equal(cropped.predict(X), ResNet(**SMALL).fit(inner, y).predict(inner))


@pytest.mark.parametrize("transform", ["log1p", "sqrt"])
def test_the_way_back_from_a_transform_has_no_bias(transform):
    """Lognormal noise that no predictor explains: the naive way back is 20 % and more too low."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(500, 2))
    y = np.exp(4 + 0.3 * X[:, 0] + rng.normal(scale=0.8, size=500))
    settings = {"filters": 4, "n_members": 1, "epochs": 30, "growth": 1}
    model = PixelNet(target=transform, **settings).fit(X, y)
    naive = Target(transform, model.target_.mean, model.target_.sd, residual_exp=1.0)
    standard = model._ensemble().patches(model.scaling_.apply(X[:, :, None, None]))[:, 0]
    without = naive.back(standard).mean(axis=0)
    expected = np.exp(4 + 0.3 * X[:, 0] + 0.32).mean()
    assert model.predict(X).mean() == pytest.approx(expected, rel=0.08)
    assert without.mean() < 0.9 * expected


@pytest.mark.parametrize("transform", ["none", "log1p", "sqrt"])
def test_smearing_is_the_mean_over_the_residuals(transform):
    r = np.random.default_rng(0).normal(size=50) * 0.3
    target = Target(transform, 2.0, 1.5, r.mean(), (r**2).mean(), residual_exp=np.exp(r).mean())
    z = 2.0 + 1.5 * np.array([0.2, 1.0])
    inverse = {"none": lambda v: v - r.mean(), "log1p": np.expm1, "sqrt": np.square}[transform]
    assert target.back(np.array([0.2, 1.0])) == pytest.approx(
        [inverse(value + r).mean() for value in z]
    )
    step = 1e-6
    slope = (target.back(np.array([0.2 + step])) - target.back(np.array([0.2 - step]))) / 2 / step
    assert target.slope(np.array([0.2])) == pytest.approx(slope, rel=0.2)


def test_weights_move_the_prediction():
    X = np.zeros((40, 1))
    X[:, 0] = np.random.default_rng(0).normal(size=40)
    y = np.r_[np.zeros(20), np.full(20, 100.0)]
    settings = {"filters": 2, "n_members": 1, "epochs": 80, "dropout": 0.0}
    even = PixelNet(**settings).fit(X, y).predict(X).mean()
    uneven = PixelNet(**settings).fit(X, y, np.r_[np.full(20, 9.0), np.ones(20)]).predict(X).mean()
    assert even == pytest.approx(50, abs=8)
    assert uneven == pytest.approx(10, abs=8)
    with pytest.raises(InputError, match="standard errors"):
        weights_from_se([1.0, np.nan], 2.0)
    with pytest.raises(InputError, match="weights"):
        PixelNet(**settings).fit(X, y, -np.ones(40))


def test_each_member_learns_its_own_draw():
    X, y = patches()
    draws = np.column_stack([np.full(40, 10.0), np.full(40, 90.0)])
    model = ResNet(**SMALL).fit(X, y, y_draws=draws)
    by_member = model.target_.back(model._ensemble().patches(model.scaling_.apply(X))[:, 0])
    assert by_member[0].mean() < by_member[1].mean() - 20
    assert model.predict_spread(X).mean() > 10
    with pytest.raises(InputError, match="y_draws"):
        ResNet(**SMALL).fit(X, y, y_draws=draws[:5])


def test_the_gaussian_likelihood_finds_the_spread():
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, size=(800, 1))
    sd = np.where(X[:, 0] > 0, 20.0, 4.0)
    model = PixelNet(
        likelihood="gaussian", filters=4, n_members=2, epochs=40, dropout=0.0, non_negative=False
    ).fit(X, 50 + sd * rng.normal(size=800))
    spread = model.predict_spread(np.array([[-0.6], [0.6]]))
    assert spread == pytest.approx([4, 20], rel=0.35)


def test_predictions_are_not_negative_unless_the_plots_are():
    X, _ = patches()
    y = np.maximum(X[:, 0, 4, 4] * 50, 0)
    assert ResNet(**SMALL).fit(X, y).predict(X).min() >= 0
    assert ResNet(**{**SMALL, "non_negative": False}).fit(X, y).target_.floor == -np.inf
    assert ResNet(**SMALL).fit(X, y - 7).target_.floor == -7


def test_early_stopping_keeps_whole_groups_aside():
    from phytomass.models.search.groups import inner_parts

    groups = np.repeat(np.arange(7), 5)
    parts = inner_parts(groups, 5, seed=1)
    assert np.array_equal(np.sum(parts, axis=0), np.ones(35))
    for part in parts:
        assert all(len(set(part[groups == g])) == 1 for g in range(7))
    X, y = patches(n=35)
    model = ResNet(**SMALL, early_stopping=True).fit(X, y, groups=groups)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(InputError, match="2 or more sites"):
        ResNet(**SMALL, early_stopping=True).fit(X, y, groups=np.zeros(35))


@pytest.mark.parametrize("keep", [True, False])
def test_ctrl_c_keeps_the_best_so_far_or_stops(keep):
    X, y = patches()
    seen = []

    def press(what, done, total):
        seen.append(done)
        if done == 9:
            threading.Timer(0.0, _thread.interrupt_main).start()

    model = ResNet(
        filters=4, n_members=3, epochs=8, n_jobs=1, on_interrupt="keep" if keep else "raise"
    )
    model.set_params(n_members=60)
    if not keep:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y, progress=press)
        return
    model.fit(X, y, progress=press)
    assert model.interrupted_
    assert 1 <= len(model.members_) < 60
    assert np.isfinite(model.predict(X)).all()
    assert seen[-1] < 480


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 11}, "patches of 9 × 9 pixels, the network needs 11 × 11"),
        ({"patch": 4}, "odd side"),
        ({"n_members": 0}, "n_members: is 0"),
        ({"likelihood": "poisson"}, "use mse or gaussian"),
        ({"precision": "int8"}, "use fp32 or fp64 or bf16"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"target": "sqrt"}, "sqrt of a target of"),
        ({"target": "cube"}, "no transform 'cube'"),
        ({"family": "padded"}, "no family 'padded'"),
    ],
)
def test_mistakes_are_named(change, message):
    X, y = patches()
    with pytest.raises(InputError, match=message):
        ResNet(**{**SMALL, **change}).fit(X, y - 1000)


def test_patches_that_cannot_be_used():
    X, y = patches()
    hole = X.copy()
    hole[5, 1, 4, 4] = np.nan
    with pytest.raises(InputError, match="NaN at the centre of 1 patches, the first is number 5"):
        ResNet(**SMALL).fit(hole, y)
    endless = X.copy()
    endless[5, 1, 0, 0] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        ResNet(**SMALL).fit(endless, y)
    with pytest.raises(ValueError, match="minimum of 2"):
        ResNet(**SMALL).fit(X[:1], y[:1])
    with pytest.raises(InputError, match="k odd"):
        ResNet(**SMALL).fit(X[:, :, :4, :4], y)
    with pytest.raises(InputError, match="too large for the family exact"):
        AlexNet(**SMALL).fit(np.zeros((4, 1, 15, 15)), y[:4])
    with pytest.raises(InputError, match="trained on 9"):
        ResNet(**SMALL).fit(X, y).predict(X[:, :, 2:7, 2:7])


@pytest.mark.parametrize("kind", [ResNet, VGG, AlexNet, PixelNet])
def test_the_paper_family_has_the_layers_of_the_paper(kind):
    from torch import nn

    from phytomass.models.patch_cnn import Architecture
    from phytomass.models.patch_cnn.nets import build_network

    net = build_network(Architecture(kind.kind, "paper", 13, 11, filters=64, dense=6))
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    wide = [m for m in convolutions if m.kernel_size == (3, 3)]
    expected = {"resnet": 8, "vgg": 8, "alexnet": 3, "pixelnet": 0}[kind.kind]
    assert len(wide) == expected
    assert all(m.stride == (1, 1) and m.padding == (1, 1) for m in wide)
    widths = sorted({m.out_channels for m in wide})
    assert widths == [64, 128, 256, 512][: len(widths)]
    dense = [m for m in net if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in dense[-6:]] == [512, 256, 128, 64, 32, 1]
    X, y = patches(n=20, side=7)
    model = kind(family="paper", **SMALL).fit(X, y)
    field = np.random.default_rng(0).normal(size=(3, 12, 13))
    h = model.halo_
    assert model.predict_field(field).shape == (12 - 2 * h, 13 - 2 * h)


def test_the_package_works_without_torch():
    code = (
        "import importlib.util as u, sys\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else found(name, *a)\n"
        "class Absent:\n"
        "    def find_spec(self, name, *a):\n"
        "        if name.split('.')[0] == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import numpy as np\n"
        "from phytomass.models import model_names\n"
        "from phytomass.models.patch_cnn import ResNet\n"
        "from phytomass.errors import InputError\n"
        "assert not [m for m in sys.modules if m.startswith('torch.')]\n"
        "assert ResNet(filters=8).get_params()['filters'] == 8\n"
        "try:\n    ResNet().fit(np.zeros((4, 1)), np.arange(4.0))\n"
        "except InputError as error:\n    assert 'phytomass[networks]' in str(error); print('ok')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "ok", done.stderr
