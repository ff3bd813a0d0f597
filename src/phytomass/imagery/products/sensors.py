"""Sensor products as data: bands, scaling, nodata and mask rules of each."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from phytomass.errors import InputError, nearest
from phytomass.settings import Settings


class ClassMask(Settings):
    """A band of classes, some of which are no clear view of the ground."""

    band: str
    """Our name of the band."""
    names: list[str] = []
    """What else it is called."""
    reject: list[int]
    """Classes that are never used."""
    strict: list[int] = []
    """Classes that a strict mask rejects too."""
    grown: list[int] = []
    """Rejected classes whose surroundings are rejected too: clouds and shadows have soft edges."""
    dilate_m: float = 0.0
    """How far, in metres."""


class SensorRecord(Settings):
    """What is known about a product before any file is opened."""

    id: str
    """Name in the project file."""
    title: str
    """Name in words."""
    sensor: Literal["optical", "sar", "terrain", "other"]
    """Sensor group."""
    unit: str
    """Unit of the layers."""
    resolution_m: float
    """Finest pixel side."""
    scale: float = 1.0
    """Stored values are multiplied by this …"""
    offset: float = 0.0
    """… and this is added."""
    nodata: float | None = None
    """Stored value that means no data."""
    offset_rule: Literal["none", "sentinel2"] = "none"
    """How an offset that depends on the processing is found."""
    power: bool = False
    """Backscatter in linear power: given in dB at the end."""
    looks: float = 1.0
    """Equivalent number of looks."""
    border_m: float = 0.0
    """Margin along the borders of a scene that is cut off."""
    bands: dict[str, list[str]]
    """Our band name → other names in files and catalogues."""
    hidden: list[str] = []
    """Bands that are read when needed and never are predictors."""
    letters: dict[str, str] = {}
    """Letter in the index catalogue → our band."""
    classes: ClassMask | None = None
    """Mask by classes."""
    bits: dict[str, list[int]] = {}
    """Mask by bits: band → bits none of which may be set."""
    limits: dict[str, tuple[float, float]] = {}
    """Mask by limits: variable → lowest and highest value to use."""
    limit_names: dict[str, list[str]] = {}
    """What else these variables are called."""
    grid_crs: str = ""
    """CRS of the product's own global grid."""
    file_pattern: str = ""
    """Names of files that hold one band of one scene."""
    source: str
    """Where all this is written."""

    @property
    def predictors(self) -> list[str]:
        """Bands that become predictors unless others are named."""
        return [band for band in self.bands if band not in self.hidden]

    @property
    def mask_bands(self) -> list[str]:
        """Bands that only decide whether a pixel counts."""
        return [*([self.classes.band] if self.classes else []), *self.bits]

    def band_called(self, name: str) -> str | None:
        """Return our name of a band that a file calls `name`; None if it is not known.

        Examples
        --------
        >>> find_sensor("sentinel-2-l2a").band_called("b04")
        'B4'
        """
        known = {**self.bands, **{band: [] for band in self.bits}}
        if self.classes is not None:
            known[self.classes.band] = self.classes.names
        for band, others in known.items():
            if name.lower() in {band.lower(), *(other.lower() for other in others)}:
                return band
        return None


@cache
def load_sensors() -> dict[str, SensorRecord]:
    """Return the sensor records by id.

    Examples
    --------
    >>> load_sensors()["landsat-c2-l2"].offset
    -0.2
    """
    text = files("phytomass.imagery").joinpath("sensors.yaml").read_text(encoding="utf-8")
    records = {}
    for key, entry in yaml.safe_load(text).items():
        record = SensorRecord(id=key, **entry)
        re.compile(record.file_pattern)
        unknown = {*record.letters.values(), *record.hidden} - set(record.bands)
        if unknown:
            raise InputError(f"{key} has no band {', '.join(unknown)}", where="sensors.yaml")
        records[key] = record
    return records


def find_sensor(product: str) -> SensorRecord:
    """Return a sensor record by name.

    Raises
    ------
    InputError
        For an unknown product; names the nearest.
    """
    records = load_sensors()
    if product not in records:
        raise InputError(
            f"no product {product!r}",
            where="predictors.rasters.product",
            remedy=nearest(product, list(records)) or f"known are {', '.join(records)}",
        )
    return records[product]
