"""Run the real case studies: python examples/run.py [finland] [bartlett] [finland_networks]
                              [finland_models] [finland_months]

The data are not part of the project (their licences differ). PHYTOMASS_DATA names the folder that
holds them; a link `data` is made in each example.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CASES = ("finland", "bartlett")


def main() -> int:
    data = os.environ.get("PHYTOMASS_DATA", "")
    if not data or not Path(data).is_dir():
        sys.stderr.write("PHYTOMASS_DATA must name the folder with the data\n")
        return 2
    for case in sys.argv[1:] or CASES:
        link = HERE / case / "data"
        if not link.exists():
            link.symlink_to(Path(data).resolve() / case.partition("_")[0])
        command = [str(Path(sys.executable).with_name("phytomass")), "run", str(HERE / case)]
        status = subprocess.run(command, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
