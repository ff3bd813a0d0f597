"""Random fields: the same statistics everywhere, correlated over a stated distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

Array = NDArray[np.float64]


def correlated_field(
    shape: tuple[int, int],
    length: float,
    random: np.random.Generator,
    smoothness: float = 0.5,
) -> Array:
    """Draw a random field of mean 0 and standard deviation 1 with a Matérn covariance.

    White noise filtered by the root of the spectral density S(k) ∝ (1 + (kL)²)^-(ν + 1), on a
    larger grid so that opposite edges do not match (Whittle 1954, doi:10.1093/biomet/41.3-4.434).

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    length : float
        Correlation length L in pixels; with ν = 0.5 the covariance is exp(-h/L).
    random : numpy.random.Generator
        The stream to draw from.
    smoothness : float
        ν: 0.5 is rough (exponential covariance), 1.5 and above is smooth.

    Returns
    -------
    array, shape `shape`

    Examples
    --------
    >>> field = correlated_field((40, 50), 8.0, np.random.default_rng(1))
    >>> field.shape, bool(abs(field.mean()) < 1e-9), round(float(field.std()), 6)
    ((40, 50), True, 1.0)
    """
    margin = int(np.ceil(3 * min(length, max(shape))))
    rows, cols = (fft.next_fast_len(n + margin, real=True) for n in shape)
    noise = fft.rfft2(random.standard_normal((rows, cols)))
    wavenumber = 2 * np.pi * np.hypot(fft.fftfreq(rows)[:, None], fft.rfftfreq(cols)[None, :])
    noise *= (1 + (wavenumber * length) ** 2) ** (-(smoothness + 1) / 2)
    field = fft.irfft2(noise, s=(rows, cols))[: shape[0], : shape[1]]
    field = field - field.mean()
    return np.asarray(field / field.std())


def uniform_scores(field: Array) -> Array:
    """Turn a field into its ranks, evenly spread over (0, 1): a share p of it lies below p.

    Examples
    --------
    >>> uniform_scores(np.array([[3.0, -1.0], [0.5, 9.0]]))
    array([[0.625, 0.125],
           [0.375, 0.875]])
    """
    ranks = np.empty(field.size)
    ranks[np.argsort(field, axis=None, kind="stable")] = np.arange(field.size)
    return ((ranks + 0.5) / field.size).reshape(field.shape)


def compartments(
    shape: tuple[int, int], size_px: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """Divide a grid into forest compartments: nearest-point cells with wavy borders.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    size_px : float
        Mean area of a compartment in pixels.
    random : numpy.random.Generator
        The stream to draw from.

    Returns
    -------
    array of int, shape `shape`
        Number of the compartment of each pixel, from 0; some numbers may be unused.

    Examples
    --------
    >>> cells = compartments((30, 40), 100.0, np.random.default_rng(1))
    >>> int(cells.min()), bool(5 < len(np.unique(cells)) <= 12)
    (0, True)
    """
    count = max(1, round(shape[0] * shape[1] / size_px))
    seeds = random.random((count, 2)) * np.array(shape)
    side = np.sqrt(size_px)
    row, col = np.indices(shape).astype(float)
    row += 0.25 * side * correlated_field(shape, side / 3, random, smoothness=1.0)
    col += 0.25 * side * correlated_field(shape, side / 3, random, smoothness=1.0)
    _, nearest = cKDTree(seeds).query(np.column_stack([row.ravel(), col.ravel()]))
    return np.asarray(nearest, dtype=np.int64).reshape(shape)


def without_specks(mask: NDArray[np.bool_], smallest_px: int) -> NDArray[np.bool_]:
    """Drop connected pieces of a mask (eight neighbours) that are smaller than `smallest_px`.

    Examples
    --------
    >>> without_specks(np.array([[True, False, True], [True, False, False]]), 2).astype(int)
    array([[1, 0, 0],
           [1, 0, 0]])
    """
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(sizes[labels] >= smallest_px)
