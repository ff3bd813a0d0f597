"""A map walks as the stack does: the same bytes by whoever and after any stop, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from phytomass.errors import InputError, WorkersError
from phytomass.features import PredictorStack
from phytomass.files import sha256_of
from phytomass.grid import Block, grid_from_bounds
from phytomass.imagery import MappedArea, MaskSettings
from phytomass.mapping import MapCounts, MapRules, Walking, change_map, predict_map
from phytomass.mapping.identity import print_of
from phytomass.models import ModelSettings, build_model
from phytomass.walk.journal import Journal
from phytomass.walk.workers import Workers
from tests.conftest import write_raster

NAMES = ("a", "b")
GRID: GeoBox = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 506_000, 3_803_000))
BLOCKS = 6
FOREST = """
import numpy as np
from sklearn.ensemble import RandomForestRegressor
X = np.random.default_rng(6).normal(size=(80, 2))
forest = RandomForestRegressor(20, random_state=0).fit(X, 100 + 40 * X[:, 0] - 10 * X[:, 1])
"""


def forest() -> RandomForestRegressor:
    made: dict[str, Any] = {}
    exec(FOREST, made)  # noqa: S102  # the very code that other processes run
    return made["forest"]


@pytest.fixture
def stack(tmp_path: Path) -> PredictorStack:
    bands = np.random.default_rng(5).normal(size=(2, *GRID.shape)).astype(np.float32)
    bands[0, 10:20, 5] = np.nan
    return PredictorStack.write(tmp_path / "p.tif", dict(zip(NAMES, bands, strict=True)), GRID)


@pytest.fixture
def area(tmp_path: Path) -> MappedArea:
    woods = np.ones(GRID.shape, dtype=np.uint8)
    woods[:, 500:] = 0
    write_raster(tmp_path / "mask.tif", woods, GRID)
    return MappedArea(MaskSettings(path="mask.tif", values=[1]), tmp_path, GRID)


def kept(monkeypatch: pytest.MonkeyPatch, most: int | None = None) -> list[Block]:
    """Return a list that grows by each block that is kept; after so many the walk breaks off."""
    keep, done = Journal.keep, []

    def keep_some(self: Journal, block: Block, values: Any, note: object = None) -> None:
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(block)
        keep(self, block, values, note)

    monkeypatch.setattr(Journal, "keep", keep_some)
    return done


def test_the_same_bytes_on_any_workers(
    tmp_path: Path, stack: PredictorStack, area: MappedArea, cluster: str
) -> None:
    ways = [Workers(1, "serial"), Workers(3), Workers(2, "processes"), Workers(1, cluster)]
    found: set[tuple[str, str, MapCounts]] = set()
    for k, workers in enumerate(ways):
        here = tmp_path / f"{k}"
        told: list[tuple[str, int, int]] = []
        walking = Walking(workers, progress=lambda *done, told=told: told.append(done))
        counts = predict_map(forest(), stack, NAMES, area, here / "agb.tif", walking=walking)
        change_map(here / "agb.tif", tmp_path / "0/agb.tif", here / "c.tif", walking=walking)
        assert ("map", BLOCKS, BLOCKS) in told
        assert sorted(path.name for path in here.iterdir()) == ["agb.tif", "c.tif"]
        found.add((sha256_of(here / "agb.tif"), sha256_of(here / "c.tif"), counts))
    assert len(found) == 1
    assert counts == MapCounts(300 * 500 - 10, 300 * 100, 10)


@pytest.mark.parametrize("after", range(BLOCKS + 1))
def test_a_map_that_was_broken_off_goes_on(
    tmp_path: Path,
    stack: PredictorStack,
    area: MappedArea,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    whole = predict_map(forest(), stack, NAMES, area, tmp_path / "whole.tif")
    target, model = tmp_path / "out/agb.tif", forest()
    with monkeypatch.context() as patched:
        done = kept(patched, after)
        if after == BLOCKS:  # all blocks are there, the map is not
            patched.setattr("phytomass.walk.raster_stores.linked", lambda *a: 1 / 0)
        with pytest.raises((KeyboardInterrupt, ZeroDivisionError)):
            predict_map(model, stack, NAMES, area, target)
    assert [path.name for path in target.parent.iterdir()] == [".agb.tif.unfinished"]
    again = kept(monkeypatch)
    assert predict_map(forest(), stack, NAMES, area, target) == whole
    assert len(done) + len(again) == BLOCKS
    assert not set(done) & set(again)
    assert sha256_of(target) == sha256_of(tmp_path / "whole.tif")
    assert [path.name for path in target.parent.iterdir()] == ["agb.tif"]


KILLED = f"""
import os, sys
from pathlib import Path
from phytomass.features import PredictorStack
from phytomass.imagery import MappedArea, MaskSettings
from phytomass.mapping import predict_map
from phytomass.walk.journal import Journal
{FOREST}
folder, most = Path(sys.argv[1]), int(sys.argv[2])
keep, done = Journal.keep, []
def stop(*a):
    keep(*a)
    done.append(a)
    if len(done) == most:
        os.kill(os.getpid(), 9)
