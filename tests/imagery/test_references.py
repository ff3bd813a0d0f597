"""What catalogues may name: other documents, hosts of signatures, rasters; and what is kept."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin

from phytomass.errors import InputError
from phytomass.imagery import RasterSource, fetched_files
from phytomass.imagery.catalogs.addresses import masked, resolved
from phytomass.imagery.catalogs.fetch import Request
from phytomass.imagery.catalogs.remote import SceneError, opened
from phytomass.imagery.catalogs.retry import GaveUp, PassingError, Patience
from phytomass.imagery.catalogs.signatures import load_profiles
from phytomass.imagery.scenes.kept import safe_name
from tests.conftest import write_raster
from tests.imagery.stac_server import Answer, StacServer
from tests.imagery.wrong import HTML, item, page, refused, source

# Static catalogues: on disk and on a server


def catalogue(*links: tuple[str, str]) -> dict[str, Any]:
    return {"type": "Catalog", "id": "c", "links": [{"rel": r, "href": h} for r, h in links]}


STATIC: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing in it": ({"catalog.json": {}}, "catalog.json", "links: Field required"),
    "a web page": ({"catalog.json": HTML}, "catalog.json", "a web page"),
    "a list": ({"catalog.json": []}, "catalog.json", "no JSON object"),
    "not UTF-8": ({"catalog.json": b'{"id": "\xff"}'}, "catalog.json", "not JSON"),
    "its own child": (
        {"catalog.json": catalogue(("child", "catalog.json"))},
        "catalog.json",
        "in a circle",
    ),
    "a child that leads back": (
        {
            "catalog.json": catalogue(("child", "a/b.json")),
            "a/b.json": catalogue(("child", "../catalog.json")),
        },
        "a/b.json",
        "in a circle",
    ),
    "children of children": (
        {
            "catalog.json": catalogue(("child", "0.json")),
            **{f"{n}.json": catalogue(("child", f"{n + 1}.json")) for n in range(40)},
        },
        "31.json",
        "deeper than 32",
    ),
    "too many": (
        {
            "catalog.json": catalogue(*(("item", f"i{n}.json") for n in range(50))),
            **{f"i{n}.json": item("http://127.0.0.1:9", id=f"i{n}") for n in range(50)},
        },
        "i39.json",
        "max_answers",
    ),
    "too large": (
        {"catalog.json": {**catalogue(), "description": "x" * 200_001}},
        "catalog.json",
        "larger than 0.2 MB.*max_answer_mb",
    ),
    "an item without date": (
        {"catalog.json": catalogue(("item", "i.json")), "i.json": {"type": "Feature"}},
        "i.json",
        "id: Field required",
    ),
    "an item that is not there": (
        {"catalog.json": catalogue(("item", "i.json"))},
        "i.json",
        "404|no such file",
    ),
    "a child in a bucket": (
        {"catalog.json": catalogue(("child", "s3://bucket/b.json"))},
        "catalog.json",
        "names 's3://bucket/b.json'",
    ),
    "a child within an archive": (
        {"catalog.json": catalogue(("child", "/vsizip//vsicurl/http://a.org/b.zip/c.json"))},
        "catalog.json",
        "names '/vsizip",
    ),
    "a child by ftp": (
        {"catalog.json": catalogue(("child", "ftp://a.org/b.json"))},
        "catalog.json",
        "names 'ftp:",
    ),
    "two scenes, one file": (
        {
            "catalog.json": catalogue(("item", "i.json"), ("item", "j.json")),
            "i.json": item("http://127.0.0.1:9", id="a:1"),
            "j.json": item("http://127.0.0.1:9", id="A/1"),
        },
        "i.json",
        "one file: 'A/1' and 'a:1'",
    ),
}


@pytest.mark.parametrize("served", [True, False], ids=["served", "on disk"])
@pytest.mark.parametrize("name", list(STATIC))
def test_a_static_catalogue_that_is_wrong(
    name: str, served: bool, server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    documents, at, what = STATIC[name]
    for path, content in documents.items():
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        server.answers[f"/{path}"] = Answer(body)
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(body)
    base = server.url if served else str(tmp_path)
    url = f"{server.url}/catalog.json" if served else "catalog.json"
    error = refused(source(url, max_answers=40, max_answer_mb=0.2), tmp_path, grid)
    assert error.problems[0].where.split(" ")[0] == f"{base}/{at}"
    with pytest.raises(InputError, match=f"(?s){what}"):
        raise error


def test_a_served_catalogue_names_no_file_of_ours(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    ours = tmp_path / "ours.json"
    ours.write_text(json.dumps(item(server.url)))
    for link in (f"file://{ours}", str(ours), f"../../../..{ours}"):
        server.answers["/catalog.json"] = Answer.json(catalogue(("item", link)))
        error = refused(source(f"{server.url}/catalog.json"), tmp_path, grid)
        assert "only http(s)" in str(error) or "404" in str(error)
    local = json.dumps(catalogue(("item", f"file://{ours}")))
    (tmp_path / "catalog.json").write_text(local)
    assert "only 0 of 1" in str(refused(source("catalog.json"), tmp_path, grid))


def test_a_pipe_is_no_catalogue(tmp_path: Path, grid: GeoBox) -> None:
    os.mkfifo(tmp_path / "catalog.json")
    assert "no such file" in str(refused(source("catalog.json"), tmp_path, grid))


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("s3://bucket/catalog.json", "neither an http"),
        ("http://user:word@127.0.0.1:9/stac", "neither an http"),
        ("planetary-computr", "did you mean 'planetary-computer'"),
        ("/dev/zero", "no such file"),
    ],
)
def test_an_address_that_is_none(url: str, what: str, tmp_path: Path, grid: GeoBox) -> None:
    error = refused(source(url), tmp_path, grid)
    assert what in str(error)
    assert "word" not in str(error)


@pytest.mark.parametrize("dates", ["2020-06-31/2020-07-01", "2020-07-02/2020-07-01"])
def test_days_that_are_none(dates: str) -> None:
    with pytest.raises(ValueError, match=r"first and the last day|days rise"):
        RasterSource.model_validate({**source("a").model_dump(), "dates": dates})


# Signatures


TOKENS: dict[str, tuple[Answer, str]] = {
    "a login page": (Answer(HTML), "a web page"),
    "a list": (Answer(b"[]"), "no JSON object"),
    "no token": (Answer.json({"msft:expiry": "2099-01-01T00:00:00Z"}), "gives no signature"),
    "a number": (
        Answer.json({"token": 5, "msft:expiry": "2099-01-01T00:00:00Z"}),
        "gives no signature",
    ),
    "a token with a line break": (
        Answer.json({"token": "a\r\nX: b", "msft:expiry": "2099-01-01T00:00:00Z"}),
        "gives no signature",
    ),
    "no end": (Answer.json({"token": "a=b"}), "does not say when"),
    "an end in words": (Answer.json({"token": "a=b", "msft:expiry": "soon"}), "does not say when"),
    "an end of null": (Answer.json({"token": "a=b", "msft:expiry": None}), "does not say when"),
    "a refusal": (Answer(b"", 403), "403"),
    "sent to a stranger": (
        Answer(b"", 302, {"Location": "http://localhost:9/"}),
        "not on the same server",
    ),
}


@pytest.mark.parametrize("name", list(TOKENS))
def test_a_signature_that_is_none(
    name: str, server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    server.answers["/search"] = Answer.json(page(item(server.url)))
    server.answers["/sign"], what = TOKENS[name]
    error = refused(source(server.url, token_url=f"{server.url}/sign?key=secret"), tmp_path, grid)
    assert error.problems[0].where == f"{server.url}/sign?… (predictors.rasters.s2)"
    assert what in str(error)


def test_signatures_go_to_their_hosts_alone(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    other = StacServer(tmp_path / "other")
    two = item(server.url)
    two["assets"]["red"]["href"] = f"{other.url}/files/red.tif"
    server.answers["/search"] = Answer.json(page(two))
    sign = {"token_url": f"{server.url}/token/x"}
    error = refused(source(server.url, **sign), tmp_path, grid)
    assert "sig=" not in str(error)
    assert not any("sig=" in path for path in other.requested)
    assert other.requested
    refused(source(server.url, asset_hosts=["127.0.0.?"], **sign), tmp_path, grid)
    assert any("sig=" in path for path in other.requested)
    other.shutdown()
    other.server_close()


def test_the_signatures_of_planetary_computer_are_for_its_blobs() -> None:
    assert load_profiles()["planetary-computer"].asset_hosts == ["*.blob.core.windows.net"]


def test_no_message_shows_a_signature(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.answers["/search"] = Answer.json(page(item(server.url)))
    server.answers["/files/red.tif"] = Answer(HTML)
    error = refused(source(server.url, token_url=f"{server.url}/token/x"), tmp_path, grid)
    assert any("?sig=" in path for path in server.requested)
    assert "red.tif" in str(error)
    assert "sig=" not in str(error)
    with pytest.raises(GaveUp, match=r"http://a/b\?… no"):
        Patience(1, time.monotonic() + 9).persist(_leak, (PassingError,))


def _leak(attempt: int) -> None:
    raise PassingError("http://a/b?sig=1 no")


def test_keys_in_addresses_do_not_reach_provenance() -> None:
    one, two = (source(f"http://a.org/stac?key={key}") for key in ("secret", "other"))
    shown = [s.model_dump(mode="json")["catalog"]["url"] for s in (one, two)]
    assert "secret" not in shown[0]
    assert shown[0] != shown[1]
    assert "secret" not in one.place
    assert one.catalog is not None
    assert one.catalog.model_dump()["url"].endswith("secret")


def test_masks() -> None:
    assert masked("with url: /t?key=1 (Caused by 'x?y=2')") == "with url: /t?… (Caused by 'x?…')"
    assert masked("http://me:word@a.org/b") == "http://…@a.org/b"
    for base, href, found in (
        ("http://a.org/c/d.json", "../e.tif", "http://a.org/e.tif"),
        ("http://a.org/c/d.json", "//b.org/e.tif", "http://b.org/e.tif"),
        ("http://a.org/c/d.json", "/etc/passwd", "http://a.org/etc/passwd"),
        ("/c/d.json", "../e.tif", "/e.tif"),
        ("/c/d.json", "file:///e%20f.tif", "/e f.tif"),
        ("/c/d.json", "http://a.org/e.tif", "http://a.org/e.tif"),
    ):
        assert resolved(base, href) == found
    for href in (
        "/vsicurl/http://a.org/b.tif",
        "zip+http://a.org/b.zip!c",
        "http://a.org\\@b.org/c.tif",
        "http://user@a.org/c.tif",
        "http://[::1/c.tif",
        "ftp://a.org/c.tif",
        "az://a/b.tif",
        "file:///etc/passwd",
    ):
        with pytest.raises(InputError, match="only http"):
            resolved("https://a.org/catalog.json", href)


# Files of scenes


@pytest.mark.parametrize(
    "href",
    [
        "file:///{ours}",
        "s3://bucket/a.tif",
        "/vsizip//{ours}",
        "ftp://a.org/a.tif",
        "zip+file://{ours}",
    ],
)
def test_a_scene_on_our_disk_is_left_out(
    href: str, server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    ours = write_raster(tmp_path / "ours.tif", np.ones((1, *grid.shape), np.uint16), grid)
    scene = item(server.url)
    for asset in scene["assets"].values():
        asset["href"] = href.format(ours=ours)
    server.answers["/search"] = Answer.json(page(scene))
    error = refused(source(server.url), tmp_path, grid)
    assert "but only http(s) addresses" in str(error)
    assert error.problems[0].where.startswith(server.url)


def test_a_served_vrt_names_no_file_of_ours(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    ours = write_raster(tmp_path / "ours.tif", np.ones((1, *grid.shape), np.uint16), grid)
    (server.folder / "red.tif").write_text(
        f'<VRTDataset rasterXSize="60" rasterYSize="60"><SRS>{grid.crs}</SRS>'
        f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{ours}'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    server.answers["/search"] = Answer.json(page(item(server.url)))
    assert "not recognized" in str(refused(source(server.url), tmp_path, grid))
    (server.folder / "red.tif").unlink()


def test_a_scene_that_is_sent_on_to_our_disk(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    ours = write_raster(tmp_path / "ours.tif", np.ones((1, *grid.shape), np.uint16), grid)
    server.answers["/search"] = Answer.json(page(item(server.url)))
    for name in ("red", "nir", "scl"):
        server.answers[f"/files/{name}.tif"] = Answer(b"", 302, {"Location": f"file://{ours}"})
    assert "only 0 of 1" in str(refused(source(server.url), tmp_path, grid))


def test_a_scene_that_is_a_web_page(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.answers["/search"] = Answer.json(page(item(server.url)))
    server.answers["/files/red.tif"] = Answer(HTML)
    assert "S2A: " in str(refused(source(server.url), tmp_path, grid))


def sparse(path: Path, size: int, **layout: object) -> Path:
    """Write a header of `size` × `size` pixels of 10 m around the grid with nothing behind it."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=size,
        width=size,
        count=1,
        dtype="uint16",
        crs="EPSG:32643",
        transform=from_origin(0, 4.1e6, 10, 10),
        SPARSE_OK=True,
        **layout,
    ):
        return path


