"""The report says when no pixel of an optical source is dark: the offset may still be to be added."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phytomass.features import build_stack
from phytomass.grid import grid_of_raster
from phytomass.imagery import PredictorSettings
from phytomass.report.content.results import read_results
from phytomass.report.sections.predictors import predictors_section, sources_without_dark


def table(low: float, high: float = 0.6, bands: int = 3, **other: str) -> pd.DataFrame:
    row = {"sensor": "optical", "kind": "band", "unit": "", "source": "s2.tif"} | other
    return pd.DataFrame([row | {"min": low, "max": high} for _ in range(bands)])


def test_only_sources_all_of_whose_bands_are_bright() -> None:
    assert sources_without_dark(table(0.11)) == ["s2.tif"]
    assert sources_without_dark(pd.concat([table(0.11), table(0.02, bands=1)])) == []
    assert sources_without_dark(pd.concat([table(0.11), table(0.02, source="b.tif")])) == ["s2.tif"]
    assert sources_without_dark(table(0.11, bands=2)) == []
    assert sources_without_dark(table(0.11, sensor="sar")) == []
    assert sources_without_dark(table(0.11, unit="K")) == []
    assert sources_without_dark(table(0.11, kind="index")) == []
    assert sources_without_dark(table(1100, high=8000)) == []


@pytest.mark.parametrize(("offset", "said"), [("applied", True), ("pending", False)])
def test_a_real_tile_with_its_offset_forgotten(
    data: Path, tmp_path: Path, offset: str, said: bool
) -> None:
    tile = data / "sentinel_tiles/S2L2A/433D_629L_3_1.tif"
    bands = {"B2": 2, "B3": 3, "B4": 4, "B8": 8}
    s2 = {"files": str(tile), "product": "sentinel-2-l2a", "bands": bands, "mask": "none"}
    settings = PredictorSettings.model_validate({"rasters": {"s2": s2 | {"boa_offset": offset}}})
    build_stack(settings, grid_of_raster(tile), data, tmp_path / "predictors.tif")
    section = predictors_section(read_results(tmp_path))
    words = [block.text for block in section.blocks if block.block == "words"]
    assert any("offset of −1000" in text for text in words) is said
