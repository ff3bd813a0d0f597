"""Random numbers with an address: seed, purpose, item and draw fix a number, nothing else does.

A stream of a sequential generator depends on what was drawn before. Here each number is computed
from its address by Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"), a counter-based generator that passes the BigCrush battery:

- key (64 bit): a hash of the seed and of what the numbers are for (`key_of`);
- counter (4 × 32 bit): draw, attempt, and a 64-bit hash of the item (a tree, a species).

So a tree's numbers depend neither on other trees, nor on row order, block size or threads.
Normal numbers come in pairs by the transform of Box and Muller (1958) from two 32-bit words,
u = (word + ½) / 2³²; they reach ±6.8 standard deviations. Logarithm, exponential, sine and cosine
are polynomials with a relative error below 1e-14, the same operations in every lane of a vector,
so that the bits of a result do not depend on where a block of draws begins. Products and sums are
fused (rounded once) where it is written, and nowhere else: it is faster, and no compiler chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import factorial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

MASK = 0xFFFFFFFF
TO_UNIT = 1.0 / 4294967296.0
ROUND = 6755399441055744.0
"""1.5 · 2⁵²: adding and subtracting it rounds to the nearest whole number."""
LOG = tuple(1.0 / k for k in range(19, 1, -2))
EXP = tuple(1.0 / factorial(k) for k in range(13, -1, -1))
SINE = tuple((-1) ** (k // 2) / factorial(k) for k in range(13, 1, -2))
COSINE = tuple((-1) ** (k // 2) / factorial(k) for k in range(14, 0, -2))
"""Coefficients of the series, the highest power first."""


def key_of(*names: str | int) -> int:
    """Return a stable 64-bit key of some names: the same on every machine and in every version.

    Examples
    --------
    >>> key_of(1, "residual") == key_of(1, "residual"), key_of("a", "bc") == key_of("ab", "c")
    (True, False)
    """
    return int.from_bytes(_digest(map(str, names)), "little")


def _digest(names: Iterable[str]) -> bytes:
    return _hashed("".join([_marked(name) for name in names]))


def _marked(name: str) -> str:
    """Return a name with its length before it: names that follow one another stay apart."""
    return f"{len(name)}:{name}"


def _hashed(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()


def item_keys(*columns: Iterable[Any]) -> NDArray[np.uint64]:
    """Return one 64-bit key per item, of one or more columns of names.

    Examples
    --------
    >>> item_keys(["A", "A"], ["1", "2"]).dtype, bool(item_keys(["A"])[0] == item_keys(["B"])[0])
    (dtype('uint64'), False)
    """
    texts = [list(map(str, column)) for column in columns]
    marked = {name: _marked(name) for column in texts for name in set(column)}
    of = marked.__getitem__
    keys = b"".join([_hashed("".join(map(of, names))) for names in zip(*texts, strict=True)])
    return np.frombuffer(keys, dtype="<u8").astype(np.uint64)


def _bits_of(typingctx: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


def _float_of(typingctx: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


def _fused(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


_bits: Any = intrinsic(_bits_of)
_float: Any = intrinsic(_float_of)
fma: Any = intrinsic(_fused)
"""a b + c, rounded once."""


@njit(inline="always", error_model="numpy", cache=True)
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:  # pragma: no cover
    """Return the four 32-bit words of Philox 4x32-10 (as uint64; arguments below 2³²)."""
    mask = np.uint64(MASK)
    shift = np.uint64(32)
    for _ in range(10):
        # Upper halves of the counters hold rubbish: a product takes the lower halves alone.
        p0 = np.uint64(0xD2511F53) * (c0 & mask)
        p1 = np.uint64(0xCD9E8D57) * (c2 & mask)
        c0, c2 = (p1 >> shift) ^ c1 ^ k0, (p0 >> shift) ^ c3 ^ k1
        c1, c3 = p1, p0
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0 & mask, c1 & mask, c2 & mask, c3 & mask


@njit(inline="always", error_model="numpy", cache=True)
def unit(word: Any) -> Any:  # pragma: no cover
    """Return (word + ½) / 2³² of a 32-bit word, by bits: vectors of AVX2 convert no integers."""
    whole = _float(np.int64(word) | np.int64(0x4330000000000000)) - 4503599627370496.0
    return (whole + 0.5) * TO_UNIT


@njit(inline="always", error_model="numpy", cache=True)
def horner(x: Any, coefficients: Any) -> Any:  # pragma: no cover
    """Return the polynomial of x; the loop is unrolled, so that vectors take it."""
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = fma(total, x, coefficient)
    return total


@njit(inline="always", error_model="numpy", cache=True)
def fast_log(x: Any) -> Any:  # pragma: no cover
    """Return ln x of a positive, finite, normal number."""
    # The exponent, 1024 added: no sign to carry when it is shifted, nor when it is converted.
    shift, raised = np.uint64(52), np.uint64(0x4000000000000000)
    bits = np.uint64(_bits(x))
    e = (bits - np.uint64(0x3FE6A09E667F3BCD) + raised) >> shift
    m = _float(np.int64(bits - (e << shift) + raised))
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    whole = _float(np.int64(e | np.uint64(0x4330000000000000))) - 4503599627371520.0
    s += s
    return fma(whole, 0.6931471805599453, fma(s * z, horner(z, LOG), s))


@njit(inline="always", error_model="numpy", cache=True)
def fast_exp(x: Any) -> Any:  # pragma: no cover
    """Return e^x for |x| < 700 (beyond, the value at ±700)."""
    x = min(max(x, -700.0), 700.0)
    t = fma(x, 1.4426950408889634, ROUND)
    n = t - ROUND
    r = fma(n, -1.90821492927058770002e-10, fma(n, -0.693147180369123816490, x))
    return horner(r, EXP) * _float((_bits(t) << np.int64(52)) + np.int64(0x3FF0000000000000))


@njit(inline="always", error_model="numpy", cache=True)
def radius(u: Any) -> Any:  # pragma: no cover
    """Return the radius of two independent normal numbers of a uniform one."""
    return np.sqrt(-2.0 * fast_log(u))


@njit(inline="always", error_model="numpy", cache=True)
def turn(v: Any) -> Any:  # pragma: no cover
    """Return cosine and sine of 2πv."""
    t = fma(v, 4.0, ROUND)
    quadrant = _bits(t) & np.int64(3)
    x = fma(t - ROUND, -0.25, v) * 6.283185307179586
    z = x * x
    sine = fma(x * z, horner(z, SINE), x)
    cosine = fma(z, horner(z, COSINE), 1.0)
    odd = (quadrant & np.int64(1)) != 0
    first = sine if odd else cosine
    second = cosine if odd else sine
    two, sign = np.int64(2), np.int64(62)
    first = _float(_bits(first) ^ (((quadrant + np.int64(1)) & two) << sign))
    second = _float(_bits(second) ^ ((quadrant & two) << sign))
    return first, second


@njit(inline="always", error_model="numpy", cache=True)
def box_muller(w0: Any, w1: Any) -> Any:  # pragma: no cover
    """Return two independent standard normal numbers of two 32-bit words."""
    r = radius(unit(w0))
    cosine, sine = turn(unit(w1))
    return r * cosine, r * sine


@njit(nogil=True, error_model="numpy", cache=True)
def _fill(key: Any, items: Any, first: Any, attempt: Any, out: Any) -> None:  # pragma: no cover
    mask, shift = np.uint64(MASK), np.uint64(32)
    for i in range(items.size):
        for k in range(out.shape[2]):
            w0, w1, w2, w3 = philox(
                np.uint64(first + k),
                np.uint64(attempt),
                items[i] & mask,
                items[i] >> shift,
                key & mask,
                key >> shift,
            )
            a, b = box_muller(w0, w1)
            out[0, i, k] = a
            out[1, i, k] = b
            out[2, i, k] = unit(w2)
            out[3, i, k] = unit(w3)


def words_of(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the words of one counter and key, to check against published vectors.

    Examples
    --------
    >>> [f"{w:08x}" for w in words_of((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    w0, w1, w2, w3 = _philox_once(*(np.uint64(w) for w in (*counter, *key)))
    return int(w0), int(w1), int(w2), int(w3)


@njit(error_model="numpy", cache=True)
def _philox_once(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:  # pragma: no cover
    return philox(c0, c1, c2, c3, k0, k1)


def addressed(
    key: int, items: NDArray[np.uint64], draws: range, attempt: int = 0
) -> NDArray[np.float64]:
    """Return two normal and two uniform numbers for each item and draw.

    Parameters
    ----------
    key : int
        From `key_of`: the seed and what the numbers are for.
    items : array of uint64, shape (n,)
        From `item_keys`.
    draws : range
        Which draws, counted from 0; step 1.
    attempt : int
        Another number at the same address, for draws that are to be repeated.

    Returns
    -------
    array, shape (4, n, len(draws))
        Two independent standard normal and two independent uniform (0, 1) numbers.

    Examples
    --------
    >>> items = item_keys(["Pinus", "Abies"])
    >>> both, last = addressed(7, items, range(10)), addressed(7, items[1:], range(8, 10))
    >>> bool((both[:, 1:, 8:] == last).all())
    True
    """
    out = np.empty((4, len(items), len(draws)))
    _fill(np.uint64(key), items, np.int64(draws.start), np.int64(attempt), out)
    return out


def normals(
    random_state: int, purpose: str, items: NDArray[np.uint64], draws: range
) -> NDArray[np.float64]:
    """Return one standard normal number for each item and draw, shape (n, len(draws)).

    Examples
    --------
    >>> bool(abs(normals(1, "doctest", item_keys(["a"]), range(10_000)).std() - 1) < 0.02)
    True
    """
    return np.asarray(addressed(key_of(random_state, purpose), items, draws)[0])


def uniforms(
    random_state: int, purpose: str, items: NDArray[np.uint64], draws: range
) -> NDArray[np.float64]:
    """Return one number between 0 and 1 for each item and draw, shape (n, len(draws)).

    Examples
    --------
    >>> u = uniforms(1, "doctest", item_keys(["a"]), range(10_000))
    >>> bool(u.min() > 0), bool(u.max() < 1), bool(abs(u.mean() - 0.5) < 0.01)
    (True, True, True)
    """
    return np.asarray(addressed(key_of(random_state, purpose), items, draws)[2])
