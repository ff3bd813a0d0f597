"""The number of looks estimated from an image, on speckle whose looks are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from phytomass.errors import InputError
from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.imagery import RasterSource, open_source
from phytomass.imagery.pixels.speckle.filters import improved_sigma, refined_lee
from phytomass.imagery.pixels.speckle.looks import estimated_looks, window_variations
from tests.conftest import write_raster


def speckle(looks: float, shape: tuple[int, int], seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).gamma(looks, 1 / looks, shape)


def textured(shape: tuple[int, int], share: float) -> np.ndarray:
    """Backscatter of a scene: texture in one part, homogeneous fields of four levels elsewhere."""
    rough = gaussian_filter(np.random.default_rng(5).normal(size=shape), 1.5)
    scene = np.exp(0.5 * rough / rough.std())
    scene[:, int(share * shape[1]) :] = 1.0
    scene[shape[0] // 2 :] *= 4
    return 0.05 * scene


@pytest.mark.parametrize("looks", [1, 2, 4.4, 10, 30])
def test_the_looks_of_an_even_scene(looks: float) -> None:
    estimate = estimated_looks(window_variations(0.07 * speckle(looks, (450, 450))))
    assert estimate == pytest.approx(looks, rel=0.05)


@pytest.mark.parametrize("looks", [1, 2, 4.4, 10])
def test_the_looks_of_a_scene_most_of_which_is_textured(looks: float) -> None:
    power = speckle(looks, (450, 450)) * textured((450, 450), 0.6)
    estimate = estimated_looks(window_variations(power))
    assert estimate == pytest.approx(looks, rel=0.07)
    whole = power.mean() ** 2 / power.var()  # what one would get from the scene as a whole
    assert abs(estimate - looks) < 0.3 * abs(whole - looks)


def test_gaps_do_not_count_and_too_few_windows_are_refused() -> None:
    power = speckle(4, (100, 90))
    power[40, 40] = np.nan
    assert len(window_variations(power)) == 6 * 6 - 1
    with pytest.raises(InputError, match=r"too few.*speckle\.looks"):
        estimated_looks(window_variations(power[:60, :60]), "a scene")


@pytest.mark.parametrize("name", ["lee", "refined_lee", "improved_sigma"])
def test_a_source_may_estimate_the_looks_of_each_scene(tmp_path: Path, name: str) -> None:
    wide = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 502_400, 3_802_000))
    for looks, day in ((2.0, "20200601"), (9.0, "20200613")):
        power = speckle(looks, wide.shape) * textured(wide.shape, 0.4)
        write_raster(tmp_path / f"s1_{day}_asc.tif", np.stack([power, power]), wide, ["VV", "VH"])
    rule: dict[str, object] = {"filter": name}

    def source(**speckle: object) -> RasterSource:
        return RasterSource.model_validate(
            {
                "files": "s1_*.tif",
                "product": "sentinel-1-rtc",
                "bands": ["VV"],
                "composite": "mean",
                "speckle": {**rule, **speckle},
                "border_m": 0,
            }
        )

    def read(settings: RasterSource, files: str = "s1_*.tif") -> np.ndarray:
        one = settings.model_copy(update={"files": files})
        with open_source("s1", one, tmp_path, wide) as reader:
            whole = reader.read(Block(0, 0, *wide.shape))["VV"]
            for block in blocks_of(wide.shape, 90):
                assert np.array_equal(reader.read(block)["VV"], whole[block.slices])
        return whole

    for looks, files in ((2.0, "*0601*"), (9.0, "*0613*")):
        estimated, given = read(source(looks="estimate"), files), read(source(looks=looks), files)
        usual = read(source(), files)  # the product's 4.4 looks
        assert np.abs(estimated - given).mean() < 0.4 * np.abs(usual - given).mean()
    both = read(source(looks="estimate"))
    power = [10 ** (read(source(looks="estimate"), f) / 10) for f in ("*0601*", "*0613*")]
    assert np.allclose(both, 10 * np.log10(np.mean(power, axis=0)))


def test_the_setting_of_the_published_filter(tmp_path: Path, grid: GeoBox) -> None:
    power = 0.05 * speckle(1.0, grid.shape)
    write_raster(tmp_path / "s1.tif", np.stack([power, power]), grid, ["VV", "VH"])

    def read(**speckle: object) -> np.ndarray:
        source = RasterSource.model_validate(
            {"files": "s1.tif", "product": "sentinel-1-rtc", "bands": ["VV"], "speckle": speckle}
        )
        with open_source("s1", source, tmp_path, grid) as reader:
            return 10 ** (reader.read(Block(0, 0, *grid.shape))["VV"] / 10)

    published = read(filter="improved_sigma", looks=1, bias_correction=False)
    bright = float(np.quantile(power, 0.98))
    assert np.allclose(published, improved_sigma(power, 1.0, bright, bias_correction=False))
    twice = read(filter="improved_sigma", looks=1)
    assert np.allclose(twice, improved_sigma(power, 1.0, bright))
    assert not np.allclose(twice, published)
    assert np.allclose(read(filter="refined_lee", looks=3), refined_lee(power, 3.0))


@pytest.mark.parametrize("looks", [0, -1, "guess"])
def test_looks_that_make_no_sense(looks: object) -> None:
    with pytest.raises(ValidationError, match="looks"):
        RasterSource.model_validate(
            {
                "files": "a.tif",
                "product": "sentinel-1-rtc",
                "speckle": {"filter": "lee", "looks": looks},
            }
        )
