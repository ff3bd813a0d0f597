from __future__ import annotations

import pytest

from phytomass.landscape import Landscape, LandscapeSettings, simulate

SMALL = LandscapeSettings(rows=120, cols=110, n_sites=12, random_state=3)


@pytest.fixture(scope="session")
def small() -> Landscape:
    return simulate(SMALL)
