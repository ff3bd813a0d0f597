"""A quantity with its draws: numpy's own numbers, pairing, writing and opening, faults."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phytomass.draws import Draws, Lazy, seed_of, stream
from phytomass.draws import quantity as module
from phytomass.draws.philox import addressed, item_keys, key_of, normals, uniforms
from phytomass.errors import InputError

GOLDEN_STREAM = [0.14398733483833204, 0.11484910488185318, 0.34312266591561247]
GOLDEN_INTEGERS = [166122800, 914474263, 129031395]
GOLDEN_NORMAL = [-1.0729407338666062, 0.2695344064959343, 0.49622511196251856]
GOLDEN_ORDER = [4, 3, 7, 6, 0, 1, 2, 5]
GOLDEN_SEEDS = [310881533, 1220999781]
GOLDEN_KEYS = [1634133595786629084, 17770023761971772362]
GOLDEN_ADDRESSED = [
    [-0.6117213537423469, 1.1335783645042046],
    [-0.3537539140152383, 0.7420346633702928],
    [0.8280856079654768, 0.7811304481001571],
    [0.20983037690166384, 0.07266692875418812],
]
GOLDEN_Z = [1.6015116411873291, 1.206611239182457, 1.672215402126048]
GOLDEN_U = [0.7927499698707834, 0.17016896477434784]

tables = arrays(
    np.float64,
    st.tuples(st.integers(1, 7), st.integers(2, 9)),
    elements=st.floats(-1e4, 1e4, width=32),
)


def made(values: np.ndarray, **more: object) -> Draws:
    """Return draws of plots P0, P1, …"""
    shared = {"carbon_fraction": np.linspace(0.4, 0.5, values.shape[1])}
    ids = tuple(f"P{i}" for i in range(len(values)))
    known = {"pool": "AGB", "kind": "dry_mass", "unit": "Mg/ha", "shared": shared}
    return Draws(values.mean(axis=1), values, ids, **(known | more))  # type: ignore[arg-type]


@given(tables, st.integers(1, 3), st.data())
def test_statistics_are_those_of_numpy_whatever_the_blocks(
    values: np.ndarray, rows: int, data: st.DataObject
) -> None:
    draws = made(values)
    weights = np.array(
        data.draw(st.lists(st.floats(0.1, 9), min_size=len(draws), max_size=len(draws)))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", rows)
        close = np.testing.assert_allclose
        close(draws.expected(), values.mean(axis=1))
        close(draws.se(), values.std(axis=1, ddof=1), atol=1e-9)
        close(draws.quantile([0.1, 0.5]), np.quantile(values, [0.1, 0.5], axis=1).T)
        low, high = draws.interval(0.9)
        close(np.stack([low, high]), np.quantile(values, [0.05, 0.95], axis=1))
        close(draws.mean().values[0], values.mean(axis=0), atol=1e-9)
        close(draws.mean(weights).values[0], np.average(values, 0, weights), atol=1e-9)
        close(draws.mean(weights).point, np.average(draws.point, weights=weights), atol=1e-9)
        total = draws.total(weights)
        close(total.values[0], (values * weights[:, None]).sum(axis=0), atol=1e-7)
        assert (total.unit, total.level, total.n_draws) == ("Mg", "total", values.shape[1])


@given(tables)
def test_sums_and_differences_pair_draw_by_draw(values: np.ndarray) -> None:
    one, two = made(values, date="2015"), made(values[:, ::-1].copy(), date="2020")
    np.testing.assert_array_equal((two - one).values[:], two.values[:] - one.values[:])
    np.testing.assert_array_equal((two + one).values[:], two.values[:] + one.values[:])
    assert (two - one).date == "2015 to 2020"
    assert (one - one).se().max() == 0  # what is shared cancels
    np.testing.assert_allclose((two - one).point, two.point - one.point)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"random_state": 2}, "random_state 0 and 2"),
        ({"unit": "Mg C/ha"}, "unit 'Mg/ha' and 'Mg C/ha'"),
        ({"pool": "BGB"}, "pool 'AGB' and 'BGB'"),
        ({"kind": "C"}, "kind"),
        ({"level": "zone"}, "level"),
        ({"ids": ("P1", "P0")}, "ids"),
        ({"shared": {"carbon_fraction": np.zeros(4)}}, "other draws of carbon_fraction"),
    ],
)
def test_draws_that_do_not_pair_are_refused(change: dict[str, object], message: str) -> None:
    one = made(np.arange(8.0).reshape(2, 4))
    other = replace(one, **change)  # type: ignore[arg-type]
    for refused in (lambda: one - other, lambda: one + other):
        with pytest.raises(InputError, match=message):
            refused()


def test_another_number_of_draws_is_refused() -> None:
    one = made(np.arange(8.0).reshape(2, 4))
    with pytest.raises(InputError, match="n_draws 4 and 3"):
        one - one.first(3)
    with pytest.raises(InputError, match="5 draws wanted, and there are 4"):
        one.first(5)


@settings(max_examples=15, deadline=None)
@given(tables)
def test_saved_draws_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("draws") / "x.zarr"
    shared = {
        "carbon_fraction": values[0],
        "wood_density/Melia azedarach": values[0] + 1,
        "wood_density/Pinus roxburghii": values[0] + 2,
    }
    draws = made(values, shared=shared, date="2020", random_state=7, level="zone")
    for found in (draws.save(path, "agb"), Draws.open(path), Draws.open(path, "agb")):
        np.testing.assert_array_equal(found.values[:], values.astype(np.float32))
        np.testing.assert_array_equal(found.point, draws.point)
        assert list(found.shared) == list(shared)
        for name, numbers in shared.items():
            np.testing.assert_array_equal(found.shared[name], numbers)
        for name in ("ids", "pool", "kind", "unit", "date", "random_state", "level"):
            assert getattr(found, name) == getattr(draws, name)
    assert [p.name for p in path.parent.iterdir()] == ["x.zarr"]
    assert (Draws.open(path) - Draws.open(path)).se().max() == 0


def test_stored_draws_are_read_in_blocks_and_no_further_than_asked(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(100, 9, (600, 2100))
    stored = made(values).save(tmp_path / "x.zarr")
    kept = values.astype(np.float32).astype(float)
    seen = []
    watched = replace(
        stored, values=Lazy((600, 2100), lambda r: seen.append(r) or stored.values[r])
    )  # type: ignore[func-returns-value]
    np.testing.assert_allclose(watched.mean().values[0], kept.mean(axis=0))
    assert [(r.stop - r.start) for r in seen] == [256, 256, 88]
    few = stored.first(5).take(["P599", "P3"])
    np.testing.assert_array_equal(few.values, kept[[599, 3], :5])
    assert few.shared["carbon_fraction"].shape == (5,)
    with pytest.raises(InputError, match="no draws of plot 'P3x' → did you mean 'P3'"):
        stored.take(["P3x"])


def test_more_draws_do_not_narrow_the_interval() -> None:
    z = stream(1, "interval").normal(100, 10, (4, 40_000))
    widths = [np.ptp(made(z[:, :k]).interval(0.95), axis=0).mean() for k in (2_500, 40_000)]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)
    assert widths[1] == pytest.approx(2 * 1.96 * 10, rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda d: d.total(), "a total of Mg/ha, which is per hectare → give area_ha"),
        (lambda d: d.total([1, 1]).total([1.0]), "leave area_ha out"),
        (lambda d: d.total([1.0]), "1 weights or areas for 2 items"),
        (lambda d: d.mean([1.0, np.nan]), "missing or below zero"),
        (lambda d: d.mean([1.0, -1.0]), "missing or below zero"),
        (lambda d: d.mean([0.0, 0.0]), "weights that are all zero"),
        (lambda d: d[:0].mean(), "a mean of nothing"),
        (lambda d: d.interval(95), "a level of 95"),
        (lambda d: replace(d, ids=("A", "A")), "plot 'A' is there twice"),
        (lambda d: replace(d, ids=("A",)), "shapes do not fit"),
        (lambda d: replace(d, point=np.zeros(3)), "shapes do not fit"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        wrong(made(np.arange(8.0).reshape(2, 4)))


def _older(path: Path) -> None:
    group = zarr.open_group(str(path), mode="a")
    for name in ("quantities", "random_state", "level"):
        del group.attrs[name]


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (shutil.rmtree, "x.zarr: no draws"),
        (lambda p: (shutil.rmtree(p), p.write_text("x")), "x.zarr: no draws"),
        (lambda p: (p / "zarr.json").write_text("{"), "x.zarr: cannot be opened"),
        (lambda p: (p / "zarr.json").unlink(), "x.zarr: cannot be opened"),
        (_older, "x.zarr: does not say what its draws are, as of an earlier version"),
        (lambda p: shutil.rmtree(p / "draws"), "x.zarr: no array 'draws'"),
        (lambda p: shutil.rmtree(p / "draws" / "c"), "x.zarr: a part of the draws is missing"),
        (lambda p: (p / "draws/c/0/0").write_bytes(b"no"), "x.zarr: cannot be read"),
        (lambda p: (p / "draws/zarr.json").unlink(), "x.zarr: no array 'draws'"),
        (lambda p: (p / "point/draws/zarr.json").unlink(), "x.zarr: no array 'point/draws'"),
        (lambda p: shutil.rmtree(p / "point/draws/c"), "x.zarr: a part of the draws is missing"),
        (
            lambda p: shutil.rmtree(p / "shared/carbon_fraction/c"),
            "x.zarr, carbon_fraction: a part of the draws is missing",
        ),
    ],
)
def test_a_damaged_folder_is_named_with_a_remedy(tmp_path: Path, harm, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.zarr"
    made(np.random.default_rng(0).normal(size=(2, 4))).save(path)
    harm(path)
    with pytest.raises(InputError, match=message) as error:
        found = Draws.open(path)
        found.se()
        found.shared["carbon_fraction"]
    assert error.value.problems[0].remedy


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write here"):
        made(np.ones((2, 4))).save(tmp_path / "file" / "x.zarr")
    with pytest.raises(InputError, match="the name 'shared' is taken"):
        made(np.ones((2, 4))).save(tmp_path / "x.zarr", "shared")


def test_the_same_seed_gives_the_same_numbers_for_good() -> None:
    """A change here changes every simulated landscape, fold, draw and result of every user."""
    a = stream(1, "terrain")
    assert a.random(3).tolist() == GOLDEN_STREAM
    assert a.integers(0, 10**9, 3).tolist() == GOLDEN_INTEGERS
    np.testing.assert_allclose(a.normal(size=3), GOLDEN_NORMAL, rtol=1e-12)
    assert stream(20, "fold", 3).permutation(8).tolist() == GOLDEN_ORDER
    assert [seed_of(1, "forest"), seed_of(2, "fold", 3)] == GOLDEN_SEEDS
    assert key_of(1, "tree") == 0xB4286B651D659C1E
    assert item_keys(["P1", "P1"], ["1", "2"]).tolist() == GOLDEN_KEYS
    items = item_keys(["Pinus", "Abies"])
    assert addressed(7, items, range(3, 5))[:, 0].tolist() == GOLDEN_ADDRESSED
    assert normals(1, "carbon fraction", item_keys(["all"]), range(3))[0].tolist() == GOLDEN_Z
    assert uniforms(1, "equation choice", items, range(2))[1].tolist() == GOLDEN_U
