"""The public index catalogue, and textures against matrices built the long way."""

from __future__ import annotations

import numpy as np
import pytest

from phytomass.errors import InputError
from phytomass.imagery import CatalogueIndex, evaluate, find_index, load_indices
from phytomass.imagery.indices.catalogue import AMBIGUOUS, entries, formula_on_bands
from phytomass.imagery.pixels.texture import MEASURES, glcm, grey_levels
from phytomass.imagery.products.sensors import find_sensor

BANDS = {f"B{i}": np.array([0.02 + 0.031 * i]) for i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12)}
BANDS |= {"B8A": np.array([0.29]), "VV": np.array([-9.0]), "VH": np.array([-15.0])}


def test_house_indices_agree_with_the_catalogue_where_both_have_them() -> None:
    letters = find_sensor("sentinel-2-l2a").letters
    same = set(load_indices()) & set(entries())
    assert {"NDVI", "EVI", "EVI2", "IRECI", "S2REP", "MTCI", "NDREI", "NBR", "NDMI"} <= same
    for name in same - {"SAVI"}:
        ours = evaluate(load_indices()[name].formula, BANDS)
        assert ours == pytest.approx(evaluate(formula_on_bands(name, letters), BANDS)), name
    assert AMBIGUOUS.keys() & load_indices().keys() == set()


def test_a_catalogue_index_on_sentinel_2_and_on_landsat() -> None:
    ndwi = find_index("NDWI")
    assert (ndwi.id, ndwi.formula) == ("NDWI", "(B3 - B8) / (B3 + B8)")
    assert "Awesome Spectral Indices" in ndwi.source
    landsat = find_index(CatalogueIndex(index="NDVI", product="landsat-c2-l2", name="NDVI_L8"))
    assert landsat.id == "NDVI_L8"
    assert landsat.bands == {"SR_B5", "SR_B4"}


def test_radar_indices_of_the_catalogue_see_power() -> None:
    index = find_index("DpRVIVV")
    assert index.sensor == "sar"
    vv, vh = 10**-0.9, 10**-1.5
    assert evaluate(index.formula, BANDS)[0] == pytest.approx(4 * vh / (vv + vh))


def test_indices_that_are_not_scale_free_ask_for_reflectance() -> None:
    assert find_index("OSAVI").needs_reflectance
    assert not find_index("NDWI").needs_reflectance


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("RENDVI", "RENDVI_B8B6"),
        ("RVI", "RVI_VVVH"),
        ("NDVJ", "did you mean"),
        (CatalogueIndex(index="IRECI", product="landsat-c2-l2"), "needs RE1"),
        (CatalogueIndex(index="NDVI", name="B8"), "name of a band"),
    ],
)
def test_names_that_collide_or_do_not_fit_are_refused(
    wanted: str | CatalogueIndex, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        find_index(wanted)


def by_matrix(grey: np.ndarray, levels: int) -> np.ndarray:
    """Measures of one window from full matrices, averaged over four directions."""
    rows, cols = grey.shape
    out = []
    for dy, dx in ((0, 1), (1, 1), (1, 0), (1, -1)):
        matrix = np.zeros((levels, levels))
        for y, x in np.ndindex(rows, cols):
            if 0 <= y + dy < rows and 0 <= x + dx < cols:
                a, b = grey[y, x], grey[y + dy, x + dx]
                if a >= 0 and b >= 0:
                    matrix[a, b] += 1
                    matrix[b, a] += 1
        p = matrix / matrix.sum()
        i, j = np.indices(p.shape)
        mean = (i * p).sum()
        variance = ((i - mean) ** 2 * p).sum()
        logs = np.where(p > 0, np.log(np.where(p > 0, p, 1)), 0)
        out.append(
            [
                mean,
                variance,
                ((i - j) ** 2 * p).sum(),
                (np.abs(i - j) * p).sum(),
                (p / (1 + (i - j) ** 2)).sum(),
                (p**2).sum(),
                -(p * logs).sum(),
                ((i - mean) * (j - mean) * p).sum() / variance,
            ]
        )
    return np.mean(out, axis=0)


def test_textures_agree_with_matrices() -> None:
    image = np.random.default_rng(1).gamma(4, 0.25, (12, 15))
    image[4, 6] = np.nan
    grey = grey_levels(image, (0.2, 2.0), 8)
    out = glcm(image, (0.2, 2.0), 8, 5)
    assert out.shape == (len(MEASURES), 12, 15)
    for row, col in ((2, 2), (5, 8), (9, 12), (0, 0), (11, 7)):
        window = grey[max(row - 2, 0) : row + 3, max(col - 2, 0) : col + 3]
        assert out[:, row, col] == pytest.approx(by_matrix(window, 8)), (row, col)
    assert np.isnan(out[:, 4, 6]).all()


def test_textures_do_not_depend_on_tiles() -> None:
    image = np.random.default_rng(2).normal(size=(40, 40))
    whole = glcm(image, (-2.0, 2.0))
    tile = glcm(image[7:33, 7:33], (-2.0, 2.0))
    assert np.array_equal(tile[:, 3:-3, 3:-3], whole[:, 10:30, 10:30])


def test_grey_limits_that_make_no_sense() -> None:
    with pytest.raises(InputError):
        grey_levels(np.ones(3), (1.0, 1.0), 32)
