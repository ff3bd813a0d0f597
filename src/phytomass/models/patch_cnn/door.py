"""The check that torch is there, and its number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from phytomass.errors import InputError
from phytomass.extras import require


def require_torch() -> None:
    """Raise when torch is not installed.

    Raises
    ------
    MissingExtraError
        With the command that installs it.
    """
    require("networks", "patch networks", where="models")


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use this many threads inside the block.

    Sums over threads are ordered by their number: results keep their bytes on any machine load
    only if that number is fixed, so training and mapping always ask for one, and spread members
    and blocks over threads instead.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_of(name: str) -> Any:
    """Return the torch device: ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    InputError
        For a device that is not there.
    """
    import torch

    found = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_mps())}
    if name == "auto":
        name = next((key for key in ("cuda", "mps") if found[key]), "cpu")
    kind, _, number = name.partition(":")
    there = found.get(kind, 0)
    if not there or (":" in name and number not in map(str, range(there))):
        known = ", ".join(key for key, n in found.items() if n)
        raise InputError(f"no device {name!r}", where="device", remedy=f"use auto, or {known}")
    return torch.device(name)


def _has_mps() -> bool:
    import torch

    return bool(torch.backends.mps.is_available())
