"""What a catalogue answers: checked from JSON to scenes, and refused with the place that is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import Repr
from typing import Annotated, Any, TypeVar

import pystac
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from phytomass.errors import InputError
from phytomass.imagery.catalogs.addresses import masked

_SHOWN = Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60


def _moment(value: object) -> dt.datetime | None:
    """Read a date and time of RFC 3339; without a zone it is UTC."""
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(str(value).upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("should be a date and time like 2020-07-01T10:00:00Z") from error


Moment = Annotated[dt.datetime | None, BeforeValidator(_moment)]


class _Record(BaseModel):
    """What we need of an object; what else it holds is not ours to judge."""

    model_config = ConfigDict(strict=True, frozen=True)


class LinkRecord(_Record):
    """A link of a catalogue, a page or an item."""

    rel: str
    href: str
    method: str | None = None
    body: dict[str, Any] | None = None
    merge: bool | None = None


class AssetRecord(_Record):
    """A file of an item, and the bands in it."""

    href: Annotated[str, Field(min_length=1)]
    eo_bands: list[dict[str, Any]] | None = Field(default=None, alias="eo:bands")
    bands: list[dict[str, Any]] | None = None


class PropertiesRecord(_Record):
    """What an item says about its scene."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")
    datetime: Moment = None
    start_datetime: Moment = None
    cloud: FiniteFloat | None = Field(default=None, alias="eo:cloud_cover")

    @model_validator(mode="after")
    def _dated(self) -> PropertiesRecord:
        if self.datetime is None and self.start_datetime is None:
            raise ValueError("no `datetime`, and no `start_datetime`")
        return self


class ItemRecord(_Record):
    """A scene."""

    id: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    collection: str | None = None
    bbox: Annotated[list[FiniteFloat], Field(min_length=4, max_length=6)] | None = None
    properties: PropertiesRecord
    assets: dict[str, AssetRecord]
    links: list[LinkRecord] = []

    @model_validator(mode="after")
    def _whole_box(self) -> ItemRecord:
        if self.bbox is not None and len(self.bbox) == 5:
            raise ValueError("`bbox` has five numbers")
        return self

    def item(self, address: str) -> pystac.Item:
        """Return it as a STAC item whose references start from `address`."""
        said = self.properties
        item = pystac.Item(
            id=self.id,
            geometry=None,
            bbox=self.bbox,
            datetime=said.datetime or said.start_datetime,
            properties={**(said.model_extra or {}), "eo:cloud_cover": said.cloud},
            href=address,
            collection=self.collection,
        )
        for key, asset in self.assets.items():
            bands = asset.eo_bands or asset.bands or []
            item.add_asset(key, pystac.Asset(asset.href, extra_fields={"bands": bands}))
        return item


class PageRecord(_Record):
    """A page of scenes."""

    features: list[ItemRecord]
    links: list[LinkRecord] = []


class CatalogRecord(_Record):
    """A landing page, or a static catalogue or collection."""

    links: list[LinkRecord]


R = TypeVar("R", bound=_Record)


@dataclass(frozen=True)
class Answer:
    """The JSON object that an address gave.

    Parameters
    ----------
    address : str
        Where it is from.
    content : mapping
        What it holds.
    where : str
        Key in the project file, for messages.
    """

    address: str
    content: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, address: str, body: bytes, where: str) -> Answer:
        """Read an object from JSON.

        Raises
        ------
        InputError
            If it is something else.

        Examples
        --------
        >>> Answer.of("https://a.org/stac?key=1", b"<html>Log in</html>", "catalog")
        Traceback (most recent call last):
        ...
        phytomass.errors.InputError: https://a.org/stac?… (catalog): the answer is a web page, ...
        """
        if not body.strip():
            raise _refused(address, where, "the answer is empty")
        try:
            content = from_json(body.removeprefix(b"\xef\xbb\xbf"))
        except ValueError as error:
            page = body.lstrip()[:1] == b"<"
            kind = "a web page, perhaps a login, and not JSON" if page else "not JSON"
            raise _refused(address, where, f"the answer is {kind} ({error})") from error
        if not isinstance(content, dict):
            raise _refused(address, where, f"the answer is no JSON object but {_shown(content)}")
        return cls(address, content, where)

    def read(self, record: type[R]) -> R:
        """Return the answer as a record.

        Raises
        ------
        InputError
            Naming the first field that is not what it should be.
        """
        try:
            return record.model_validate(self.content)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False)
            first = faults[0]
            place = ".".join(str(part)[:60] for part in first["loc"])
            found = "" if first["type"] == "missing" else f"; it is {_shown(first['input'])}"
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            text = f"{place + ': ' if place else ''}{first['msg']}{found}{more}"
            raise self.refused(f"the answer is not what a catalogue gives: {text}") from error

    def refused(self, what: str) -> InputError:
        """Return an error that names the address.

        Examples
        --------
        >>> print(Answer("https://a.org", {}, "").refused("is empty"))
        https://a.org: is empty → check that the address is that of a STAC catalogue, ...
        """
        return _refused(self.address, self.where, what)


def _shown(value: object) -> str:
    return masked(_SHOWN.repr(value))


def _refused(address: str, where: str, what: str) -> InputError:
    return InputError(
        what,
        where=f"{masked(address)} ({where})" if where else masked(address),
        remedy="check that the address is that of a STAC catalogue, in a browser or with `curl`",
    )
