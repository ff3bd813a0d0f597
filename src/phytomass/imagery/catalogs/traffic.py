"""All that is asked of web servers: bounded in time, number of answers, and unpacked bytes."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import responses
from typing import Any, TypeVar

import requests
from urllib3.exceptions import HTTPError

from phytomass.errors import InputError
from phytomass.imagery.catalogs.addresses import is_remote, masked, resolved, same_site
from phytomass.imagery.catalogs.retry import GaveUp, PassingError, Patience
from phytomass.imagery.products.settings import CatalogSettings

T = TypeVar("T")
REDIRECTS = 5
CHUNK = 1 << 16
THREAD = "an answer of a catalogue"
MB = 1_000_000
MAY_PASS = (408, 425, 429)
"""Statuses below 500 after which asking again may help."""
PACKED = ("gzip", "x-gzip")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what `work` gives, or stop waiting for it.

    A socket's timeout counts from byte to byte, and there is none for names and handshakes; only
    a clock outside the connection bounds them all. The thread left behind ends with its socket.

    Raises
    ------
    TimeoutError
        If it takes longer.

    Examples
    --------
    >>> within(9.0, lambda: 1 + 1)
    2
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # handed to the one who waits
            done.set_exception(error)

    threading.Thread(target=run, name=THREAD, daemon=True).start()
    return done.result(max(seconds, 0.0))


@dataclass
class Traffic:
    """Asks web servers, and keeps count of what they give.

    Parameters
    ----------
    limits : CatalogSettings
        Its `timeout_s`, `max_answers`, `max_answer_mb` and `max_total_mb`.
    patience : Patience
        How often a question is asked again, and when all must be over.
    where : str
        Key in the project file, for messages.
    """

    limits: CatalogSettings
    patience: Patience
    where: str = ""
    answers: int = 0
    received: int = 0
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, address: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Return a server's answer, asking again after faults that may pass.

        Parameters
        ----------
        address : str
            http(s) address.
        body : mapping, optional
            Sent as JSON with POST; GET without.

        Raises
        ------
        InputError
            Naming the address, if no answer can be had or it is beyond a limit.
        """
        try:
            return self.patience.persist(lambda _: self.once(address, body), (PassingError,))[0]
        except GaveUp as error:
            raise self.problem(
                address,
                f"the catalogue cannot be used: {error} ({error.attempts} attempts)",
                "check the address and the network, or raise catalog.timeout_s (now "
                f"{self.limits.timeout_s:g}) or total_s (now {self.limits.total_s:g}); "
                "scenes already kept need neither",
            ) from error

    def once(self, address: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Return a server's answer, asking once.

        Raises
        ------
        PassingError
            If asking again may help.
        InputError
            If it would not.
        """
        if not is_remote(address):
            raise self.problem(address, "is no http(s) address", "check it")
        now = self.patience.clock()
        seconds = min(self.limits.timeout_s, self.patience.deadline - now)
        session = self.session
        try:
            return within(seconds, lambda: self._followed(session, address, body, now + seconds))
        except TimeoutError as error:
            self.session = requests.Session()  # the old one may still be waiting
            raise PassingError(f"no whole answer within {seconds:.3g} s") from error
        except InputError:
            raise
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise PassingError(f"{type(error).__name__}: {masked(error)}") from error

    def problem(self, address: str, what: str, remedy: str) -> InputError:
        """Return an error about an address, its signature hidden."""
        where = f"{masked(address)} ({self.where})" if self.where else masked(address)
        return InputError(what, where=where, remedy=remedy)

    def count(self, address: str, *, answers: int = 0, size: int = 0) -> None:
        """Count answers and bytes.

        Raises
        ------
        InputError
            If they are too many.
        """
        limits = self.limits
        most: float
        self.answers += answers
        self.received += size
        if self.answers > limits.max_answers:
            what, name, most = "answers", "max_answers", limits.max_answers
        elif self.received > limits.max_total_mb * MB:
            what, name, most = "MB in all", "max_total_mb", limits.max_total_mb
        else:
            return
        raise self.problem(
            address,
            f"the catalogue has more than {most:g} {what} to give",
            f"choose fewer `dates`, or raise catalog.{name} (now {most:g})",
        )

    def _followed(
        self, session: requests.Session, address: str, body: Mapping[str, Any] | None, ends: float
    ) -> bytes:
        for _ in range(REDIRECTS + 1):
            self.count(address, answers=1)
            with session.request(
                "GET" if body is None else "POST",
                address,
                json=body,
                headers={"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "gzip"},
                timeout=max(ends - self.patience.clock(), 0.001),
                allow_redirects=False,
                stream=True,
            ) as answer:
                if not answer.is_redirect:
                    self._check_status(address, answer.status_code)
                    return self._unpacked(address, answer, ends)
                body = body if answer.status_code in (307, 308) else None
                address = self._moved(address, answer.headers["Location"])
        raise self.problem(address, f"sends on more than {REDIRECTS} times", "check the address")

    def _moved(self, address: str, location: str) -> str:
        """Return where an answer sends on to: the same server, or we would talk to a stranger."""
        try:
            target = resolved(address, location)
        except InputError:
            target = ""
        if not target or not same_site(address, target):
            raise self.problem(
                address,
                f"sends on to {masked(location)[:120]!r}, which is not on the same server",
                "if you trust it, name that address in the project file instead",
            )
        return target

    def _check_status(self, address: str, status: int) -> None:
        name = responses.get(status, "unknown status")
        if status >= 500 or status in MAY_PASS:
            raise PassingError(f"the answer is {status} ({name})")
        if not 200 <= status < 300:
            login = status in (401, 403, 407)
            raise self.problem(
                address,
                f"the answer is {status} ({name})",
                "the server wants a login or a key: see its documentation"
                if login
                else "check the address and what is asked for (collection, dates)",
            )

    def _unpacked(self, address: str, answer: requests.Response, ends: float) -> bytes:
        """Return the body, counted as it is unpacked; a small answer can unpack to a huge one."""
        packing = answer.headers.get("Content-Encoding", "identity").strip().lower()
        unpacker = zlib.decompressobj(31) if packing in PACKED else None
        if unpacker is None and packing not in ("identity", ""):
            raise self.problem(address, f"is packed as {packing[:40]!r}", "only gzip is understood")
        parts: list[bytes] = []
        size = 0
        while raw := answer.raw.read1(CHUNK, decode_content=False):
            if self.patience.clock() > ends:
                raise TimeoutError
            while raw:
                part = self._unpack(address, unpacker, raw) if unpacker else raw
                raw = unpacker.unconsumed_tail if unpacker else b""
                size += len(part)
                self._check_size(address, size)
                if part:
                    self.count(address, size=len(part))
                    parts.append(part)
        if unpacker and not unpacker.eof:
            raise PassingError("the answer ends before it is whole")
        return b"".join(parts)

    def _unpack(self, address: str, unpacker: Any, raw: bytes) -> bytes:
        try:
            return bytes(unpacker.decompress(raw, CHUNK))
        except zlib.error as error:
            raise self.problem(
                address, f"the answer is garbled: {error}", "check the address"
            ) from error

    def _check_size(self, address: str, size: int) -> None:
        most = self.limits.max_answer_mb
        if size > most * MB:
            raise self.problem(
                address,
                f"the answer is larger than {most:g} MB unpacked",
                f"raise catalog.max_answer_mb (now {most:g}) if that is as it should be",
            )
