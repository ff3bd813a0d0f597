"""The stores there are: which one a name asks for, and which one a path holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phytomass.errors import InputError
from phytomass.walk.raster_stores import INDEX, Cogs, GeoTiff
from phytomass.walk.store import Store
from phytomass.walk.zarr_store import Zarr

STORES: Mapping[str, type[Store]] = {"geotiff": GeoTiff, "zarr": Zarr, "cogs": Cogs}
"""By the name that project files have for them."""
SUFFIXES = {"geotiff": ".tif", "zarr": ".zarr", "cogs": ""}


def store_for(target: Path) -> str:
    """Return the name of the store that a path asks for by its suffix.

    Raises
    ------
    InputError
        For any other suffix.

    Examples
    --------
    >>> store_for(Path("results/predictors.zarr"))
    'zarr'
    """
    names = {suffix: name for name, suffix in SUFFIXES.items()}
    if target.suffix not in names:
        raise InputError(
            f"no store ends in {target.suffix!r}",
            where=str(target),
            remedy="use .tif, .zarr, or no suffix for a folder of Cloud-Optimised GeoTIFFs",
        )
    return names[target.suffix]


def store_at(path: Path) -> type[Store]:
    """Return the kind of store that lies at a path; a file is taken for a raster."""
    if (path / INDEX).is_file():
        return Cogs
    return Zarr if path.is_dir() else GeoTiff


def named(folder: Path, name: str) -> Path | None:
    """Return where the result of that name lies in a folder, whichever store it is; None if not.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Path(folder, "predictors.zarr").mkdir()
    ...     found = named(Path(folder), "predictors")
    >>> found.name, named(Path(folder), "predictors")
    ('predictors.zarr', None)
    """
    places = (folder / f"{name}{SUFFIXES[kind]}" for kind in ("zarr", "cogs", "geotiff"))
    return next((place for place in places if place.exists()), None)
