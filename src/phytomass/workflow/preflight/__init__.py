"""The parts of `check`: each reads its inputs by itself, so that no mistake hides another.

A line of code belongs here if it looks at the inputs of a project before anything is computed.
"""

from phytomass.workflow.preflight.findings import Findings, Sizes

__all__ = ["Findings", "Sizes"]
