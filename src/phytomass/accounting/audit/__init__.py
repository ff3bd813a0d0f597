"""Do the numbers of a table follow from each other? Ratios, totals, intervals and formulas.

A line of code belongs here if it checks published numbers against each other.
"""

from phytomass.accounting.audit.check import audit
from phytomass.accounting.audit.findings import AGREES, CONTRADICTS, UNKNOWN, Finding

__all__ = ["AGREES", "CONTRADICTS", "UNKNOWN", "Finding", "audit"]
