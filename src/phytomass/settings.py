"""The base of every section of the project file, and the types of what is written in it.

Unknown keys are refused, values are fixed. Numbers are finite numbers and never texts or yes/no;
names, paths and coordinate systems are looked at before anything is computed with them.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from glob import has_magic
from inspect import cleandoc
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from pyproj import CRS
from pyproj.exceptions import CRSError

from phytomass.errors import CONTROL

LONGEST_TEXT = 4000
"""Characters of any text in a project file: the longest formula or description anyone wrote."""

LONGEST_NAME = 100
"""Characters of a name: it becomes the name of a file, of a column and of a figure."""

LONGEST_PART = 255
"""Bytes of a file's name on the usual file systems."""

RESERVED = frozenset({"x", "y", "band", "spatial_ref"})
"""Names that stores of rasters keep for their dimensions, coordinates and coordinate system."""


def _strict(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") in ("bool", "int", "float"):
            schema["strict"] = True
        for key, part in schema.items():
            if key not in ("metadata", "serialization", "default"):
                _strict(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _strict(part)


def _first_sentences(schema: dict[str, Any]) -> None:
    """Keep what a class is out of what its docstring says, for editors of project files."""
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\n")[0]


def _parameters(settings: type[BaseModel]) -> str:
    """Write the fields of settings as a section of a docstring."""
    lines = ["Parameters", "----------"]
    for name, field in settings.model_fields.items():
        simple = isinstance(field.default, str | int | float | None)
        lines.append(f"{name} : default {field.default!r}" if simple else name)
        lines.append(indent(cleandoc(field.description or ""), "    "))
    return "\n".join(lines) + "\n"


class Settings(BaseModel):
    """A section of `project.yaml`. Each room declares its own; `workflow` composes them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        str_max_length=LONGEST_TEXT,
        json_schema_extra=_first_sentences,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """List the settings under `Parameters`, where `help` and notebooks look for them."""
        super().__pydantic_init_subclass__(**kwargs)
        if vars(cls).get("__doc__"):
            head, line, examples = cleandoc(str(cls.__doc__)).partition("Examples\n--------\n")
            cls.__doc__ = f"{head.rstrip()}\n\n{_parameters(cls)}\n{line}{examples}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Take numbers and yes/no as they are written: "1", 1 and true are three things."""
        schema = handler(source)
        _strict(schema)
        return schema


@dataclass(frozen=True)
class AtMost:
    """An upper bound of a number in the project file, with the reason for it.

    Examples
    --------
    >>> from pydantic import TypeAdapter
    >>> adapter = TypeAdapter(Annotated[int, AtMost(10, "more is no use")])
    >>> adapter.validate_python(3), adapter.json_schema()["maximum"]
    (3, 10)
    >>> adapter.validate_python(11)
    Traceback (most recent call last):
    ...
    pydantic_core._pydantic_core.ValidationError: ... at most 10: more is no use ...
    """

    limit: float
    why: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Add the check after those of the number itself."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        """Tell editors the bound."""
        return {**handler(schema), "maximum": self.limit}

    def _check(self, value: float) -> float:
        if value > self.limit:
            raise ValueError(f"at most {self.limit:,.10g}: {self.why}".replace(",", " "))
        return value


def usable_name(name: str) -> str:
    """Return a name that files, columns and stores can take, or say why it is none.

    Raises
    ------
    ValueError
        If it is empty, too long, or holds signs that a file's name cannot.

    Examples
    --------
    >>> usable_name("NDVI_mean")
    'NDVI_mean'
    >>> usable_name("a/b")
    Traceback (most recent call last):
    ...
    ValueError: a name becomes a file's name: it cannot hold '/'
    """
    wrong = sorted({sign for sign in name if sign in '/\\:*?"<>|\n' or CONTROL.match(sign)})
    if wrong:
        listed = " ".join(repr(sign) for sign in wrong[:5])
        raise ValueError(f"a name becomes a file's name: it cannot hold {listed}")
    if not name or name != name.strip(" .") or name.startswith("-"):
        raise ValueError(
            "a name begins with a letter or digit: not empty, no blank or dot at its ends"
        )
    if len(name) > LONGEST_NAME or len(name.encode()) > 2 * LONGEST_NAME:
        raise ValueError(f"a name has {LONGEST_NAME} characters (or 200 bytes) at most")
    return name


def layer_name(name: str) -> str:
    """Return a name that a layer of any store can have, or say why it is none.

    Raises
    ------
    ValueError
        As `usable_name`, and for `RESERVED` names.

    Examples
    --------
    >>> layer_name("x")
    Traceback (most recent call last):
    ...
    ValueError: 'x' is kept for the coordinates of a raster: choose another name
    """
    if name.casefold() in RESERVED:
        raise ValueError(f"{name!r} is kept for the coordinates of a raster: choose another name")
    return usable_name(name)


def distinct_names(names: Iterable[str]) -> None:
    """Refuse names that differ by capitals or by the way an accent is written, alone.

    Raises
    ------
    ValueError
        Naming the two: many file systems cannot tell them apart.

    Examples
    --------
    >>> distinct_names(["B8", "b8"])
    Traceback (most recent call last):
    ...
    ValueError: 'B8' and 'b8' differ by capitals alone, and would share one file: rename one
    """
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if first != name:
            raise ValueError(
                f"{first!r} and {name!r} differ by capitals alone, and would share one file: "
                "rename one"
            )


def _distinct_keys(value: dict[str, Any]) -> dict[str, Any]:
    distinct_names(value)
    return value


def usable_path(path: str) -> str:
    """Return a path, or a pattern of paths, that a file system can take.

    Raises
    ------
    ValueError
        If it is empty, names no file (`.`, `/`), begins with `~`, or is longer than allowed.

    Examples
    --------
    >>> usable_path("data/s2_*.tif")
    'data/s2_*.tif'
    >>> usable_path("~/plots.csv")
    Traceback (most recent call last):
    ...
    ValueError: '~' is not filled in: write the folder out
    """
    if CONTROL.search(path) or "\n" in path:
        raise ValueError("a path cannot hold control characters")
    if path.startswith("~"):
        raise ValueError("'~' is not filled in: write the folder out")
    parts = Path(path).parts
    if not parts or all(part in ("..", Path(path).anchor) for part in parts):
        raise ValueError("names no file")
    if len(parts) > 1 and parts[0] == Path(path).anchor and has_magic(parts[1]):
        raise ValueError("would look through the whole disk: name a folder")
    if len(path.encode()) > LONGEST_TEXT or max(len(p.encode()) for p in parts) > LONGEST_PART:
        raise ValueError(f"a file's name has {LONGEST_PART} characters at most")
    return path


def _usable(path: Path) -> Path:
    usable_path(str(path))
    return path


def known_crs(text: str) -> str:
    """Return the text of a coordinate reference system that PROJ knows.

    Raises
    ------
    ValueError
        If it does not, or if it has no horizontal coordinates.

    Examples
    --------
    >>> known_crs("EPSG:32643")
    'EPSG:32643'
    >>> known_crs("EPSG:999999")
    Traceback (most recent call last):
    ...
    ValueError: no coordinate reference system is called so: use a code such as EPSG:32643
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # PROJ's old ways of writing one
            crs = CRS.from_user_input(text)
            flat = crs.to_2d()
    except (CRSError, Warning, ValueError) as error:
        raise ValueError(
            "no coordinate reference system is called so: use a code such as EPSG:32643"
        ) from error
    if not (flat.is_projected or flat.is_geographic):
        raise ValueError(f"{crs.name} ({crs.type_name}) has no horizontal coordinates")
    return text


def projected_crs(text: str) -> str:
    """Return the text of a projected coordinate reference system: pixels need metres.

    Raises
    ------
    ValueError
        If it is unknown, or in degrees.

    Examples
    --------
    >>> projected_crs("EPSG:4326")
    Traceback (most recent call last):
    ...
    ValueError: WGS 84 is in degrees, areas need a projected CRS: the UTM zone of the study area
    """
    crs = CRS.from_user_input(known_crs(text))
    if not crs.is_projected:
        raise ValueError(
            f"{crs.name} is in degrees, areas need a projected CRS: the UTM zone of the study area"
        )
    return text


Name = Annotated[str, AfterValidator(usable_name)]
"""A name that becomes a part of a file's name and a column."""

LayerName = Annotated[str, AfterValidator(layer_name)]
"""A name of a layer of a store."""

FilePath = Annotated[Path, AfterValidator(_usable)]
"""Path of one file or folder."""


class Pattern(str):
    """Text of the project file that names files: a path, or a pattern of paths."""

    __slots__ = ()


FilePattern = Annotated[str, AfterValidator(usable_path), AfterValidator(Pattern)]
"""Path of a file or folder, or a pattern of them; the value is a `Pattern`."""

AnyCrs = Annotated[str, AfterValidator(known_crs)]
"""A coordinate reference system, in metres or degrees."""

ProjectedCrs = Annotated[str, AfterValidator(projected_crs)]
"""A coordinate reference system in metres (or feet)."""

Seed = Annotated[int, AtMost(2**32 - 1, "the random generators take no larger seed"), Field(ge=0)]
"""A seed that every random generator takes, also those of other libraries."""

DistinctKeys = AfterValidator(_distinct_keys)
"""For sections whose keys are names: none that differ by capitals alone."""
