"""From a reduction of emissions to credits: what a named rule takes off for uncertainty.

A line of code belongs here if a standard prescribes it. Rules are records with version and
reference; there is no unnamed default.
"""

from phytomass.accounting.credits.issue import Credits, Reduction, issued, issued_over, reduction_of
from phytomass.accounting.credits.rules import Rule, read_rules, rule_of

__all__ = [
    "Credits",
    "Reduction",
    "Rule",
    "issued",
    "issued_over",
    "read_rules",
    "reduction_of",
    "rule_of",
]
