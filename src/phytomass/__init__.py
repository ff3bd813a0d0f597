"""phytomass: forest field plots and satellite images to biomass and carbon."""

from __future__ import annotations

__version__: str

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # a tenth of a second that most imports do not need

        return version("phytomass")
    raise AttributeError(f"module 'phytomass' has no attribute {name!r}")
