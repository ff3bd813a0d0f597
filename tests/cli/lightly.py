"""The command with a run that does one chosen thing: `python -m tests.cli.lightly WHAT ARGUMENTS`.

`signal:NAME` sends the process a signal in the middle of a step, `import:MODULE` while it imports
that module, `raise:ERROR` raises, `nothing` goes through. The run is real, its steps are those of `tests.workflow.faults`.
"""

from __future__ import annotations

import importlib.abc
import os
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from phytomass.cli.main import main


class During(importlib.abc.MetaPathFinder):
    """Sends a signal when a module is about to be imported."""

    def __init__(self, module: str, number: int) -> None:
        self.module, self.number = module, number

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: Any = None
    ) -> ModuleSpec | None:
        if name == self.module:
            os.kill(os.getpid(), self.number)
        return None


def light(folder: str, what: str) -> None:
    """Replace reading and checking by nothing, and the steps by those of `faults`."""
    import phytomass.workflow as workflow
    from tests.workflow.faults import Small

    small = Small.new(Path(folder))
    kind, _, name = what.partition(":")

    def meanwhile(step: str) -> None:
        if step == "map":
            if kind == "signal":
                os.kill(os.getpid(), getattr(signal, name))
            elif kind == "raise":
                raise eval(name)  # noqa: S307  # by the tests alone

    small.meanwhile = meanwhile
    workflow.load_project = lambda path: small.opened
    workflow.check_project = lambda opened, targets: workflow.Findings()
    workflow.keep_findings = lambda *found: None
    workflow.check_scheduler = lambda scheduler: None
    workflow.steps_of = lambda project: small.steps
    workflow.targets_of = lambda project, targets: list(targets)


if __name__ == "__main__":
    wanted = sys.argv[1]
    sys.argv[1:] = sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:  # started in the background
            signal.signal(number, signal.SIG_DFL)
    if wanted.startswith("import:"):
        sys.meta_path.insert(0, During(wanted.partition(":")[2], signal.SIGINT))
    else:
        light(sys.argv[2], wanted)
    main()
