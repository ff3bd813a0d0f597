"""Which equation a species gets: project → species → genus → group → general, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from phytomass.allometry.equations import AllometricEquation
from phytomass.allometry.settings import AllometrySettings
from phytomass.allometry.spelling import suggestion
from phytomass.allometry.table import builtin_equations, in_force
from phytomass.allometry.taxa import accepted_name, genus_of, group_of, known_taxa
from phytomass.errors import InputError, Problem, nearest

Level = Literal["project", "species", "genus", "group", "general", "none"]


@dataclass(frozen=True)
class Choice:
    """The equation of one species.

    Parameters
    ----------
    equation : AllometricEquation or None
        None where nothing fits.
    level : str
        Which rung of the ladder gave it; ``none`` where nothing fits.
    reason : str
        Why, in words; why not, where nothing fits.
    """

    equation: AllometricEquation | None
    level: Level
    reason: str


class Chooser:
    """The choices of one project.

    Parameters
    ----------
    settings : AllometrySettings
        The project's choices.
    equations : mapping
        From `phytomass.allometry.load_equations`.

    Raises
    ------
    InputError
        If the settings name an equation that does not exist.
    """

    def __init__(
        self, settings: AllometrySettings, equations: Mapping[str, AllometricEquation]
    ) -> None:
        problems = list(_unknown_ids(settings, equations))
        if problems:
            raise InputError.of(problems)
        self._settings = settings
        self._equations = equations
        self._project = {accepted_name(s): e for s, e in settings.species.items()}
        self._by_taxon = _by_taxon(in_force(equations.values(), settings.collections))

    def choose(self, name: str) -> Choice:
        """Return the equation of the accepted name `name`, or the reason why there is none."""
        if name in self._project:
            equation = self._equations[self._project[name]]
            doubt = f", although doubtful: {equation.note}" if equation.doubtful else ""
            return Choice(equation, "project", f"named in the project for {name}{doubt}")
        missing: list[str] = []
        rungs: tuple[tuple[Level, str], ...] = (("species", name), ("genus", genus_of(name)))
        for level, taxon in rungs[: 2 if " " in name else 1]:
            fitting = self._by_taxon.get(taxon, ())
            usable = [e for e in fitting if not e.doubtful]
            if len(usable) > 1:
                ids = ", ".join(e.id for e in usable)
                return Choice(None, "none", f"several equations fit {taxon} ({ids}): name one")
            if usable:
                made_for = f"made for {taxon} in {usable[0].region or 'an unnamed region'}"
                return Choice(usable[0], level, "; ".join((*missing, made_for)))
            doubtful = ", ".join(e.id for e in fitting)
            why = f"{doubtful} is doubtful and not named in the project" if fitting else ""
            missing.append(why or f"no equation for the {level} {taxon}")
        return self._fall_back(name, missing)

    def _fall_back(self, name: str, missing: list[str]) -> Choice:
        group = group_of(name)
        if genus_of(name) not in known_taxa() and (hint := suggestion(name)):
            missing = [*missing, f"unknown genus, {hint}"]
        for known, equation_id in self._settings.groups.items():
            if known == group:
                reason = (*missing, f"the project's equation for the group {group}")
                return Choice(self._equations[equation_id], "group", "; ".join(reason))
        if self._settings.fallback is not None:
            reason = (*missing, "the project's fallback")
            return Choice(self._equations[self._settings.fallback], "general", "; ".join(reason))
        return Choice(None, "none", "; ".join(missing))


def _by_taxon(
    equations: Iterable[AllometricEquation],
) -> dict[str, tuple[AllometricEquation, ...]]:
    """Group equations by taxon; a project's own come before the built-in ones of a taxon."""
    table: dict[str, tuple[AllometricEquation, ...]] = {}
    for equation in equations:
        for taxon in equation.taxa:
            table[taxon] = (*table.get(taxon, ()), equation)
    builtin = builtin_equations()
    for taxon, entries in table.items():
        own = tuple(e for e in entries if e.id not in builtin)
        table[taxon] = own or entries
    return table


def _unknown_ids(
    settings: AllometrySettings, equations: Mapping[str, AllometricEquation]
) -> Iterable[Problem]:
    named = {f"allometry.species.{s}": e for s, e in settings.species.items()}
    named |= {f"allometry.groups.{g}": e for g, e in settings.groups.items()}
    if settings.fallback is not None:
        named["allometry.fallback"] = settings.fallback
    for where, equation_id in named.items():
        if equation_id not in equations:
            hint = nearest(equation_id, list(equations), n=2)
            yield Problem(
                where, f"no equation {equation_id!r}", hint or f"one of {', '.join(equations)}"
            )
    known = sorted({e.collection for e in equations.values() if e.collection})
    for name in settings.collections:
        if name not in known:
            hint = nearest(name, known) or f"one of {', '.join(known)}"
            yield Problem("allometry.collections", f"no collection {name!r}", hint)
