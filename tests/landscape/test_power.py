"""How well biomass can be predicted: believable, not too easy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from phytomass.landscape import Landscape, LandscapeSettings, simulate


def predictors(landscape: Landscape, year: int) -> dict[str, np.ndarray]:
    scenes = [s for (y, _), s in landscape.sentinel2.items() if y == year]
    clear = [np.where((s[-1] > 20) | (s[-1] == 0), np.nan, s[:-1] / 1e4) for s in scenes]
    optical = np.nanmedian(np.stack(clear), axis=0)
    echoes = [
        10 ** (s.astype(float) / 10) for (y, _), s in landscape.sentinel1.items() if y == year
    ]
    sar = 10 * np.log10(np.mean(echoes, axis=0))
    return {"optical": optical, "sar": sar, "both": np.concatenate([optical, sar])}


@pytest.mark.parametrize("seed", [1, 2020])
def test_strength_of_the_sensors_on_unseen_ground(seed: int) -> None:
    """Trained on 600 pixels of the black fields of a 400 m chess-board, judged on the white."""
    settings = LandscapeSettings(rows=200, cols=200, high_m=3600.0, n_sites=5, random_state=seed)
    landscape = simulate(settings)
    agb, mask = landscape.forest.agb_mg_ha[2020].ravel(), landscape.forest.mask[2020]
    row, col = np.indices(mask.shape)
    white = (row // 40 + col // 40) % 2 == 1
    random = np.random.default_rng(1)
    train = random.choice(np.flatnonzero(mask & ~white), 600, replace=False)
    test = random.choice(np.flatnonzero(mask & white), 2000, replace=False)
    score, bias_of_dense = {}, {}
    for name, image in predictors(landscape, 2020).items():
        pixels = image.reshape(len(image), -1).T
        model = RandomForestRegressor(100, min_samples_leaf=3, max_features=0.5, random_state=1)
        error = model.fit(pixels[train], agb[train]).predict(pixels[test]) - agb[test]
        score[name] = 1 - np.mean(error**2) / agb[test].var()
        bias_of_dense[name] = error[agb[test] > 200].mean()
    assert 0.55 < score["both"] < 0.8
    assert 0.25 < score["sar"] < score["optical"] - 0.1
    assert score["both"] > score["optical"]
    assert -70 < bias_of_dense["both"] < -30
