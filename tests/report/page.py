"""Reading a report back: tables, images, anchors, and whether its tags are balanced."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "img", "br", "hr"})


@dataclass
class Page(HTMLParser):
    """What a test wants to know of a page."""

    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    headings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _caption: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if "id" in given:
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.links.append(str(given["href"]))
        if tag == "img":
            self.images.append(given)
        if tag == "p" and given.get("class") == "caption":
            self._caption = ""
        if tag == "table":
            self.tables[self._caption.strip()] = []
        if tag == "tr":
            next(reversed(self.tables.values())).append([])
        if tag in ("td", "th"):
            next(reversed(self.tables.values()))[-1].append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        if tag not in VOID:
            self.open_tags.append(f"{tag}.{given.get('class') or ''}")

    def handle_endtag(self, tag: str) -> None:
        opened = self.open_tags.pop().split(".")[0] if self.open_tags else "nothing"
        if opened != tag:
            self.problems.append(f"</{tag}> closes <{opened}>")

    def handle_data(self, data: str) -> None:
        where = self.open_tags[-1] if self.open_tags else ""
        if where.startswith("style"):
            return
        self.texts.append(data)
        if where == "p.caption":
            self._caption += data
        if where.startswith(("td.", "th.")):
            next(reversed(self.tables.values()))[-1][-1] += data
        if where.split(".")[0] in ("h1", "h2", "h3"):
            self.headings[-1] += data

    @property
    def text(self) -> str:
        """All text, with plain spaces."""
        return " ".join(" ".join(self.texts).replace("\u202f", " ").split())

    def table(self, begins: str) -> list[list[str]]:
        """Return header and rows of the table whose caption begins with `begins`."""
        return next(rows for caption, rows in self.tables.items() if caption.startswith(begins))

    def column(self, begins: str, heading: str) -> list[str]:
        """Return one column of a table."""
        head, *rows = self.table(begins)
        return [row[head.index(heading)] for row in rows]


def parse(text: str) -> Page:
    """Parse a page."""
    page = Page()
    page.feed(text)
    page.close()
    return page


def value_of(text: str) -> float:
    """Return the number a cell shows."""
    return float(text.replace("\u202f", "").replace("−", "-").replace("%", "").replace("+", ""))
