"""Bad NetCDF files of vegetation optical depth."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from phytomass.errors import InputError
from phytomass.imagery import RasterSource, open_source
from tests.imagery.test_vod import write as write_vod
from tests.inputs.project import GRID

Spoil = Callable[[Path], None]


def raw(content: bytes) -> Spoil:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def changed(change: Callable[[xr.Dataset], xr.Dataset]) -> Spoil:
    def write(path: Path) -> None:
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            made = change(dataset).load()
        made.to_netcdf(path, engine="netcdf4")

    return write


def huge(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as out:
        for name, size in (("lat", 1 << 31), ("lon", 4)):
            out.createDimension(name, size)
            out.createVariable(name, "f4", (name,), chunksizes=(min(size, 1024),))
        chunks = (1024, 4)
        for name in ("Optical_Thickness_Nad", "RMSE", "Scene_Flags"):
            out.createVariable(name, "f4", ("lat", "lon"), chunksizes=chunks)


def letters(path: Path) -> None:
    """Write a letter where the optical depth should be."""
    with netCDF4.Dataset(path, "a") as out:
        known = out["Optical_Thickness_Nad"]
        out.renameVariable("Optical_Thickness_Nad", "other")
        out.createVariable("Optical_Thickness_Nad", "S1", known.dimensions)[:] = b"x"


KINDS: dict[str, tuple[Spoil, str]] = {
    "no bytes": (raw(b""), r"is empty \(0 bytes\)"),
    "junk": (raw(b"junk" * 99), "cannot be read as NetCDF"),
    "HDF5 junk": (raw(b"\x89HDF\r\n\x1a\n" + bytes(900)), "cannot be read as NetCDF"),
    "classic junk": (raw(b"CDF\x01" + bytes(range(256))), "cannot be read as NetCDF|no variable"),
    "pipe": (pipe, "is a pipe or a device"),
    "2^31 rows": (huge, r"has 2 147 483 648 values; at most 200 000 000.*LIMIT_NETCDF_VALUES"),
    "letters": (letters, "cannot be read as NetCDF"),
    "coordinates of no number": (
        changed(lambda d: d.assign_coords({n: d[n] * np.nan for n in d.coords if d[n].ndim == 1})),
        "EASE-Grid|does not cover|cannot be read",
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_bad_file_is_named(kind: str, tmp_path: Path) -> None:
    spoil, message = KINDS[kind]
    path = write_vod(tmp_path / "vod_20200601.nc", np.ones((584, 1388)))
    spoil(path)
    settings = {"files": "vod_*.nc", "product": "smos-ic-vod"}
    source = RasterSource.model_validate(settings)
    with (
        pytest.raises(InputError, match=message) as caught,
        open_source("vod", source, tmp_path, GRID),
    ):
        pass
    assert "vod_20200601.nc" in str(caught.value)
