"""Signatures of addresses, where a catalogue wants them: sent to the hosts they are for alone."""

from __future__ import annotations

import datetime as dt
import re
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any

import yaml

from phytomass.errors import InputError
from phytomass.imagery.catalogs.addresses import may_sign
from phytomass.imagery.catalogs.answers import Answer
from phytomass.imagery.catalogs.traffic import Traffic
from phytomass.imagery.products.settings import CatalogSettings
from phytomass.settings import Settings

RENEW_S = 120.0
"""A signature with less than this left is renewed."""
MIN_S = 60.0
"""A signature is kept at least so long, lest a clock that is off asks for one per address."""
_TOKEN = re.compile(r"[A-Za-z0-9%._~=&+/:;,!$()*@-]+")


class CatalogProfile(Settings):
    """What is known about a public catalogue."""

    url: str
    """Address of its API."""
    token_url: str | None = None
    """Where signatures come from; `{collection}` stands for the collection."""
    asset_hosts: list[str] = []
    """Hosts that signatures are for; without any the catalogue's own server."""
    collections: dict[str, str] = {}
    """Product → collection."""
    source: str = ""
    """Where this is written."""


@cache
def load_profiles() -> dict[str, CatalogProfile]:
    """Return the profiles of public catalogues by name.

    Examples
    --------
    >>> load_profiles()["earth-search"].collections["sentinel-2-l2a"]
    'sentinel-2-l2a'
    """
    text = files("phytomass.imagery").joinpath("catalogs.yaml").read_text(encoding="utf-8")
    return {name: CatalogProfile(**entry) for name, entry in yaml.safe_load(text).items()}


def profile_of(settings: CatalogSettings) -> CatalogProfile:
    """Return the profile a source names, or a plain one of its address.

    Examples
    --------
    >>> profile_of(CatalogSettings(url="https://a.org/stac", folder="scenes")).asset_hosts
    []
    """
    profile = load_profiles().get(settings.url) or CatalogProfile(url=settings.url)
    own = {"token_url": settings.token_url, "asset_hosts": settings.asset_hosts}
    return profile.model_copy(update={key: value for key, value in own.items() if value})


@dataclass
class Signer:
    """Appends signatures to addresses, and renews them before they end.

    Parameters
    ----------
    profile : CatalogProfile
        Where signatures come from, and the hosts they are for.
    collection : str
        What they are asked for.
    traffic : Traffic
        What they are asked with.
    """

    profile: CatalogProfile
    collection: str
    traffic: Traffic
    token: str = ""
    ends: float = 0.0
    lock: Any = field(default_factory=Lock)

    def signed(self, href: str, *, renew: bool = False) -> str:
        """Return the address with a signature, where the catalogue wants one there.

        Parameters
        ----------
        href : str
            Address without signature.
        renew : bool
            Get a new signature even if the old one should still do.

        Raises
        ------
        InputError
            If what is given for a signature is none.
        PassingError
            If it cannot be had now.
        """
        profile = self.profile
        if profile.token_url is None or not may_sign(href, profile.url, profile.asset_hosts):
            return href
        with self.lock:
            ahead = min(RENEW_S, self.traffic.limits.timeout_s)
            if renew or time.time() > self.ends - ahead:
                self.token, ends = self._asked(profile.token_url)
                self.ends = max(ends, time.time() + ahead + MIN_S)
            return f"{href}{'&' if '?' in href else '?'}{self.token}"

    def _asked(self, token_url: str) -> tuple[str, float]:
        url = token_url.replace("{collection}", self.collection)
        answer = Answer.of(url, self.traffic.once(url), self.traffic.where)
        token, expiry = answer.content.get("token"), answer.content.get("msft:expiry")
        try:
            ends = dt.datetime.fromisoformat(str(expiry).upper())
            seconds = (ends if ends.tzinfo else ends.replace(tzinfo=dt.UTC)).timestamp()
        except (ValueError, OverflowError) as error:
            raise self._refused(
                url, "does not say when its signature ends (`msft:expiry`)"
            ) from error
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._refused(url, "gives no signature (`token`)")
        return token, seconds

    def _refused(self, url: str, what: str) -> InputError:
        return self.traffic.problem(url, what, "check catalog.token_url")
