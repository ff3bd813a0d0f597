"""What the draws of plot biomass cost in one version of phytomass against another.

    python benchmarks/field_error_cost.py OLD/src NEW/src [rounds]

Runs both in turn, one thread each, on the same trees: half of them with a height from a model, two
candidate equations. Processor time, the least of the rounds.
"""

from __future__ import annotations

import os
import subprocess
import sys

TREES, DRAWS = 20_000, 4096

CODE = f"""
import time
import numpy as np
import pandas as pd
from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, plot_draws
rng = np.random.default_rng(0)
n = {TREES}
d = np.exp(rng.normal(np.log(20), 0.5, n)).clip(5, 150)
h = 3.1 * d**0.6 * np.exp(rng.normal(0, 0.1, n))
h[::2] = np.nan
trees = pd.DataFrame(dict(tree_id=np.arange(n).astype(str), plot_id=(np.arange(n) // 50).astype(str),
    species=rng.choice(["Melia azedarach", "Dalbergia sissoo"], n), dbh_cm=d, height_m=h))
plots = pd.DataFrame(dict(plot_id=trees["plot_id"].unique(), area_ha=0.1))
settings = AllometrySettings(fallback="chave2014", heights=dict(form="log_log", stratum=None))
table = tree_biomass(trees, settings)
def run(draws):
    errors = ErrorSettings(draws=draws, alternatives=("chave2005_moist",))
    model = ErrorModel(settings, errors=errors)
    start = time.process_time()
    plot_draws(table, plots, model, random_state=1, workers=1)
    return time.process_time() - start
run(64)
print(min(run({DRAWS}) for _ in range(3)))
"""


def seconds(source: str) -> float:
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run(  # our own interpreter and code
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    old, new = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    times = [(seconds(old), seconds(new)) for _ in range(rounds)]
    best = [min(column) for column in zip(*times, strict=True)]
    for name, value in zip((old, new), best, strict=True):
        print(f"{name}: {value:.2f} s, {TREES * DRAWS / value / 1e6:.1f} million tree-draws/s")
    print(f"the second takes {best[1] / best[0]:.3f} of the time of the first")


if __name__ == "__main__":
    main()