Journal.keep = stop
stack = PredictorStack.open(folder / "p.tif")
area = MappedArea(MaskSettings(path="mask.tif", values=[1]), folder, stack.grid)
predict_map(forest, stack, ("a", "b"), area, folder / "out/agb.tif")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill")
def test_a_process_that_is_killed_again_and_again_ends_with_the_same_bytes(
    tmp_path: Path, stack: PredictorStack, area: MappedArea, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_map(forest(), stack, NAMES, area, tmp_path / "whole.tif")
    for _ in range(2):
        command = [sys.executable, "-c", KILLED, str(tmp_path), "2"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    again = kept(monkeypatch)  # a fit in another process is the same model
    predict_map(forest(), stack, NAMES, area, tmp_path / "out/agb.tif")
    assert len(again) == BLOCKS - 4
    assert sha256_of(tmp_path / "out/agb.tif") == sha256_of(tmp_path / "whole.tif")


def test_blocks_of_another_request_are_not_used(
    tmp_path: Path, stack: PredictorStack, area: MappedArea, monkeypatch: pytest.MonkeyPatch
) -> None:
    walking = Walking(folder=tmp_path / "unfinished")
    tags = {"title": "one"}

    def blocks_of(*changed: Any, **more: Any) -> int:
        with monkeypatch.context() as patched:
            done = kept(patched)
            asked = [forest(), stack, NAMES, area, tmp_path / "agb.tif"]
            asked[: len(changed)] = changed
            predict_map(*asked, walking=walking, **{"tags": tags, **more})
        return len(done)

    other = RandomForestRegressor(20, random_state=1).fit(*_plots())
    assert blocks_of() == BLOCKS
    assert blocks_of() == 0
    assert blocks_of(other) == BLOCKS
    assert blocks_of(other, stack, NAMES[::-1]) == BLOCKS
    assert blocks_of(rules=MapRules(minimum=None)) == BLOCKS
    assert blocks_of(tags={"title": "two"}) == BLOCKS
    assert blocks_of(forest(), stack, NAMES, None) == BLOCKS
    assert blocks_of(forest(), stack, NAMES, replace(area, settings=None)) == BLOCKS
    assert blocks_of() == BLOCKS
    os.utime(tmp_path / "mask.tif", (1, 1))
    assert blocks_of() == BLOCKS
    os.utime(stack.path, (1, 1))
    assert blocks_of() == BLOCKS
    assert blocks_of() == 0


def _plots() -> tuple[Any, Any]:
    X = np.random.default_rng(6).normal(size=(80, 2))
    return X, X[:, 0]


class Deadly(LinearRegression):  # type: ignore[misc]
    """Ends the worker at the last block but one that comes, once."""

    def predict(self, X: Any) -> Any:
        """Predict, or die."""
        mark = Path(self.folder)
        if len(list(mark.glob(".agb.tif.unfinished/done-*"))) >= 3 and not (mark / "died").exists():
            (mark / "died").touch()
            os._exit(9)
        time.sleep(0.05)
        return super().predict(X)


def test_a_worker_that_dies_costs_its_blocks(
    tmp_path: Path, stack: PredictorStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Deadly().fit(*_plots())
    predict_map(LinearRegression().fit(*_plots()), stack, NAMES, None, tmp_path / "whole.tif")
    model.folder = str(tmp_path / "out")
    walking = Walking(Workers(2, "processes"))
    with pytest.raises(WorkersError, match="what is finished is kept"):
        predict_map(model, stack, NAMES, None, tmp_path / "out/agb.tif", walking=walking)
    again = kept(monkeypatch)
    predict_map(model, stack, NAMES, None, tmp_path / "out/agb.tif")
    assert len(again) <= BLOCKS - 3
    assert sha256_of(tmp_path / "out/agb.tif") == sha256_of(tmp_path / "whole.tif")


def test_a_scheduler_that_does_not_answer_keeps_what_is_finished(
    tmp_path: Path, stack: PredictorStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phytomass.walk.workers.CONNECT_S", 1.0)
    target = tmp_path / "out/agb.tif"
    with monkeypatch.context() as patched:
        kept(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            predict_map(forest(), stack, NAMES, None, target)
    with pytest.raises(WorkersError, match="no scheduler answers"):
        gone = Walking(Workers(1, "tcp://127.0.0.1:9"))
        predict_map(forest(), stack, NAMES, None, target, walking=gone)
    again = kept(monkeypatch)
    predict_map(forest(), stack, NAMES, None, target)
    assert len(again) == BLOCKS - 2


def test_bad_input_leaves_no_blocks(tmp_path: Path, stack: PredictorStack) -> None:
    damaged = stack.path.read_bytes()
    stack.path.write_bytes(damaged[:-300_000])
    with pytest.raises(InputError, match=r"p\.tif.*delete it"):
        target, walking = tmp_path / "out/agb.tif", Walking(Workers(2))
        predict_map(forest(), stack, NAMES, None, target, walking=walking)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    "name", ["simple_linear", "mlr", "plsr", "svr", "random_forest", "xgboost"]
)
def test_a_model_fitted_again_in_another_process_is_the_same(name: str) -> None:
    code = (
        "import numpy as np\n"
        "from phytomass.models import ModelSettings, build_model\n"
        "from phytomass.mapping.identity import print_of\n"
        "X = np.random.default_rng(1).normal(size=(60, 4))\n"
        f"model = build_model(ModelSettings(name={name!r}), random_state=3)\n"
        "print(print_of(model.fit(X, X[:, 0] + X[:, 1] ** 2)))\n"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    X = np.random.default_rng(1).normal(size=(60, 4))
    y = X[:, 0] + X[:, 1] ** 2
    model, other = (build_model(ModelSettings(name=name), random_state=3) for _ in range(2))
    assert print_of(model.fit(X, y)) == there.stdout.strip()
    assert print_of(other.fit(X, 1.001 * y)) != there.stdout.strip()
