"""Catalogues that answer slowly, endlessly or page by page."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.imagery.catalogs.retry import PassingError, Patience
from phytomass.imagery.catalogs.traffic import THREAD, Traffic
from tests.imagery.stac_server import Answer, StacServer
from tests.imagery.wrong import HTML, item, page, refused, source


@pytest.mark.parametrize("body", [b"{}", b"[]", HTML, b'{"links": []}', b'{"links": [{"rel": 5}]}'])
def test_a_landing_page_that_is_none(
    body: bytes, server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    server.answers["/"] = Answer(body)
    error = refused(source(server.url), tmp_path, grid)
    assert error.problems[0].where.startswith(f"{server.url} ")


def test_a_search_on_disk_is_not_followed(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.answers["/"] = Answer.json({"links": [{"rel": "search", "href": "file:///etc/passwd"}]})
    assert "file:///etc/passwd" in str(refused(source(server.url), tmp_path, grid))


def test_what_is_not_needed_may_be_odd(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    odd = item(server.url, geometry=np.nan, stac_extensions=5, stac_version=None)
    odd["properties"] |= {"gsd": np.nan, "s2:processing_baseline": [], "model_extra": 1}
    odd["assets"]["thumbnail"] = {"href": "s3://bucket/thumbnail.png", "roles": 7}
    server.answers["/search"] = Answer.json(page(odd))
    assert "only 0 of 1 scenes" in str(refused(source(server.url), tmp_path, grid))


ENDLESS = itertools.count()


@pytest.mark.parametrize(
    ("limit", "value"), [("max_answers", 20), ("max_total_mb", 0.02), ("total_s", 0.7)]
)
def test_pages_without_end(
    limit: str, value: float, server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    def answer(body: dict[str, Any], query: str) -> Answer:
        if limit == "total_s":
            time.sleep(0.05)
        n = next(ENDLESS)
        link = {"rel": "next", "href": f"/search?page={n}"}
        return Answer.json(page(item(server.url, id=f"S{n}"), links=[link]))

    server.answers["/search"] = answer
    error = refused(source(server.url, **{limit: value}), tmp_path, grid)
    assert error.problems[0].where.startswith(f"{server.url}/search?…")
    assert limit in error.problems[0].remedy
    assert "page=" not in str(error)
    assert len(server.requested) < 60


def test_what_is_left_of_the_time_is_the_longest_wait(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    server.faults.rules, server.faults.hang_s = {"search": ["hang"]}, 2.0
    begun = time.monotonic()
    refused(source(server.url, total_s=0.4, timeout_s=30), tmp_path, grid)
    assert time.monotonic() - begun < 1.5


def test_who_waits_for_a_slow_answer_goes_home_too(server: StacServer) -> None:
    server.answers["/x"] = Answer((b" " for _ in range(60)), pause_s=0.05)
    catalog = source(server.url, timeout_s=0.3).catalog
    assert catalog is not None
    with pytest.raises(PassingError, match=r"no whole answer within 0\.3 s"):
        Traffic(catalog, Patience(1, time.monotonic() + 9)).once(f"{server.url}/x")
    time.sleep(0.5)
    assert THREAD not in {thread.name for thread in threading.enumerate()}


def test_a_small_answer_does_not_swell(server: StacServer) -> None:
    bomb = gzip.compress(bytes(60_000_000), 1)
    server.answers["/search"] = Answer(bomb, headers={"Content-Encoding": "gzip"})
    catalog = source(server.url, max_answer_mb=2).catalog
    assert catalog is not None
    tracemalloc.start()
    with pytest.raises(InputError, match="max_answer_mb"):
        Traffic(catalog, Patience(1, time.monotonic() + 9)).ask(f"{server.url}/search")
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_a_gzip_answer_is_read(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    body = gzip.compress(json.dumps(page(item(server.url))).encode())
    server.answers["/search"] = Answer(body, headers={"Content-Encoding": "gzip"})
    assert "only 0 of 1 scenes" in str(refused(source(server.url), tmp_path, grid))


def test_faults_are_asked_again_page_by_page(server: StacServer) -> None:
    statuses = [503, 200, 429, 200]
    server.answers["/x"] = lambda body, query: Answer(b"{}", statuses.pop(0))
    catalog = source(server.url).catalog
    assert catalog is not None
    traffic = Traffic(catalog, Patience(2, time.monotonic() + 9, 0.01))
    assert [traffic.ask(f"{server.url}/x") for _ in range(2)] == [b"{}", b"{}"]
    assert len(server.requested) == 4


def test_links_by_get_and_post_are_followed(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    asked: list[tuple[dict[str, Any], str]] = []

    def answer(body: dict[str, Any], query: str) -> Answer:
        asked.append((body, query))
        n = len(asked)
        links = [
            [{"rel": "next", "href": "search", "method": "POST", "merge": True, "body": {"p": 2}}],
            [{"rel": "next", "href": "search", "method": "POST", "body": {"p": 3}}],
            [{"rel": "next", "href": "search?p=4"}],
            [],
        ][n - 1]
        return Answer.json(page(item(server.url, id=f"S{n}"), links=links))

    server.answers["/search"] = answer
    assert "only 0 of 4 scenes" in str(refused(source(server.url), tmp_path, grid))
    first, second, third, fourth = asked
    assert first[0]["datetime"] == "2020-06-01T00:00:00Z/2020-08-31T23:59:59Z"
    assert second[0] == {**first[0], "p": 2}
    assert third[0] == {"p": 3}
    assert fourth == ({}, "p=4")