def test_of_a_huge_raster_only_the_part_on_the_grid_is_read(tmp_path: Path, grid: GeoBox) -> None:
    path = sparse(tmp_path / "a.tif", 60_000, tiled=True, blockxsize=512, blockysize=512)
    with opened(str(path), grid, 500.0) as dataset:
        assert dataset.shape == (60_000, 60_000)
    coarse = GeoBox.from_bbox((1e5, 3.6e6, 5e5, 4e6), "EPSG:32643", resolution=1000)
    with (
        pytest.raises(SceneError, match=r"its part in one block.*is 1311 MB.*max_read_mb"),
        opened(str(path), coarse, 500.0),
    ):
        pass


def test_a_raster_in_one_huge_piece_is_left_out(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    sparse(server.folder / "red.tif", 60_000, blockysize=60_000, compress="deflate")
    server.answers["/search"] = Answer.json(page(item(server.url)))
    error = refused(source(server.url), tmp_path, grid)
    assert "one of its tiles or strips is 7200 MB unpacked, more than 500 MB" in str(error)
    (server.folder / "red.tif").unlink()


def test_what_a_catalogue_says_is_kept_where_it_can_be_read(tmp_path: Path, grid: GeoBox) -> None:
    said = {
        "s2:processing_baseline": "N05",
        "view:sun_azimuth": 150,
        "view:sun_elevation": float("nan"),
        "sat:orbit_state": "ascending",
        "platform": ["S2A"],
    }
    scene = pystac.Item("S2A", None, None, datetime(2020, 7, 1, tzinfo=UTC), said)
    request = Request(scene, {}, [], tmp_path / "a.tif", source("http://a.org"), grid)
    kept = json.loads(request.tags["stac_properties"])
    assert kept == {"view:sun_azimuth": "150", "sat:orbit_state": "ascending"}


def test_a_list_of_scenes_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    for content in (b"{}", b"[1]", b"[", b"\xff"):
        (tmp_path / "scenes/scenes.json").write_bytes(content)
        with pytest.raises(InputError, match=r"scenes\.json: is no list of scenes.*delete it"):
            fetched_files(source("http://a.org"), tmp_path)


def test_long_names_stay_apart() -> None:
    one, two = (safe_name("é" * 190 + last) for last in "ab")
    assert one != two
    assert max(len(one), len(two)) < 150
