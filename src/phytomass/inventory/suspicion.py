"""Trees that look wrong: reported with a repair to consider, never repaired here."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import HeightModel

Array = NDArray[np.float64]

FEWEST = 30
"""Trees that a height-diameter curve of the inventory needs."""

FAR = 5.0
"""Robust standard deviations from the curve at which a tree is reported."""

NEAR = 2.5
"""Robust standard deviations within which a repair must bring it."""

MARGIN = 1.25
"""How far beyond the other trees' sizes a repaired tree may lie."""

COPY_LENGTH = 5
"""Trees that two plots must have alike, in one order, to be reported as copies."""

COLUMNS = ["plot_id", "tree_id", "column", "value", "reason", "suggestion"]

REPAIRS = (
    ("height_m", 1.0, 0.3048, "the height may be in feet: {h:.4g} m"),
    ("height_m", 1.0, 0.1, "the height may be in decimetres: {h:.4g} m"),
    ("height_m", 1.0, 10.0, "a decimal may be misplaced: height {h:.4g} m"),
    ("dbh_cm", 0.1, 1.0, "the diameter may be in millimetres: {d:.4g} cm"),
    ("dbh_cm", 10.0, 1.0, "a decimal may be misplaced: diameter {d:.4g} cm"),
    ("dbh_cm", 2.54, 1.0, "the diameter may be in inches: {d:.4g} cm"),
    ("dbh_cm", 1 / np.pi, 1.0, "it may be the girth: diameter {d:.4g} cm"),
)
"""Column, factors of diameter and height, what to say."""


def suspicious_trees(trees: pd.DataFrame) -> pd.DataFrame:
    """Return the trees whose numbers look wrong, with a repair to consider.

    Reported are heights far off the height-diameter curve of the inventory (more than five robust
    standard deviations; the repair named is the one unit, decimal or swap that brings the tree
    back to the curve), trees that repeat the row before them, and plots that repeat another.

    Parameters
    ----------
    trees : DataFrame
        tree_id, plot_id, species, dbh_cm, height_m (may be NaN).

    Returns
    -------
    DataFrame
        plot_id, tree_id, column, value, reason, suggestion (empty where none fits). The trees
        themselves are never changed.

    Examples
    --------
    >>> d = np.linspace(5, 50, 60)
    >>> trees = pd.DataFrame({"tree_id": range(60), "plot_id": "A", "species": "a", "dbh_cm": d,
    ...                       "height_m": 3 * d**0.6 * np.tile([0.95, 1.0, 1.05], 20)})
    >>> trees.loc[30, "height_m"] *= 10
    >>> suspicious_trees(trees)["suggestion"].tolist()
    ['the height may be in decimetres: 20.99 m']
    """
    rows = [*_off_the_curve(trees), *_repeated_rows(trees), *_copied_plots(trees)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _off_the_curve(trees: pd.DataFrame) -> list[tuple[object, ...]]:
    if "height_m" not in trees:
        return []
    known = trees[(trees["dbh_cm"] > 0) & (trees["height_m"] > 0)]
    if len(known) < FEWEST or known["dbh_cm"].nunique() < 5:
        return []
    d, h = known["dbh_cm"].to_numpy(dtype=float), known["height_m"].to_numpy(dtype=float)
    model, spread, limits = _robust_curve(d, h)
    off = _deviation(model, d, h) / spread
    rows: list[tuple[object, ...]] = []
    for i in np.flatnonzero(np.abs(off) > FAR):
        tree = known.iloc[i]
        column, suggestion = _repair(model, spread, limits, (d[i], h[i]))
        reason = f"height {abs(off[i]):.0f} SD {'above' if off[i] > 0 else 'below'} the curve"
        value = d[i] if column == "dbh_cm" else h[i]
        rows.append((tree["plot_id"], tree["tree_id"], column, value, reason, suggestion))
    return rows


def _robust_curve(d: Array, h: Array) -> tuple[HeightModel, float, Array]:
    """Fit ln H on ln D without the trees far off.

    Returns the curve, the robust SD around it, and the least and greatest diameter and height of
    the trees near it, with a margin.
    """
    use = np.ones(len(d), dtype=bool)
    for _ in range(5):
        model = HeightModel("log_log").fit(d[use], h[use])
        deviation = _deviation(model, d, h)
        spread = max(1.4826 * float(np.median(np.abs(deviation))), 0.05)
        near = np.abs(deviation) < 3 * spread
        if (near == use).all() or len(np.unique(d[near])) < 5:
            break
        use = near
    limits = [(v[use].min() / MARGIN, v[use].max() * MARGIN) for v in (d, h)]
    return model, spread, np.array(limits)


def _deviation(model: HeightModel, d: Array, h: Array) -> Array:
    return np.asarray(np.log(h) - np.log(model.predict(d)) + model.rse_**2 / 2)


def _repair(
    model: HeightModel, spread: float, limits: Array, tree: tuple[float, float]
) -> tuple[str, str]:
    """Return the column and the repair that comes closest to the curve, if one comes near.

    A repair that makes a tree unlike every other in size is none.
    """
    d, h = tree
    options = [(c, d * fd, h * fh, text) for c, fd, fh, text in REPAIRS]
    options.append(("dbh_cm", h, d, "diameter and height may be swapped: {d:.4g} cm, {h:.4g} m"))
    near = [
        (abs(float(_deviation(model, np.array([o[1]]), np.array([o[2]]))[0])) / spread, i)
        for i, o in enumerate(options)
        if limits[0, 0] <= o[1] <= limits[0, 1] and limits[1, 0] <= o[2] <= limits[1, 1]
    ]
    off, best = min(near, default=(np.inf, 0))
    column, new_d, new_h, text = options[best]
    return (column, text.format(d=new_d, h=new_h)) if off < NEAR else ("height_m", "")


def _repeated_rows(trees: pd.DataFrame) -> list[tuple[object, ...]]:
    names = [c for c in ("plot_id", "species", "dbh_cm", "height_m") if c in trees]
    same = (trees[names] == trees[names].shift()).all(axis=1).to_numpy(dtype=bool)
    rows: list[tuple[object, ...]] = []
    for i in np.flatnonzero(same):
        tree, before = trees.iloc[i], trees.iloc[i - 1]["tree_id"]
        what = f"the same species, diameter and height as the row before (tree {before})"
        advice = "remove it if it was typed twice"
        rows.append((tree["plot_id"], tree["tree_id"], "dbh_cm", tree["dbh_cm"], what, advice))
    return rows


def _copied_plots(trees: pd.DataFrame) -> list[tuple[object, ...]]:
    names = [c for c in ("species", "dbh_cm", "height_m") if c in trees]
    codes = np.column_stack([pd.factorize(trees[name])[0] for name in names])
    plot_of, plots = pd.factorize(trees["plot_id"])
    order = np.argsort(plot_of, kind="stable")
    ends = np.cumsum(np.bincount(plot_of, minlength=len(plots)))
    seen: dict[bytes, object] = {}
    rows: list[tuple[object, ...]] = []
    for plot, part in zip(plots, np.split(order, ends[:-1]), strict=True):
        if (codes[part] < 0).any():  # what is not known is like nothing
            continue
        key = codes[part].tobytes()
        if len(part) >= COPY_LENGTH and key in seen:
            what = f"all {len(part)} trees are those of plot {seen[key]}"
            first = trees["tree_id"].iloc[part[0]]
            rows.append((plot, first, "plot_id", plot, what, "remove the copy"))
        seen.setdefault(key, plot)
    return rows
