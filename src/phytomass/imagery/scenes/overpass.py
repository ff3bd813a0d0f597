"""Scenes of one overpass: tiles, rows or frames that a satellite took one after the other."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phytomass.imagery.pixels.stored import Stored, valid
from phytomass.imagery.scenes.listing import Scene

GAP = dt.timedelta(minutes=10)
"""Scenes further apart are not of one overpass: neighbours on an orbit are seconds apart, the next
orbit of a satellite comes after about 100 minutes."""
_MOMENT = re.compile(r"(?<!\d)((?:19|20)\d{6})T(\d{6})(?!\d)")
_SAID = {
    "relative": ("sat:relative_orbit", "relative_orbit"),
    "absolute": ("sat:absolute_orbit", "absolute_orbit"),
    "path": ("landsat:wrs_path", "wrs_path"),
}
_NAMED = {
    "relative": re.compile(r"_R(\d{3})(?=_|$)"),  # Sentinel-2
    "absolute": re.compile(r"_(\d{6})_[0-9A-F]{6}(?![0-9A-F])"),  # Sentinel-1
    "path": re.compile(r"(?:^|[^A-Za-z0-9])L[CO]0[89]_L2S[PR]_(\d{3})\d{3}_"),  # Landsat
}
_PLATFORM = re.compile(
    r"(?:^|[^a-z0-9])(?:sentinel-?|s)([12])([a-d])(?![a-z0-9])|"
    r"(?:^|[^a-z0-9])(?:landsat[-_]?|l[co]0)([89])(?!\d)",
    re.IGNORECASE,
)


def moment_of(scene: Scene) -> dt.datetime | None:
    """Return when a scene was taken (UTC), as its name (20200701T101031) or its tags say.

    Examples
    --------
    >>> moment_of(Scene("S2B_MSIL2A_20200701T101031_N0214_R022_T43SFT", None, {}))
    datetime.datetime(2020, 7, 1, 10, 10, 31)
    """
    found = _MOMENT.search(scene.name)
    said = f"{found[1]}T{found[2]}" if found else scene.tags.get("datetime", "")
    try:
        moment = dt.datetime.fromisoformat(said) if "T" in said else None
    except ValueError:
        return None
    if moment is not None and moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment


def passing_of(scene: Scene) -> dict[str, str]:
    """Return what a scene says about its overpass: platform, direction, and number of its orbit.

    Examples
    --------
    >>> passing_of(Scene("S2B_MSIL2A_20200701T101031_N0214_R022_T43SFT", None, {}))
    {'platform': '2B', 'relative': '22'}
    >>> passing_of(Scene("LC08_L2SP_151036_20200701_20200913_02_T1", None, {}))
    {'platform': '8', 'path': '151'}
    """
    folders = [part for asset in list(scene.assets.values())[:1] for part in asset.path.parts[-6:]]
    texts = [scene.name, *reversed(folders)]
    facts: dict[str, str] = {}
    platform = next(
        filter(None, map(_PLATFORM.search, [scene.tags.get("platform", ""), *texts])), None
    )
    if platform:
        facts["platform"] = "".join(part.upper() for part in platform.groups() if part)
    if scene.orbit:
        facts["direction"] = scene.orbit
    for name, keys in _SAID.items():
        said = [scene.tags[key] for key in keys if key in scene.tags]
        said += [found[1] for found in map(_NAMED[name].search, texts) if found]
        if said:
            facts[name] = said[0].lstrip("0")
    return facts


def of_one_overpass(one: Scene, other: Scene) -> bool:
    """Tell whether two scenes are of one overpass, as far as they say.

    They are where nothing that both say differs (platform, direction, number of the orbit), and
    they were taken within ten minutes, or on the same day where one does not say the time.

    Examples
    --------
    >>> a = Scene("S2B_20200701T101031_T43SFT", None, {})
    >>> of_one_overpass(a, Scene("S2B_20200701T101031_T43SGT", None, {}))
    True
    >>> of_one_overpass(a, Scene("S2A_20200701T101031_T43SFT", None, {}))
    False
    """
    return _Passing.of(one).same(_Passing.of(other))


class _Passing(NamedTuple):
    """What a scene says about when and how it was taken."""

    facts: dict[str, str]
    moment: dt.datetime | None
    date: dt.date | None

    @classmethod
    def of(cls, scene: Scene) -> _Passing:
        return cls(passing_of(scene), moment_of(scene), scene.date)

    def same(self, other: _Passing) -> bool:
        said, says = self.facts, other.facts
        if any(said[name] != says[name] for name in said.keys() & says.keys()):
            return False
        if self.moment is not None and other.moment is not None:
            return abs(self.moment - other.moment) <= GAP
        return self.date is not None and self.date == other.date


def overpasses(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Group scenes into overpasses.

    Parameters
    ----------
    scenes : sequence of Scene
        In the order of their days and names, as from `local_scenes`.

    Returns
    -------
    list of list of Scene
        In the order of their first scenes; within an overpass by name, which is the order in
        which they are laid over one another (`first_complete`).
    """
    groups: list[list[tuple[Scene, _Passing]]] = []
    for scene in scenes:
        passing = _Passing.of(scene)
        for group in groups:
            if all(passing.same(other) for _, other in group):
                group.append((scene, passing))
                break
        else:
            groups.append([(scene, passing)])
    return [sorted((scene for scene, _ in one), key=lambda scene: scene.name) for one in groups]


def first_complete(layers: Stored) -> Stored:
    """Lay the scenes of an overpass over one another: each pixel's bands come from one scene.

    Parameters
    ----------
    layers : array, shape (scenes, bands, rows, cols)
        NaN where a scene has no data.

    Returns
    -------
    array, shape (bands, rows, cols)
        Of the first scene with data in all bands; where there is none, of the first with any.

    Examples
    --------
    >>> one = [[[np.nan, 1.0, np.nan]], [[2.0, 2.0, np.nan]]]
    >>> other = [[[3.0, 3.0, np.nan]], [[4.0, 4.0, 4.0]]]
    >>> first_complete(np.array([one, other]))[:, 0].tolist()
    [[3.0, 1.0, nan], [4.0, 2.0, 4.0]]
    """
    seen = valid(layers).sum(axis=1)
    rank = np.where(seen == layers.shape[1], 2, np.minimum(seen, 1))
    chosen: Stored = np.take_along_axis(layers, rank.argmax(axis=0)[None, None], axis=0)[0]
    return chosen
