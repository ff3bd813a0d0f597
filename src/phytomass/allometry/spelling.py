"""Names as sheets write them → accepted names: every correction with its reason and its score."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd

from phytomass.allometry.density import load_wood_density
from phytomass.allometry.settings import AllometrySettings
from phytomass.allometry.table import in_force, load_equations
from phytomass.allometry.taxa import accepted_name, family_of, genus_of, known_taxa, tidied
from phytomass.delimited import read_delimited, table_of
from phytomass.errors import InputError

How = Literal["as_written", "tidied", "synonym", "local", "spelling", "unknown"]

LEAST_SCORE = 0.85
"""Likeness from which two spellings are taken for one: `Pinus roxburgii` has 0.95, two species of a
genus that differ by a word hardly 0.6."""

MARGIN = 0.05
"""By how much the best spelling must lead the second: a tie is never broken by chance."""

COLUMNS = ("species", "accepted_species", "how", "score", "remark", "n_trees")


@dataclass(frozen=True)
class Named:
    """What became of one name.

    Parameters
    ----------
    accepted : str
    how : str
        ``as_written``, ``tidied`` (case, authors, ranks, ``sp.``), ``synonym``, ``local`` (the
        project's own table), ``spelling`` or ``unknown`` (no list knows the genus).
    score : float
        Likeness of the spelling, 1 where nothing was guessed.
    remark : str
        For a name that stayed unknown, or a species that no list of its genus has: the nearest.
    """

    accepted: str
    how: How
    score: float
    remark: str = ""


def resolve_name(
    written: str,
    *,
    reference: Collection[str] = (),
    local: Mapping[str, str] | None = None,
    correct: bool = True,
) -> Named:
    """Return the accepted name of a name as a sheet writes it.

    The project's own table comes first, then the room's synonyms. A genus that is known is kept,
    and the species looked for among those of that genus alone; with a genus that is not, the whole
    name is looked for among all.

    Parameters
    ----------
    written : str
    reference : collection of str
        More names that are right, e.g. of a table of wood densities.
    local : mapping of str to str, optional
        Name in the field → scientific name; case and spaces do not matter.
    correct : bool
        Whether spellings are corrected; otherwise they are only remarked upon.

    Examples
    --------
    >>> resolve_name("Pinus roxburgii")
    Named(accepted='Pinus roxburghii', how='spelling', score=0.947..., remark='')
    >>> resolve_name("Chir pine", local={"chir PINE": "Pinus roxburghii"}).how
    'local'
    >>> resolve_name("Pinus roxburgii", correct=False).remark
    "did you mean 'Pinus roxburghii'?"
    """
    own = {_folded(name): taxon for name, taxon in (local or {}).items()}
    if _folded(written) in own:
        return Named(accepted_name(own[_folded(written)]), "local", 1.0)
    tidy, accepted = tidied(written), accepted_name(written)
    how: How = "as_written" if written == accepted else "tidied" if tidy == accepted else "synonym"
    species, genera = _lists(frozenset(reference))
    if how == "synonym" or accepted in species or accepted in genera:
        return Named(accepted, how, 1.0)
    found, score = _corrected(accepted, species, genera)
    if not found:
        return Named(accepted, how if genus_of(accepted) in genera else "unknown", 1.0)
    if correct:
        return Named(accepted_name(found), "spelling", score)
    kept: How = how if genus_of(accepted) in genera else "unknown"
    return Named(accepted, kept, 1.0, f"did you mean {found!r}?")


def resolve_names(
    names: Sequence[str],
    *,
    reference: Collection[str] = (),
    local: Mapping[str, str] | None = None,
    correct: bool = True,
) -> pd.DataFrame:
    """Return one row per distinct name, in the order of the alphabet.

    Returns
    -------
    DataFrame
        species (as written), accepted_species, how, score, remark, n_trees.
    """
    counts = pd.Series(names, dtype=object).astype(str).value_counts()
    rows = []
    for written in sorted(counts.index):
        one = resolve_name(written, reference=reference, local=local, correct=correct)
        number = int(counts[written])
        rows.append((written, one.accepted, one.how, one.score, one.remark, number))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def names_of(
    names: Sequence[str], settings: AllometrySettings, root: Path = Path()
) -> pd.DataFrame:
    """Return what the names of a tree list mean in a project.

    Right are the names of the room's tables, of the project's equations, of its table of wood
    densities and of its own choices.

    Parameters
    ----------
    names : sequence of str, length n
    settings : AllometrySettings
    root : Path
        The folder that its paths start from.

    Returns
    -------
    DataFrame
        As `resolve_names`.

    Raises
    ------
    InputError
        For a table of local names that cannot be read, or that gives one name two meanings.
    """
    right = [*settings.species, *settings.wood_density]
    extra = None if settings.equations is None else root / settings.equations
    usable = in_force(load_equations(extra).values(), settings.collections)
    right += [taxon for e in usable for taxon in e.taxa]
    if settings.wood_density_table is not None:
        right += load_wood_density(root / settings.wood_density_table).values
    local = local_names(settings, root)
    return resolve_names(
        names, reference=right, local=local, correct=settings.spelling == "correct"
    )


def local_names(settings: AllometrySettings, root: Path) -> dict[str, str]:
    """Return the project's own table of names: name in the field → scientific name."""
    if isinstance(settings.names, dict):
        return dict(settings.names)
    path = root / settings.names
    rows = table_of(read_delimited(path, str(path)), path.name)
    if missing := [c for c in ("name", "species") if c not in rows]:
        remedy = "columns: name (in the field), species"
        raise InputError(f"no column {' and '.join(missing)}", where=path.name, remedy=remedy)
    found: dict[str, str] = {}
    for row, (name, species) in enumerate(zip(rows["name"], rows["species"], strict=True)):
        where = f"{path.name}, row {row + 2}"
        if not name or not species:
            raise InputError("has no name or no species", where=where, remedy="complete the row")
        if found.setdefault(_folded(name), species) != species:
            raise InputError(f"{name!r} stands there with two meanings", where=where)
    return found


def suggestion(name: str, reference: Collection[str] = ()) -> str:
    """Return the nearest right name as a hint, of the same genus where that is known.

    Examples
    --------
    >>> suggestion("Pinnus"), suggestion("Pinus")
    ("did you mean 'Pinus'?", '')
    """
    return resolve_name(name, reference=reference, correct=False).remark


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


@cache
def _lists(reference: frozenset[str]) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """Return species → species of its genus, and all genera."""
    every = {*known_taxa(), *reference}
    by_genus: dict[str, list[str]] = {}
    for name in sorted(every):
        if " " in name and name == tidied(name):
            by_genus.setdefault(genus_of(name), []).append(name)
    genera = {genus_of(name) for name in every if family_of(genus_of(name)) or " " in name}
    together = {name: tuple(found) for found in by_genus.values() for name in found}
    return together, frozenset(genera)


def _corrected(
    name: str, species: Mapping[str, tuple[str, ...]], genera: Collection[str]
) -> tuple[str, float]:
    """Return the spelling that a name most likely means, and its likeness; empty if none does."""
    genus, _, epithet = name.partition(" ")
    if genus in genera:
        if not epithet:
            return "", 0.0
        epithets = {s.partition(" ")[2]: s for s in species if genus_of(s) == genus}
        best, score = _likest(epithet, epithets)
        return (epithets[best], score) if best else ("", 0.0)
    return _likest(name, species if epithet else genera)


def _likest(word: str, known: Collection[str]) -> tuple[str, float]:
    """Return the word that is most alike, if it is alike enough and leads the others."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(word)
    scores: list[tuple[float, str]] = []
    for one in known:
        matcher.set_seq1(one)
        if matcher.real_quick_ratio() >= LEAST_SCORE and matcher.quick_ratio() >= LEAST_SCORE:
            scores.append((matcher.ratio(), one))
    scores.sort(reverse=True)
    if not scores or scores[0][0] < LEAST_SCORE:
        return "", 0.0
    if len(scores) > 1 and scores[0][0] - scores[1][0] < MARGIN:
        return "", 0.0
    return scores[0][1], scores[0][0]
