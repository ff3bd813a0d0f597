"""What larger areas take: time and disk grow with the area, memory does not, and what runs out is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from phytomass.workflow import Sizes, load_project
from phytomass.workflow.capacity import Machine, capacities
from phytomass.workflow.start import demo_project

SIZES = Sizes(
    n_trees=3000, n_plots=180, n_pixels=160_000, sets={"all": 20}, n_layers=24, n_reads=90
)
STEPS = ("plots", "stack", "compare", "map", "account", "report")
ROOMY = Machine(factor=1.0, write_s_per_byte=1e-9, memory_bytes=1e12, disk_bytes=1e15)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    path = tmp_path / "project.yaml"
    path.write_text(demo_project(1))
    return path


def test_what_grows_with_the_area_does(demo: Path) -> None:
    opened = load_project(demo)
    one, ten, thousand = capacities(opened, SIZES, STEPS, machine=ROOMY)
    assert (one.times, ten.times, thousand.times) == (1, 10, 1000)
    assert ten.disk_bytes == pytest.approx(10 * one.disk_bytes)
    # two dates, each twice for a moment: 24 layers, and 5 of the map with overviews, 4 bytes each
    assert one.disk_bytes == pytest.approx(2 * 2 * 4 * 160_000 * (24 + 5 * 4 / 3))
    assert thousand.memory_bytes == one.memory_bytes < 1e9
    small, large = dict(one.steps), dict(thousand.steps)
    assert large["plots"] == small["plots"]
    assert large["map"].high > 50 * small["map"].high
    assert thousand.limit in ("map", "stack")


def test_the_first_thing_that_runs_out_is_named(demo: Path) -> None:
    opened = load_project(demo)
    little = Machine(1.0, 1e-9, memory_bytes=1e12, disk_bytes=2e8)
    assert [one.limit == "disk" for one in capacities(opened, SIZES, STEPS, machine=little)] == [
        False,
        True,
        True,
    ]
    cramped = Machine(1.0, 1e-9, memory_bytes=5e8, disk_bytes=1e15)
    assert capacities(opened, SIZES, STEPS, machine=cramped)[0].limit == "memory"


def test_members_cost_predictions_but_of_a_forest(demo: Path) -> None:
    text = demo.read_text()
    found = []
    for members in (0, 100):
        demo.write_text(text.replace("\nmap:\n", f"\nmap:\n  members: {members}\n"))
        largest = capacities(load_project(demo), SIZES, STEPS, times=(1000,), machine=ROOMY)[0]
        found.append(dict(largest.steps)["map"].high)
    assert found[1] > 3 * found[0]


def test_the_machine_is_seen_and_nothing_is_left(tmp_path: Path) -> None:
    seen = Machine.seen_at(tmp_path / "not" / "there")
    assert seen.factor > 0
    assert 0 < seen.write_s_per_byte < 1e-5
    assert min(seen.memory_bytes, seen.disk_bytes) > 0
    assert not list(tmp_path.iterdir())
