"""The faults themselves: every kind, at the right place, and nothing that cannot run."""

from pathlib import Path

from tests.mutation.mutate import mutants_of, sample

SOURCE = '''"""A docstring with 1 + 1."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import os
__all__ = ["f"]


def f(a: int | None, b: float = 1.5) -> bool:
    """Say 2 < 3."""
    if not a and b <= 2:  # µ is two bytes
        print(f"{a + 1}")
        raise ValueError("µ" + str(-b))
    return b * 3 > a
'''


def test_each_kind_of_fault_stands_where_it_should() -> None:
    source = SOURCE.encode()
    found = mutants_of("x.py", source)
    lines = {
        (one.kind, one.applied(source).decode().splitlines()[one.line - 1].strip()) for one in found
    }
    assert lines == {
        ("constant", "def f(a: int | None, b: float = (2.5)) -> bool:"),
        ("constant", "def f(a: int | None, b: float = (0.5)) -> bool:"),
        ("condition", "if (not (not a and b <= 2)):  # µ is two bytes"),
        ("and/or", "if (not a or b <= 2):  # µ is two bytes"),
        ("negation", "if (a) and b <= 2:  # µ is two bytes"),
        ("comparison", "if not a and (b < 2):  # µ is two bytes"),
        ("constant", "if not a and b <= (3):  # µ is two bytes"),
        ("constant", "if not a and b <= (1):  # µ is two bytes"),
        ("statement", "pass"),
        ("arithmetic", "raise ValueError(('µ' - str(-b)))"),
        ("sign", 'raise ValueError("µ" + str((b)))'),
        ("comparison", "return (b * 3 >= a)"),
        ("arithmetic", "return (b / 3) > a"),
        ("constant", "return b * (4) > a"),
        ("constant", "return b * (2) > a"),
    }
    assert sum(one.kind == "statement" for one in found) == 2  # the call, and the raise


def test_the_same_seed_draws_the_same_faults() -> None:
    root = Path(__file__).parents[2]
    one, again = (sample(root, 5, 3, only="phytomass/units") for _ in range(2))
    assert one == again
    assert len(set(one)) == 5
    assert one != sample(root, 5, 4, only="phytomass/units")
