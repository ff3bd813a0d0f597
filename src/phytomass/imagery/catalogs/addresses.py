"""Addresses that a catalogue names: what they stand for, whom they belong to, how they are shown."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import unquote, urljoin, urlsplit

from phytomass.errors import InputError

_REMOTE = re.compile(
    r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:[/?#][^\s\\\x00-\x1f\x7f]*)?",
    re.IGNORECASE,
)
"""No user names and no backslashes: programs do not agree about the host of such an address."""
_QUERY = re.compile(r"\?[^\s'\"<>]+")
_USER = re.compile(r"//[^/\s@'\"]+@")
_PORTS = {"http": 80, "https": 443}


def masked(text: object) -> str:
    """Return a text in which no address shows its query or password: signatures are in there.

    Examples
    --------
    >>> masked("cannot open '/vsicurl/https://a.org/b.tif?sig=secret' twice")
    "cannot open '/vsicurl/https://a.org/b.tif?…' twice"
    """
    return _USER.sub("//…@", _QUERY.sub("?…", str(text)))


def is_remote(address: str) -> bool:
    """Tell whether something is the address of a web server rather than a path.

    Examples
    --------
    >>> is_remote("https://a.org/stac"), is_remote("s3://bucket/key"), is_remote("scenes/a.tif")
    (True, False, False)
    """
    return _REMOTE.fullmatch(address) is not None


def resolved(base: str, href: str) -> str:
    """Return what a reference stands for in the document that names it.

    Parameters
    ----------
    base : str
        Address or absolute path of the document.
    href : str
        The reference: absolute, or relative to the document.

    Raises
    ------
    InputError
        If a document from the web names anything but http(s), or one on disk anything but http(s)
        and files; nothing is left to what else an opener of files would understand.

    Examples
    --------
    >>> resolved("https://a.org/stac/catalog.json", "../b/item.json")
    'https://a.org/b/item.json'
    >>> resolved("/data/catalog.json", "scenes/a.tif")
    '/data/scenes/a.tif'
    >>> resolved("https://a.org/catalog.json", "file:///etc/passwd")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: https://a.org/catalog.json: names 'file:///etc/passwd', ...
    """
    found = _joined(base, href) if not href.lower().startswith("/vsi") else None
    if found is None:
        kinds = "http(s) addresses" if is_remote(base) else "http(s) addresses and files"
        raise InputError(
            f"names {masked(href)[:120]!r}, but only {kinds} are followed from here",
            where=masked(base),
            remedy="get such files yourself and name them under `files`",
        )
    return found


def _joined(base: str, href: str) -> str | None:
    if is_remote(href):
        return href
    if is_remote(base):
        try:
            found = urljoin(base, href)
        except ValueError:  # brackets that hold no address
            return None
        return found if is_remote(found) else None
    if any(character < " " for character in href):
        return None
    path = href
    if href.lower().startswith("file:"):
        parts = urlsplit(href)
        path = unquote(parts.path) if parts.netloc in ("", "localhost") else ""
    if not path or "://" in path:
        return None
    return os.path.normpath(os.path.join(os.path.dirname(base), path))  # noqa: PTH118, PTH120  # `..` as text


def same_site(one: str, other: str) -> bool:
    """Tell whether an address is of the same server as another, or its safer twin on https.

    Examples
    --------
    >>> same_site("http://a.org/b", "https://A.org/c"), same_site("https://a.org", "http://a.org")
    (True, False)
    """
    (scheme, host, port), (theirs, their_host, their_port) = map(_origin, (one, other))
    if host != their_host:
        return False
    return (scheme, port) == (theirs, their_port) or (
        (scheme, port, theirs, their_port) == ("http", 80, "https", 443)
    )


def _origin(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def may_sign(address: str, catalogue: str, hosts: Sequence[str]) -> bool:
    """Tell whether a signature of a catalogue may be sent to an address.

    Parameters
    ----------
    address : str
        Where it would be sent.
    catalogue : str
        Address of the catalogue.
    hosts : sequence of str
        Patterns of the hosts it is for; without any the catalogue's own server.

    Examples
    --------
    >>> ours = ("https://a.org/stac", ["*.blobs.org"])
    >>> may_sign("https://x.blobs.org/b.tif", *ours), may_sign("https://x.org/.blobs.org", *ours)
    (True, False)
    >>> may_sign("http://x.blobs.org/b.tif", *ours)  # open to whoever listens
    False
    """
    if not is_remote(address):
        return False
    scheme, host, _ = _origin(address)
    if scheme != "https" and not catalogue.lower().startswith("http://"):
        return False
    if hosts:
        return any(fnmatchcase(host, pattern.lower()) for pattern in hosts)
    return same_site(catalogue, address)
