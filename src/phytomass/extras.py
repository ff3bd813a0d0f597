"""The optional packages: which modules each extra brings, and what to say when one is absent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from phytomass.errors import InputError

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "report": ("matplotlib", "jinja2"),
    "netcdf": ("netCDF4",),
    "catalogs": ("requests", "urllib3", "spyndex"),
    "cluster": ("distributed",),
    "networks": ("torch", "safetensors"),
}
"""Extra → the modules it brings; `pyproject.toml` declares the same."""


class MissingExtraError(InputError):
    """What was asked for needs optional packages that are not installed."""


def require(extra: str, what: str, *, where: str = "") -> None:
    """Raise when a package of an extra is not installed.

    Parameters
    ----------
    extra : str
        One of `EXTRAS`.
    what : str
        What needs it, in the plural: `maps of VOD`.
    where : str, optional
        File, row or key of the project file that asks for it.

    Raises
    ------
    MissingExtraError
        Naming the packages and the command that installs them.

    Examples
    --------
    >>> require("report", "reports")  # says nothing: it is installed
    >>> EXTRAS["netcdf"]
    ('netCDF4',)
    """
    missing = [module for module in EXTRAS[extra] if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"{what} need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed",
            where=where,
            remedy=f"pip install 'phytomass[{extra}]'",
        )
