"""A small STAC API on the loopback interface: items, signatures, byte ranges, and faults on demand."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import rasterio
from rasterio.warp import transform_bounds

CONFORMS = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]


@dataclass
class Faults:
    """What goes wrong: path pattern → list of faults, taken one per request; the last one stays.

    Faults are an HTTP status, `hang` (no answer for `hang_s`), `trickle` (a byte now and then),
    `truncate` (the file ends halfway) or `ok`.
    """

    rules: dict[str, list[str]] = field(default_factory=dict)
    hang_s: float = 5.0

    def take(self, path: str) -> str:
        for pattern, faults in self.rules.items():
            if re.search(pattern, path):
                return faults.pop(0) if len(faults) > 1 else faults[0]
        return "ok"


@dataclass
class Answer:
    """What is sent for a path instead of the usual, with or without its headers."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    """Between the parts of a body that has parts."""
    raw: bool = False
    """The body is all that is sent: no status, no headers."""

    @classmethod
    def json(cls, content: object, **headers: str) -> Answer:
        return cls(json.dumps(content).encode(), headers=headers)


class StacServer(ThreadingHTTPServer):
    """Serves files of a folder and items that point to them."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.items: list[dict[str, Any]] = []
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        self.answers: dict[str, Answer | Callable[[dict[str, Any], str], Answer]] = {}
        self.requested: list[str] = []
        self.signed = False
        self.token_s = 3600.0
        self.tokens: dict[str, float] = {}
        self.by_path: dict[str, int] = defaultdict(int)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""

    def add(self, name: str, day: str, assets: dict[str, Path], **properties: object) -> None:
        with rasterio.open(next(iter(assets.values()))) as dataset:
            box = list(transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds))
        west, south, east, north = box
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        self.items.append(
            {
                "type": "Feature",
                "stac_version": "1.0.0",
                "id": name,
                "collection": "tiles",
                "bbox": box,
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"datetime": f"{day}T10:00:00Z", **properties},
                "links": [],
                "assets": {
                    key: {"href": f"{self.url}/files/{path.relative_to(self.folder)}"}
                    for key, path in assets.items()
                },
            }
        )


class Handler(BaseHTTPRequestHandler):
    server: StacServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(json.loads(body or b"{}"))

    def do_GET(self) -> None:
        self._answer({})

    def _answer(self, asked: dict[str, Any]) -> None:
        server, url = self.server, urlparse(self.path)
        with server.lock:
            server.requested.append(self.path)
            server.counts[url.path.split("/")[1] or "landing"] += 1
            fault = server.faults.take(url.path)
        scripted = server.answers.get(url.path)
        if scripted is not None:
            self._script(scripted(asked, url.query) if callable(scripted) else scripted)
        elif fault.isdigit():
            self._send(int(fault), b"{}")
        elif fault == "hang":
            time.sleep(server.faults.hang_s)
            self.close_connection = True
        elif url.path in ("", "/"):
            self._json(self._landing())
        elif url.path == "/search":
            self._json(self._search(asked))
        elif url.path.startswith("/token/"):
            self._json(self._token())
        elif url.path.startswith("/files/"):
            self._file(url.path.removeprefix("/files/"), url.query, fault)
        else:
            self._send(404, b"{}")

    def _script(self, answer: Answer) -> None:
        whole = isinstance(answer.body, bytes)
        parts = [answer.body] if isinstance(answer.body, bytes) else answer.body
        self.close_connection = answer.raw or not whole or "Content-Length" in answer.headers
        if not answer.raw:
            self.send_response(answer.status)
            length = {"Content-Length": str(sum(map(len, parts)))} if whole else {}
            for key, value in {**length, **answer.headers}.items():
                self.send_header(key, value)
            self.end_headers()
        if self.command == "HEAD":
            return
        with suppress(OSError):  # the client had enough
            for part in parts:
                self.wfile.write(part)
                time.sleep(answer.pause_s)

    def _landing(self) -> dict[str, Any]:
        base = self.server.url
        links = [
            {"rel": "self", "href": base},
            {"rel": "root", "href": base},
            {
                "rel": "search",
                "type": "application/geo+json",
                "href": f"{base}/search",
                "method": "POST",
            },
        ]
        return {
            "type": "Catalog",
            "id": "loopback",
            "description": "a test",
            "stac_version": "1.0.0",
            "conformsTo": CONFORMS,
            "links": links,
        }

    def _search(self, asked: dict[str, Any]) -> dict[str, Any]:
        items = [i for i in self.server.items if i["collection"] in asked.get("collections", [])]
        if asked.get("datetime"):
            first, last = asked["datetime"].split("/")
            items = [i for i in items if first <= i["properties"]["datetime"] <= last]
        return {"type": "FeatureCollection", "features": items, "links": []}

    def _token(self) -> dict[str, str]:
        name = f"sig={len(self.server.tokens) + 1}"
        ends = time.time() + self.server.token_s
        self.server.tokens[name] = ends
        shown = datetime.now(UTC) + timedelta(seconds=3600)  # the clocks disagree
        return {"token": name, "msft:expiry": shown.isoformat().replace("+00:00", "Z")}

    def _file(self, name: str, query: str, fault: str) -> None:
        server = self.server
        if server.signed:
            token = f"sig={parse_qs(query).get('sig', [''])[0]}"
            if server.tokens.get(token, 0) < time.time():
                self._send(403, b"signature expired")
                return
        path = server.folder / name
        if not path.is_file():
            self._send(404, b"")
            return
        content = path.read_bytes()
        if fault == "truncate":
            content = content[: len(content) // 2]
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self._send(200, content, slow=fault == "trickle")
            return
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if start >= len(content):
            self._send(416, b"")
            return
        extra = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
        self._send(206, content[start : end + 1], extra, slow=fault == "trickle")

    def _json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(
        self, status: int, body: bytes, extra: dict[str, str] | None = None, slow: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), "Accept-Ranges": "bytes"}.items():
            self.send_header(key, value)
        for key, value in (extra or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            if slow:
                for byte in body[:20]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.5)
                self.close_connection = True
            else:
                self.wfile.write(body)
        except OSError:  # the client had enough
            self.close_connection = True
