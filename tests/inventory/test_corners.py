"""Plots given by their corners: position and area."""

from __future__ import annotations

from math import pi
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyproj import Transformer

from phytomass.carbon import CarbonSettings
from phytomass.errors import InputError
from phytomass.inventory import plots_with_biomass
from phytomass.inventory.corners import polygon_area
from tests.inventory.sheets import UTM, read

SQUARE = ((0, 0), (31.62, 0), (31.62, 31.62), (0, 31.62))


def corner_rows(corners: object, plot: str = "A") -> str:
    """Return the table of plot A with these corners."""
    rows = (f"{plot},{500000 + x},{3800000 + y}\n" for x, y in corners)  # type: ignore[attr-defined]
    return "plot_id,easting,northing\n" + "".join(rows)


CORNERS_ONLY = {"plot_corners": True, "plot_area_ha": None}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 1, 3), (0, 1, 2, 3, 0)])
def test_corners_give_the_area_in_whatever_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A square of 31.62 m: 999.8244 m²; its centre is not pulled by a repeated first corner."""
    plots = corner_rows([SQUARE[i] for i in order])
    trees = "plot_id,species,dbh_cm\nA,x,10\n"
    inventory, settings = read(tmp_path, trees, plots, **CORNERS_ONLY)
    assert inventory.plots["area_ha"].tolist() == pytest.approx([0.09998244], rel=1e-6)
    assert inventory.plots["easting"].tolist() == pytest.approx([500015.81])
    weighed = inventory.trees.assign(agb_kg=500.0)
    table = plots_with_biomass(inventory, weighed, CarbonSettings(), settings)
    assert table["agb_mg_ha"].tolist() == pytest.approx([0.5 / 0.09998244], rel=1e-6)


def test_corners_in_degrees_are_measured_in_the_crs_of_the_project(tmp_path: Path) -> None:
    to_degrees = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    degrees = [to_degrees.transform(500000 + x, 3800000 + y) for x, y in SQUARE]
    plots = "plot_id,easting,northing\n" + "".join(f"A,{e!r},{n!r}\n" for e, n in degrees)
    trees = "plot_id,species,dbh_cm\nA,x,10\n"
    degrees_given = {"plots": {"crs": "EPSG:4326"}, **CORNERS_ONLY}
    inventory, _ = read(tmp_path, trees, plots, **degrees_given)
    assert inventory.plots["area_ha"].tolist() == pytest.approx([0.09998244], rel=1e-6)
    with pytest.raises(InputError, match=r"areas in EPSG:3857 are \+4. % off here"):
        read(tmp_path, trees, plots, crs="EPSG:3857", **degrees_given)
    with pytest.raises(InputError, match="areas cannot be measured in EPSG:4326"):
        read(tmp_path, trees, plots, crs="EPSG:4326", **degrees_given)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (SQUARE[:2], "plot A: 2 different corners; an area needs three"),
        (((0, 0), (10, 10), (20, 20), (5, 5)), "plot A: the corners lie on one line"),
        (((0, 0), (20, 20), (20, 0), (0, 20), (10, 12)), "plot A: the sides cross each other"),
        (((0, 0), (2000, 0), (2000, 2000), (0, 2000)), "the corners of plot A enclose 400 ha"),
    ],
)
def test_corners_without_one_area_are_refused(
    tmp_path: Path, corners: tuple[tuple[float, float], ...], message: str
) -> None:
    trees = "plot_id,species,dbh_cm\nA,x,10\n"
    with pytest.raises(InputError, match=message):
        read(tmp_path, trees, corner_rows(corners), **CORNERS_ONLY)
    given, _ = read(tmp_path, trees, corner_rows(corners), plot_corners=True, plot_area_ha=0.1)
    assert given.plots["area_ha"].tolist() == [0.1]


@hypothesis_settings(max_examples=50)
@given(
    st.lists(st.floats(0, 359), min_size=3, max_size=8, unique_by=lambda a: round(a / 5)),
    st.randoms(use_true_random=False),
    st.floats(3, 100),
)
def test_the_area_of_corners_on_a_circle_does_not_depend_on_their_order(
    angles: list[float], random: Random, radius: float
) -> None:
    """½ r² Σ sin of the angles between neighbours, by hand."""
    turned = np.radians(sorted(angles))
    gaps = np.diff([*turned, turned[0] + 2 * pi])
    corners = radius * np.column_stack([np.cos(turned), np.sin(turned)]) + [5e5, 38e5]
    order = random.sample(range(len(angles)), len(angles))
    expected = 0.5 * radius**2 * np.sin(gaps).sum()
    assert polygon_area(corners[order]) == pytest.approx(expected, rel=1e-5)
