"""Catalogues that answer something else than scenes."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.imagery import fetch_scenes
from tests.imagery.stac_server import Answer, StacServer
from tests.imagery.wrong import HTML, SECOND, item, page, refused, source


def changed(path: tuple[str | int, ...], value: object) -> Callable[[str], Answer]:
    """Return a page of one scene with something else at a place; `...` takes it out."""

    def answer(url: str) -> Answer:
        content: Any = page(item(url))
        inner = content
        for key in path[:-1]:
            inner = inner[key]
        if value is ...:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        return Answer.json(content)

    return answer


def fixed(body: bytes, status: int = 200, **headers: str) -> Callable[[str], Answer]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda url: Answer(body, status, named)


def endless(part: bytes, pause_s: float, *, raw: bool = False) -> Callable[[str], Answer]:
    parts = lambda: itertools.repeat(part, int(3 * SECOND / max(pause_s, 0.001)))  # noqa: E731
    return lambda url: Answer(parts(), pause_s=pause_s, raw=raw)


FEATURE = ("features", 0)
PROPERTIES = (*FEATURE, "properties")
DEEP = b"[" * 100_000 + b"]" * 100_000
ANSWERS: dict[str, tuple[Callable[[str], Answer], str]] = {
    "a login page": (fixed(HTML), "a web page, perhaps a login"),
    "an empty object": (fixed(b"{}"), "features: Field required"),
    "a list": (fixed(b"[]"), r"no JSON object but \[\]"),
    "null": (fixed(b"null"), "no JSON object but None"),
    "a word": (fixed(b'"busy"'), "no JSON object but 'busy'"),
    "a number": (fixed(b"5"), "no JSON object but 5"),
    "no content": (fixed(b"", 204), "is empty"),
    "nothing": (fixed(b""), "is empty"),
    "blanks": (fixed(b" \n "), "is empty"),
    "half of it": (fixed(b'{"features": ['), "not JSON"),
    "not UTF-8": (fixed(b'{"features": "\xff\xfe"}'), "not JSON"),
    "deep nesting": (fixed(DEEP), "not JSON.*recursion"),
    "a number of 5000 digits": (fixed(b"9" * 5000), "not JSON"),
    "half a character": (fixed(b'{"features": ["\\ud800"]}'), "not JSON"),
    "features null": (changed(("features",), None), "features: .*list.*None"),
    "features an object": (changed(("features",), {}), "features: .*list"),
    "features of numbers": (changed(("features",), [1, 2]), r"features\.0: .*and 1 more"),
    "no id": (changed((*FEATURE, "id"), ...), r"features\.0\.id: Field required"),
    "a null id": (changed((*FEATURE, "id"), None), r"features\.0\.id: .*string"),
    "an empty id": (changed((*FEATURE, "id"), ""), r"features\.0\.id: .*pattern"),
    "a number as id": (changed((*FEATURE, "id"), 5), r"features\.0\.id: .*string; it is 5"),
    "a long id": (changed((*FEATURE, "id"), "x" * 300), r"features\.0\.id: .*200"),
    "a line break in an id": (changed((*FEATURE, "id"), "a\nb"), r"features\.0\.id: .*pattern"),
    "a collection that is none": (changed((*FEATURE, "collection"), [1]), "collection: .*string"),
    "no properties": (changed(PROPERTIES, ...), r"features\.0\.properties: Field required"),
    "properties null": (changed(PROPERTIES, None), r"features\.0\.properties: "),
    "no date": (changed((*PROPERTIES, "datetime"), ...), "properties: .*no `datetime`"),
    "a date of words": (changed((*PROPERTIES, "datetime"), "yesterday"), "datetime: .*yesterday"),
    "a date that is a number": (changed((*PROPERTIES, "datetime"), 2020), "datetime: .*2020"),
    "a date before all": (
        changed((*PROPERTIES, "datetime"), "0001-01-01T00:00:00+14:00"),
        "datetime: .*0001",
    ),
    "null as date": (changed((*PROPERTIES, "datetime"), None), "no `datetime`"),
    "a box of words": (
        changed((*FEATURE, "bbox"), ["w", "s", "e", "n"]),
        r"bbox\.0: .*'w'.*3 more",
    ),
    "a box of three": (changed((*FEATURE, "bbox"), [1, 2, 3]), "bbox: .*at least 4"),
    "a box of five": (changed((*FEATURE, "bbox"), [1, 2, 3, 4, 5]), "bbox.*five"),
    "NaN in a box": (changed((*FEATURE, "bbox"), [np.nan, 0, 1, 1]), r"bbox\.0: .*finite"),
    "a box without end": (changed((*FEATURE, "bbox"), [0, 0, np.inf, 1]), r"bbox\.2: .*finite"),
    "no assets": (changed((*FEATURE, "assets"), ...), r"assets: Field required"),
    "assets in a list": (changed((*FEATURE, "assets"), []), "assets: .*dictionary"),
    "an asset of null": (changed((*FEATURE, "assets", "red"), None), r"assets\.red: "),
    "an asset without href": (changed((*FEATURE, "assets", "red"), {}), r"assets\.red\.href: "),
    "an href of null": (changed((*FEATURE, "assets", "red", "href"), None), r"red\.href: .*None"),
    "an empty href": (changed((*FEATURE, "assets", "red", "href"), ""), r"red\.href: "),
    "bands of numbers": (
        changed((*FEATURE, "assets", "red", "eo:bands"), [4]),
        r"red\.eo:bands\.0: .*dictionary",
    ),
    "clouds in words": (changed((*PROPERTIES, "eo:cloud_cover"), "few"), "eo:cloud_cover: .*'few'"),
    "clouds NaN": (changed((*PROPERTIES, "eo:cloud_cover"), np.nan), "eo:cloud_cover: .*finite"),
    "links of words": (changed(("links",), "none"), "links: .*list"),
    "a link without href": (changed(("links",), [{"rel": "next"}]), r"links\.0\.href: "),
    "a next page of null": (changed(("links",), [None]), r"links\.0: "),
    "a next page on disk": (
        changed(("links",), [{"rel": "next", "href": "file:///etc/passwd"}]),
        r"names 'file:///etc/passwd', but only http\(s\)",
    ),
    "a next page in a bucket": (
        changed(("links",), [{"rel": "next", "href": "s3://bucket/page"}]),
        "names 's3://bucket/page'",
    ),
    "a next page that is this page": (
        changed(("links",), [{"rel": "next", "href": "/search", "method": "POST", "merge": True}]),
        "in a circle",
    ),
    "the same scenes under ever new addresses": (
        changed(("links",), [{"rel": "next", "href": "/search?page=2"}]),
        "in a circle",
    ),
    "400": (fixed(b"{}", 400), r"400 \(Bad Request\)"),
    "401": (fixed(HTML, 401), r"401 \(Unauthorized\).*login"),
    "403": (fixed(HTML, 403), r"403 \(Forbidden\).*login"),
    "404": (fixed(HTML, 404), r"404 \(Not Found\)"),
    "418, and that not known": (fixed(b"", 499), "499 .unknown status"),
    "500": (fixed(b"", 500), r"500 \(Internal Server Error\) \(1 attempts\)"),
    "503": (fixed(b"", 503), "503"),
    "not modified": (fixed(b"", 304), "304"),
    "sent round in circles": (fixed(b"", 307, Location="/search"), "sends on more than 5 times"),
    "sent to a file": (fixed(b"", 302, Location="file:///etc/passwd"), "not on the same server"),
    "sent to a stranger": (
        fixed(b"", 302, Location="http://localhost:9/?sig=secret"),
        r"'http://localhost:9/\?…', which is not on the same server",
    ),
    "sent nowhere": (fixed(b"", 302, Location="http://["), "cannot be used.*Invalid IPv6"),
    "cut off": (fixed(b"{", Content_Length="5000"), "cannot be used.*IncompleteRead"),
    "gzip in name only": (fixed(b"{}", Content_Encoding="gzip"), "garbled"),
    "half a gzip": (
        fixed(gzip.compress(b"{}" * 99)[:-12], Content_Encoding="gzip"),
        "ends before it is whole",
    ),
    "another packing": (fixed(b"{}", Content_Encoding="br"), "packed as 'br'"),
    "packed twice": (fixed(b"{}", Content_Encoding="gzip, gzip"), "packed as 'gzip, gzip'"),
    "a small gzip of much": (
        fixed(gzip.compress(bytes(40_000_000), 1), Content_Encoding="gzip"),
        "larger than 2 MB unpacked.*max_answer_mb",
    ),
    "no end": (endless(b" " * 50_000, 0.0), "larger than 2 MB unpacked.*max_answer_mb"),
    "a byte now and then": (endless(b" ", 0.05), "no whole answer within.*timeout_s"),
    "headers now and then": (
        endless(b"H", 0.05, raw=True),
        "no whole answer within.*timeout_s",
    ),
    "no answer": (endless(b"", 0.1, raw=True), "cannot be used.*timeout_s"),
    "no HTTP": (lambda url: Answer(b"hello\r\n\r\n", raw=True), "cannot be used"),
    "hung up at once": (lambda url: Answer(b"", raw=True), "cannot be used"),
}


@pytest.mark.parametrize("name", list(ANSWERS))
def test_a_wrong_answer_is_one_message_with_the_address(
    name: str, server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    make, what = ANSWERS[name]
    server.answers["/search"] = make(server.url)
    if "ever new" in name:
        steps = itertools.count(2)
        link = {"rel": "next", "method": "GET"}
        server.answers["/search"] = lambda body, query: Answer.json(
            page(item(server.url), links=[{**link, "href": f"/search?page={next(steps)}"}])
        )
    error = refused(source(server.url, max_answer_mb=2), tmp_path, grid)
    with pytest.raises(InputError, match=f"(?s){what}"):
        raise error
    assert error.problems[0].where.split(" ")[0].removesuffix("?…") == f"{server.url}/search"
    assert error.problems[0].remedy
    assert "secret" not in str(error)


# Anything at all


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\x00", "../a", "file:///etc/passwd", "2020-07-01", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return all places in a JSON document."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    found = [(*at, key) for key, _ in inner] if isinstance(content, dict | list) else []
    for place in list(found):
        value = content[place[-1]]
        if isinstance(value, dict | list):
            found += places(value, place)
    return found


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_a_catalogue_says_is_no_traceback(
    server: StacServer, tmp_path: Path, grid: GeoBox, data: st.DataObject
) -> None:
    content = page(item("s3:/"), item("s3:/", id="S2B"))  # known to be out of reach: no file is
    content["links"] = [{"rel": "next", "href": "/nothing", "method": "GET"}]
    content["features"][0]["assets"]["red"]["eo:bands"] = [{"name": "B04"}]
    content["features"][0]["properties"] |= {"s2:processing_baseline": "05.00"}
    if not data.draw(st.booleans()):
        content["links"] = []
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places(content)))
        inner: Any = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = data.draw(JUNK)
        content = deepcopy(content)
    server.answers["/search"] = Answer.json(content)
    with pytest.raises(InputError) as caught:
        fetch_scenes("s2", source(server.url), tmp_path, grid, pause=0.0)
    assert len(caught.value.problems) == 1
    assert server.url in caught.value.problems[0].where
