"""The addressed generator: published vectors, an independent Philox, distributions, addresses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from scipy import stats

from phytomass.draws.philox import addressed, fast_exp, fast_log, item_keys, key_of, words_of

WORD = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)  # fmt: skip
def test_known_answers_of_random123(counter: str, key: str, words: str) -> None:
    """Random123, tests/kat_vectors, philox4x32 10."""
    c, k = ([int(w, 16) for w in text.split()] for text in (counter, key))
    assert words_of(c, k) == tuple(int(w, 16) for w in words.split())


def _plain(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox 4x32-10 as the paper writes it, in Python's own integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ k0,
            p1 % 2**32,
            (p0 >> 32) ^ c3 ^ k1,
            p0 % 2**32,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


@given(st.tuples(WORD, WORD, WORD, WORD), st.tuples(WORD, WORD))
def test_words_are_those_of_the_paper(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> None:
    assert words_of(counter, key) == _plain(counter, key)


@njit(error_model="numpy")
def _exp_log(x, exp, log):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        exp[i] = fast_exp(x[i])
        log[i] = fast_log(exp[i])


def test_exponential_and_logarithm_agree_with_numpy() -> None:
    x = np.linspace(-690, 690, 400_001)
    exp, log = np.empty_like(x), np.empty_like(x)
    _exp_log(x, exp, log)
    np.testing.assert_allclose(exp, np.exp(x), rtol=1e-14)
    np.testing.assert_allclose(log, np.log(exp), rtol=1e-14, atol=1e-15)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return addressed(key_of(3, "test"), item_keys(range(400)), range(5000))


@pytest.mark.parametrize("row", [0, 1])
def test_normals_are_normal_to_the_tails(drawn: np.ndarray, row: int) -> None:
    z = drawn[row].ravel()
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(stats.skew(z)) < 4 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(z)) < 4 * np.sqrt(24 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    for limit in (1.0, 2.0, 3.0, 4.0):
        p = 2 * stats.norm.sf(limit)
        assert abs((np.abs(z) > limit).sum() - n * p) < 4 * np.sqrt(n * p) + 1


@pytest.mark.parametrize("row", [2, 3])
def test_uniforms_are_uniform(drawn: np.ndarray, row: int) -> None:
    counts = np.histogram(drawn[row], bins=256, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-3
    assert drawn[row].min() > 0
    assert drawn[row].max() < 1


def test_neighbours_are_independent(drawn: np.ndarray) -> None:
    """Between the numbers of an address, between draws, between items, between purposes."""
    z = drawn[0]
    other = addressed(key_of(3, "another test"), item_keys(range(400)), range(5000))[0]
    pairs = [(z, drawn[1]), (z[:, :-1], z[:, 1:]), (z[:-1], z[1:]), (z, other)]
    pairs += [(z**2, drawn[1] ** 2), (z, drawn[2])]
    for one, two in pairs:
        r = np.corrcoef(one.ravel(), two.ravel())[0, 1]
        assert abs(r) < 4 / np.sqrt(one.size)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(0, 5))
def test_a_number_depends_on_its_address_only(first: int, n: int, item: int) -> None:
    items = item_keys("abcdef")
    whole = addressed(11, items, range(400))
    part = addressed(11, items[item : item + 1], range(first, min(first + n, 400)))
    np.testing.assert_array_equal(part[:, 0], whole[:, item, first : first + n])


def test_keys_keep_names_apart() -> None:
    assert len({key_of("a", "bc"), key_of("ab", "c"), key_of("abc"), key_of("a", "b", "c")}) == 4
    assert key_of(1, "tree") == 0xB4286B651D659C1E  # a change would change every result
