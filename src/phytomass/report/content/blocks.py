"""The parts a report is made of: sections, and in them text, cards, tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Align = Literal["text", "number", "short"]
"""`short` is text that is never broken into lines: units, dates, fingerprints."""

LONG = 30
"""Tables with more rows scroll inside their box on a screen."""

TableColumn = tuple[str, Align, Iterable[str]]
"""Heading, alignment, and one text per row."""


@dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Parameters
    ----------
    src : str
        A data URI.
    alt : str
        What the image shows, for those who cannot see it.
    width, height : int
        Size on a desktop screen, CSS pixels.
    """

    src: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True)
class Figure:
    """A picture and its caption (with units and n)."""

    picture: Picture
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Figures side by side, as many in a row as the screen has room for.

    Parameters
    ----------
    figures : sequence of Figure
        In order.
    size : {"full", "half", "third", "tile", "hero"}
        The width of one figure on a desktop screen.
    caption : str
        One caption for all of them, where they are parts of one figure.
    """

    block: ClassVar[str] = "gallery"
    figures: tuple[Figure, ...]
    size: Literal["full", "half", "third", "tile", "hero"] = "half"
    caption: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading and how it is aligned."""

    heading: str
    align: Align = "text"


@dataclass(frozen=True)
class Table:
    """A table of texts; numbers are already written out.

    Parameters
    ----------
    caption : str
        What the table shows, with units and n.
    columns : sequence of Column
        In order.
    rows : sequence of sequence of str
        One text per column.
    marked : frozenset of int
        Rows to emphasise.
    note : str
        Small print below.
    """

    block: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    note: str = ""

    @property
    def shape(self) -> str:
        """`narrow` with few columns, `long` with many rows, for the page's layout."""
        words = ["narrow"] if len(self.columns) <= 5 else []
        return " ".join([*words, *(["long"] if len(self.rows) > LONG else [])])

    @classmethod
    def of(
        cls,
        caption: str,
        columns: Sequence[TableColumn],
        *,
        marked: Iterable[int] = (),
        note: str = "",
    ) -> Table:
        """Make a table from its columns: heading, alignment, and the texts.

        Examples
        --------
        >>> Table.of("t", [("Name", "text", ["a", "b"]), ("n", "number", ["1", "2"])]).rows
        (('a', '1'), ('b', '2'))
        """
        texts = [tuple(column[2]) for column in columns]
        return cls(
            caption,
            tuple(Column(heading, align) for heading, align, _ in columns),
            tuple(zip(*texts, strict=True)),
            frozenset(marked),
            note,
        )


@dataclass(frozen=True)
class Card:
    """One key number: what it is, the number, its unit, and the small print."""

    label: str
    value: str
    unit: str
    detail: str


@dataclass(frozen=True)
class Cards:
    """Key numbers side by side."""

    block: ClassVar[str] = "cards"
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Words:
    """A paragraph.

    Parameters
    ----------
    text : str
        Plain text; it is escaped.
    role : {"plain", "missing", "small"}
        `missing`: why something is not shown.
    """

    block: ClassVar[str] = "words"
    text: str
    role: Literal["plain", "missing", "small"] = "plain"


@dataclass(frozen=True)
class Findings:
    """What the numbers say, one sentence per point."""

    block: ClassVar[str] = "findings"
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Callout:
    """A sentence that points to another section."""

    block: ClassVar[str] = "callout"
    text: str
    link: str
    anchor: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    block: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Points:
    """A list of (short name, sentence)."""

    block: ClassVar[str] = "points"
    points: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pair:
    """A figure and the table of its numbers, side by side where the screen is wide."""

    block: ClassVar[str] = "pair"
    left: Gallery
    right: Table


Block = Gallery | Table | Cards | Words | Findings | Callout | Heading | Points | Pair


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Parameters
    ----------
    key : str
        Its anchor in the page.
    title : str
        Its heading.
    blocks : tuple of Block
        What it shows; empty when there is nothing to show.
    missing : str
        Why there is nothing to show.
    files : tuple of str
        The result files it was made from.
    """

    key: str
    title: str
    blocks: tuple[Block, ...] = ()
    missing: str = ""
    files: tuple[str, ...] = field(default=())

    @property
    def shown(self) -> bool:
        """Tell whether there is anything to show."""
        return bool(self.blocks)
