"""Bad rasters of every kind in every role: `check` says in words what is wrong, and where."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy as raster_copy

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery import RasterSource, open_source
from phytomass.rasters import open_raster
from tests.conftest import write_raster
from tests.inputs.project import FILES, GRID, Case, content_of_files, folder, pipe

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

ROLES = ("source", "elevation", "mask", "truth", "like")
Spoil = Callable[[Path], None]


def values(dtype: str = "float32") -> np.ndarray:
    return np.ones((1, *GRID.shape), dtype=dtype)


def raw(content: bytes) -> Spoil:
    return lambda path: void(path.write_bytes(content))


def void(_: object) -> None:
    return None


def cut_off(path: Path) -> None:
    raster_copy(path, f"{path}.cog", driver="COG", blocksize=128, overviews="none")
    content = Path(f"{path}.cog").read_bytes()
    path.write_bytes(content[: int(len(content) * 0.9)])


def no_crs(path: Path) -> None:
    write_raster(path, values(), GRID, crs=None)


def turned(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        affine = dataset.transform
        dataset.transform = rasterio.Affine(9, 3, affine.c, 3, -9, affine.f)


def upside_down(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        affine = dataset.transform
        dataset.transform = rasterio.Affine(10, 0, affine.c, 0, 10, affine.f)


def unplaced(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = rasterio.Affine.identity()


def numbers(dtype: str, nodata: float | None = None) -> Spoil:
    def write(path: Path) -> None:
        write_raster(path, values(dtype), GRID)
        if nodata is not None:
            with rasterio.open(path, "r+") as dataset:
                dataset.nodata = nodata

    return write


def vrt(source: str, more: str = "", size: str = "40,30", bands: int = 1, at: str = "") -> Spoil:
    """Write a VRT of one file; `more` goes into its bands."""
    place = at or "500000,10,0,3800300,0,-10"
    band = (
        '<VRTRasterBand dataType="Float32" band="{}">'
        f"{more}<SimpleSource><SourceFilename relativeToVRT='1'>{source}</SourceFilename>"
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
    )
    cols, rows = size.split(",")
    text = (
        f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}"><SRS>EPSG:32643</SRS>'
        f"<GeoTransform>{place}</GeoTransform>"
        f"{''.join(band.format(i + 1) for i in range(bands))}</VRTDataset>"
    )
    return raw(text.encode())


def circle(path: Path) -> None:
    other = path.with_name("other.vrt")
    vrt(other.name)(path)
    vrt(path.name)(other)


def far_vrt(path: Path) -> None:
    """Write a VRT within a VRT that asks a server."""
    vrt("inner.vrt")(path)
    vrt("/vsicurl/http://127.0.0.1:9/a.tif")(path.with_name("inner.vrt"))


def tiff(**tags: int) -> Spoil:
    """Write a TIFF header of one band by hand: what it declares need not be there."""
    numbered = {
        "width": (256, 40),
        "height": (257, 30),
        "bits": (258, 8),
        "compression": (259, 1),
        "photometric": (262, 1),
        "samples": (277, 1),
        "planar": (284, 1),
        "tile_width": (322, 256),
        "tile_height": (323, 256),
        "offsets": (324, 8),
        "counts": (325, 0),
        "format": (339, 1),
    }
    rows = [(number, tags.get(name, usual)) for name, (number, usual) in numbered.items()]
    header = struct.pack("<2sHIH", b"II", 42, 8, len(rows))
    entries = b"".join(struct.pack("<HHII", number, 4, 1, value) for number, value in rows)
    return raw(header + entries + struct.pack("<I", 0))


def picture(path: Path) -> None:
    """Write a PNG with a world file: pixels have a place, and no CRS."""
    profile = {"driver": "PNG", "height": 30, "width": 40, "count": 1, "dtype": "uint8"}
    with rasterio.open(path.with_suffix(".png"), "w", **profile) as out:
        out.write(values("uint8"))
    path.with_suffix(".pgw").write_text("10\n0\n0\n-10\n500005\n3800295\n")
    path.with_suffix(".wld").write_text("10\n0\n0\n-10\n500005\n3800295\n")
    path.with_suffix(".png").rename(path)


ASCII = "ncols 40\nnrows 30\nxllcorner 500000\nyllcorner 3800000\ncellsize 10\n"
SERVER = (
    "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>"
)
LOGIN = b"\xef\xbb\xbf\n<!-- sso -->\n<!DOCTYPE html><html><body>Please log in</body></html>"
UNREADABLE = "cannot be read as a raster"

KINDS: dict[str, tuple[Spoil, str]] = {
    "no bytes": (raw(b""), r"is empty \(0 bytes\)"),
    "junk": (raw(bytes(range(256)) * 20), UNREADABLE),
    "text": (raw(b"plot_id,easting\nA,1\n"), UNREADABLE),
    "login page": (raw(LOGIN), "is a web page"),
    "a server's description": (raw(SERVER.encode()), UNREADABLE),
    "folder": (folder, r"is a folder|no raster in the folder"),
    "pipe": (pipe, "is a pipe or a device"),
    "half a header": (lambda p: void(p.write_bytes(p.read_bytes()[:60])), UNREADABLE),
    "cut off": (cut_off, "is cut off: it has"),
    "without CRS": (no_crs, "no coordinate reference system"),
    "without a place": (unplaced, "no georeference"),
    "pixels of no size": (vrt("good.tif", at="500000,0,0,3800300,0,0"), "pixels without an extent"),
    "turned": (turned, r"another grid|is rotated"),
    "upside down": (upside_down, r"another grid|is rotated or upside down"),
    "complex numbers": (numbers("complex64"), "band 1 holds complex numbers"),
    "impossible no-data value": (numbers("uint8", -9999), "-9999 means no data, which uint8"),
    "unknown compression": (tiff(compression=60000), UNREADABLE),
    "no width": (tiff(width=0), UNREADABLE),
    "1 000 000 × 1 000 000 pixels": (
        tiff(width=1_000_000, height=1_000_000),
        r"has 1 000 000 000 000 pixels; at most 100 000 000 000.*LIMIT_RASTER_PIXELS=",
    ),
    "tiles of 2^31": (tiff(tile_width=1 << 31, tile_height=1 << 31), UNREADABLE),
    "tiles of 4 GB": (
        tiff(tile_width=65536, tile_height=65536),
        rf"{UNREADABLE}|LIMIT_RASTER_BLOCK_BYTES=",
    ),
    "65 535 bands": (
        tiff(samples=65535, planar=2),
        rf"has 65 535 bands; at most 4 096.*LIMIT_RASTER_BANDS=|{UNREADABLE}",
    ),
    "4 097 bands": (vrt("good.tif", bands=4097), "has 4 097 bands"),
    "VRT of a missing file": (vrt("absent.tif"), r"absent\.tif: no such file"),
    "VRT of itself": (circle, "leads back to itself"),
    "VRT of a server": (vrt("/vsicurl/http://127.0.0.1:9/a.tif"), "something else than a file"),
    "VRT of a VRT of a server": (far_vrt, r"inner\.vrt: is a VRT of something else than a file"),
    "VRT of a driver's name": (vrt("NETCDF:&quot;a.nc&quot;:v"), "something else than a file"),
    "VRT of nothing": (vrt("<![CDATA[good.tif]]>"), "something else than a file"),
    "picture with world file": (picture, "no coordinate reference system"),
    "ASCII grid without CRS": (raw((ASCII + "1 " * 1200).encode()), "no coordinate reference"),
    "ASCII grid cut off": (raw((ASCII + "1 " * 9).encode()), "no coordinate reference"),
    "ASCII grid of junk": (raw(b"ncols many\nnrows 3\ncellsize x\n1 2 3"), UNREADABLE),
    "NetCDF junk": (raw(b"CDF\x01" + bytes(range(200))), UNREADABLE),
    "HDF5 junk": (raw(b"\x89HDF\r\n\x1a\n" + bytes(500)), UNREADABLE),
    "JPEG 2000 junk": (raw(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(80)), UNREADABLE),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", list(KINDS))
def test_check_says_what_is_wrong_with_a_raster(kind: str, role: str, tmp_path: Path) -> None:
    case, (spoil, message) = Case(tmp_path), KINDS[kind]
    write_raster(tmp_path / "good.tif", values(), GRID)
    spoil(case.path(role))
    found = "\n".join(case.problems(role))
    assert re.search(message, found), found
    assert FILES[role] in found
    assert "→" in found


@pytest.mark.parametrize("role", ["mask", "truth"])
def test_a_tile_that_cannot_be_unpacked(role: str, tmp_path: Path) -> None:
    case = Case(tmp_path)
    path = case.path(role)
    raster_copy(path, f"{path}.cog", driver="COG", compress="deflate", overviews="none")
    content = bytearray(Path(f"{path}.cog").read_bytes())
    content[-40:] = b"\x07" * 40
    path.write_bytes(content)
    found = "\n".join(case.problems(role))
    assert re.search(rf"{FILES[role]} \({role}\): cannot be read to its end", found), found


@pytest.mark.parametrize("role", ["source", "mask"])
def test_bands_that_are_not_there_or_confused(role: str, tmp_path: Path) -> None:
    case = Case(tmp_path)
    if role == "mask":
        case.content["mask"]["band"] = 3
        assert any("mask.tif (mask): no band 3, it has 1" in p for p in case.problems(role))
        return
    bands = np.concatenate([values(), values() * 2, values() * 3])
    write_raster(case.path(role), bands, GRID, ["red", "nir", "red"])
    assert any("source.tif" in p and "called red" in p for p in case.problems(role))
    case.content["predictors"]["rasters"]["source"]["bands"] = ["red"]
    assert any("several bands are called red" in p for p in case.problems(role))
    case.content["predictors"]["rasters"]["source"]["bands"] = {"red": 1, "swir": 3}
    assert case.problems(role) == []


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint32", "int64", "uint64", "float64"]
)
@pytest.mark.parametrize("resample", [None, "bilinear"])
def test_every_type_of_real_numbers_is_read(
    dtype: str, resample: str | None, tmp_path: Path
) -> None:
    grid = GRID if resample is None else GRID.pad(3).zoom_out(2)
    bands = np.full((1, *grid.shape), 7, dtype=dtype)
    write_raster(tmp_path / "a.tif", bands, grid, nodata=3)
    source = RasterSource.model_validate({"files": "a.tif", "resample": resample})
    with open_source("a", source, tmp_path, GRID) as reader:
        seen = reader.read(Block(0, 0, *GRID.shape))["a"]
    assert (seen == 7).all()


def test_a_raster_from_elsewhere_has_no_place_on_the_grid(tmp_path: Path) -> None:
    case = Case(tmp_path)
    with rasterio.open(case.path("source"), "r+") as dataset:
        dataset.transform = rasterio.Affine(1e300, 0, 1e305, 0, -1e300, 1e305)
    case.content["predictors"]["rasters"]["source"]["resample"] = "bilinear"
    found = "\n".join(case.problems("source"))
    assert re.search(r"source\.tif", found), found


def test_a_limit_can_be_raised_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content_of_files()["source"])
    monkeypatch.setenv("PHYTOMASS_LIMIT_RASTER_PIXELS", "1199")
    with pytest.raises(InputError, match="has 1 200 pixels; at most 1 199"), open_raster(path):
        pass
    monkeypatch.setenv("PHYTOMASS_LIMIT_RASTER_PIXELS", "1200")
    with open_raster(path) as dataset:
        assert dataset.shape == GRID.shape


def test_good_files_pass(tmp_path: Path) -> None:
    case = Case(tmp_path)
    assert case.problems() == []
    assert case.problems("study_area") == []
    assert case.problems("like") == []
