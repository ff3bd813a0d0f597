"""What a study of a million trees costs: `phytomass plots` on plots alone, by part, with its memory.

    python benchmarks/million_trees.py NEW/src [OLD/src] [--plots 20000] [--draws 10000] [--workers 2]

Each version runs the same project in a process of its own; 50 trees in each plot, a third of them
without a height. A part lasts from the report of progress before it to its own last one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

PER_PLOT = 50
SPECIES = ("Melia azedarach", "Dalbergia sissoo", "Pinus roxburghii", "Senegalia modesta")

PROJECT = """\
name: A million trees
period: "2020"
inventory:
  trees: {{path: trees.csv}}
  plot_area_ha: 0.1
  missing_height: keep
allometry:
  fallback: chave2014
  heights: {{form: log_log}}
errors: {{draws: {draws}}}
"""

CODE = """
import json, resource, sys, time
start, marks = time.perf_counter(), []
def progress(what, done, total):
    marks.append((time.perf_counter() - start, time.process_time(), what))
from phytomass.workflow import check_project, load_project, run_steps, steps_of
opened = load_project(sys.argv[1])
check_project(opened, ["plots"])
progress("check", 1, 1)
steps = steps_of(opened.project)
for outcome in run_steps(opened, steps, ["plots"], workers=int(sys.argv[2]), progress=progress):
    pass
progress("the rest", 1, 1)
parts, last, used = {}, 0.0, 0.0
for now, cpu, what in marks:
    wall, busy = parts.get(what, (0.0, 0.0))
    parts[what] = (wall + now - last, busy + cpu - used)
    last, used = now, cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
print(json.dumps({"seconds": last, "cpu": used, "peak_gb": peak, "parts": parts}))
"""


def write_project(folder: Path, n_plots: int, draws: int) -> None:
    """Write a project of plots alone: trees.csv and project.yaml."""
    rng = np.random.default_rng(0)
    n = n_plots * PER_PLOT
    d = np.exp(rng.normal(np.log(20), 0.5, n)).clip(5, 150).round(1)
    h = (3.1 * d**0.6 * np.exp(rng.normal(0, 0.1, n))).round(1)
    h[rng.random(n) < 1 / 3] = np.nan
    trees = {
        "plot_id": [f"P{i:05d}" for i in np.repeat(np.arange(n_plots), PER_PLOT)],
        "tree_id": np.tile(np.arange(1, PER_PLOT + 1), n_plots),
        "species": rng.choice(SPECIES, n),
        "dbh_cm": d,
        "height_m": h,
    }
    pd.DataFrame(trees).to_csv(folder / "trees.csv", index=False)
    (folder / "project.yaml").write_text(PROJECT.format(draws=draws))


def measured(source: str, n_plots: int, draws: int, workers: int) -> dict[str, object]:
    """Run one version in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        write_project(Path(name), n_plots, draws)
        done = subprocess.run(  # our own interpreter and code
            [sys.executable, "-c", CODE, name, str(workers)],
            env={**os.environ, "PYTHONPATH": source},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+")
    for name, value in (("plots", 20_000), ("draws", 10_000), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    for source in given.sources:
        found = measured(source, given.plots, given.draws, given.workers)
        work = given.plots * PER_PLOT * given.draws
        seconds = float(str(found["seconds"]))
        print(
            f"{source}: {seconds:.1f} s, {work / seconds / 1e6:.1f} million tree-draws/s, ", end=""
        )
        print(f"processor {found['cpu']:.1f} s, peak {found['peak_gb']:.2f} GB")
        parts = found["parts"]
        assert isinstance(parts, dict)  # as CODE prints it
        for what, (wall, busy) in parts.items():
            print(f"    {wall:7.1f} s, processor {busy:7.1f} s  {what}")


if __name__ == "__main__":
    main()
