"""How good predictions are: metrics on arrays of observed and predicted values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError


def _pair(
    observed: ArrayLike, predicted: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    o, p = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if o.shape != p.shape or o.ndim != 1:
        raise InputError(f"observed has shape {o.shape}, predicted {p.shape}: need two equal rows")
    if not len(o):
        raise InputError("no values to compare", where="observed")
    if not (np.isfinite(o).all() and np.isfinite(p).all()):
        raise InputError("missing or infinite values", where="observed, predicted")
    return o, p


def _one_minus_ratio(part: float, whole: float) -> float:
    return 1.0 - part / whole if whole > 0 else float("nan")


def r2(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return the coefficient of determination, ``1 - SSE / SST``.

    ``SSE = sum((predicted - observed)**2)`` and ``SST = sum((observed - mean(observed))**2)``. It
    is negative where the predictions are worse than the mean of the observed values, and not the
    squared correlation.

    Parameters
    ----------
    observed, predicted : array, shape (n,)
        In one unit.

    Returns
    -------
    float
        At most 1; NaN where the observed values are all equal.

    Raises
    ------
    InputError
        If the shapes differ, or values are missing.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    o, p = _pair(observed, predicted)
    sst = float(((o - o.mean()) ** 2).sum()) if np.ptp(o) > 0 else 0.0
    return _one_minus_ratio(float(((p - o) ** 2).sum()), sst)


def r2_literal_p2(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return R² as the afforestation paper prints it, for reproduction only.

    Its denominator is ``sum((predicted - mean(observed))**2)``: predictions that vary much raise
    it. Use `r2` for anything else.

    Parameters
    ----------
    observed, predicted : array, shape (n,)
        In one unit.

    Returns
    -------
    float
        NaN where every prediction is the mean of the observed values.

    References
    ----------
    Afforestation paper, equation for R² in section 2.4.

    Examples
    --------
    >>> r2_literal_p2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.8
    """
    o, p = _pair(observed, predicted)
    return _one_minus_ratio(float(((p - o) ** 2).sum()), float(((p - o.mean()) ** 2).sum()))


def rmse(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return the root mean squared error, in the unit of the values.

    Examples
    --------
    >>> rmse([0.0, 0.0], [3.0, -3.0])
    3.0
    """
    o, p = _pair(observed, predicted)
    return float(np.sqrt(((p - o) ** 2).mean()))


def rrmse_percent(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return the RMSE in percent of the *mean of the observed values*.

    NaN where that mean is not above zero.

    Examples
    --------
    >>> rrmse_percent([10.0, 20.0], [13.0, 17.0])
    20.0
    """
    o, p = _pair(observed, predicted)
    mean = float(o.mean())
    return 100.0 * rmse(o, p) / mean if mean > 0 else float("nan")


def bias(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean of predicted minus observed: positive where the model says too much.

    Examples
    --------
    >>> bias([1.0, 2.0], [2.0, 4.0])
    1.5
    """
    o, p = _pair(observed, predicted)
    return float((p - o).mean())


def mae(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean absolute error, in the unit of the values.

    Examples
    --------
    >>> mae([0.0, 0.0], [1.0, -3.0])
    2.0
    """
    o, p = _pair(observed, predicted)
    return float(np.abs(p - o).mean())


def scores(observed: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Return all metrics by their column names in `model_comparison.csv`.

    Examples
    --------
    >>> list(scores([1.0, 2.0], [1.0, 2.5]))
    ['r2', 'rmse', 'rrmse_percent', 'bias', 'mae', 'r2_literal_p2']
    """
    metrics = (r2, rmse, rrmse_percent, bias, mae, r2_literal_p2)
    return {metric.__name__: metric(observed, predicted) for metric in metrics}
