"""Models that travel: the map's model is kept with its results, and another study maps with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np

from phytomass import tables
from phytomass.errors import InputError, PhytomassWarning
from phytomass.experiments import FittedModel
from phytomass.experiments.tasks import inputs_for
from phytomass.files import write_json
from phytomass.imagery import MappedArea, MaskSettings
from phytomass.mapping import MapCounts, MapRules, change_map, predict_map, stac_item
from phytomass.mapping.elsewhere import ANY, APPLICABILITY, Reach, reach_of, refuse_others
from phytomass.models import SavedModel, load_model, save_model
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.fitting import BEFORE, MapReads, walking_in
from phytomass.workflow.inputs import layers_in, stack_in, stack_parts
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.project import MapSettings, period_months
from phytomass.workflow.reads import Part, Reads, derived, setting

FOLDER = "map_model"
"""Among the results of a study: its map's model."""

MUCH = 0.1
"""Share of the pixels outside what the model was trained on from which a warning says so: of the
area of applicability; of ranges above the share that chance alone leaves outside, 2 / (n + 1) in each
predictor of n plots."""

FAR = "{share:.0%} of the pixels lie outside the {what} of the training plots of {study!r}"


def write_model(reads: MapReads, context: Context, fitted: FittedModel) -> None:
    """Save the map's model and what its training plots were like (`map_model`)."""
    plots = reads.samples().samples
    settings = next(model for model in reads.models if model.key == fitted.model)
    seen = inputs_for(plots, fitted.predictors, settings)
    layers = {layer.name: layer for layer in layers_in(reads.results)}
    used = [layers[name] for name in fitted.predictors]
    about = {
        "study": reads.name,
        "period": reads.period,
        "model": fitted.model,
        "predictors_set": fitted.predictors_set,
        "parameters": dict(fitted.parameters),
        "training": reads.training.model_dump(mode="json"),
        "n_train": fitted.n_train,
        "agb_mg_ha_of_plots": [fitted.y_min, fitted.y_max],
        "layers": [asdict(layer) for layer in used],
    }
    sites = np.unique(plots.groups.astype(str), return_inverse=True)[1]
    save_model(
        fitted.estimator,
        context.folder / FOLDER,
        names=fitted.predictors,
        units=[layer.unit for layer in used],
        seen=seen.X,
        about=about,
        arrays={"plots": seen.centres.astype(np.float64), "sites": sites},
    )


def folder_of(root: Path, given: str) -> Path:
    """Return the folder of a saved model: of a study's results, or the model's own."""
    folder = root / given
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def print_of_model(opened: OpenProject) -> str | None:
    """Return what tells the files of `map.model_from` from others; None where there is none.

    Raises
    ------
    InputError
        If there is no such model.
    """
    given = opened.project.map.model_from
    if given is None:
        return None
    folder = folder_of(opened.root, given)
    files = sorted(path for path in folder.glob("*") if path.is_file())
    if not files:
        raise InputError(
            "no saved model",
            where=f"{given} (map.model_from)",
            remedy="name the results of a study whose step `map` was run by this version",
        )
    found = hashlib.sha256()
    for path in files:
        found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


@dataclass(frozen=True, kw_only=True)
class TravelReads(Reads):
    """What the step `map` reads where the model comes from another study."""

    name: str
    period: str
    map: MapSettings = setting("map", only=("model_from", "minimum"))
    model_sha256: str | None = derived("map.model_sha256", print_of_model)
    mask: MaskSettings | None = setting("mask", without=("name",))
    study_area: Path | None
    earlier_period: str | None = setting("earlier.period")
    earlier_mask: MaskSettings | None = setting("earlier.mask", without=("name",))

    def parts(self) -> tuple[Part, ...]:
        """Return the stacks of both dates."""
        return (*stack_parts(), *stack_parts(BEFORE))

    def area(self, mask: MaskSettings | None) -> MappedArea | None:
        """Return where there is to be a map."""
        if mask is None and self.study_area is None:
            return None
        grid = stack_in(self.results).grid
        return MappedArea(mask, self.root.resolve(), grid, self.study_area)


def _work(reads: TravelReads, context: Context) -> None:
    saved = load_model(folder_of(reads.root, str(reads.map.model_from)))
    refuse_others(saved.about["layers"], [asdict(one) for one in layers_in(reads.results)])
    _compare_seasons(saved.about, reads.period)
    reach = _reach(reads, context, saved)
    tables.write(context.folder, "model_distance", reach.table)
    counts = {"agb.tif": _map(reads, context, saved, "agb", reads.mask, reads.period)}
    before = reads.earlier_period or ""
    if any(reads.results.path(part.name).exists() for part in stack_parts(BEFORE)):
        mask = reads.earlier_mask or reads.mask
        counts["agb_before.tif"] = _map(reads, context, saved, "agb_before", mask, before)
        change_map(
            context.folder / "agb.tif",
            context.folder / "agb_before.tif",
            context.folder / "agb_change.tif",
            {"period": f"{before} to {reads.period}", "units": "Mg/ha"},
            walking_in(context, "agb_change", "change"),
        )
    write_json(context.folder / "map_model.json", _card(reads, saved, reach, counts))
    item = stac_item(
        context.folder / "agb.tif",
        item_id=f"{reads.name.lower().replace(' ', '-')}-agb",
        title=f"{reads.name}: aboveground biomass",
        period=reads.period,
        properties={
            "phytomass:model": saved.about["model"],
            "phytomass:predictors": saved.names,
            "phytomass:trained_elsewhere": saved.about["study"],
        },
    )
    write_json(context.folder / "stac_item.json", item)


def _reach(reads: TravelReads, context: Context, saved: SavedModel) -> Reach:
    """Say how far the map lies from the training plots, before there is a map."""
    context.progress("distance to the training plots", 0, 1)
    reach = reach_of(
        stack_in(reads.results),
        saved.names,
        saved.arrays["plots"],
        saved.arrays["sites"],
        reads.area(reads.mask),
    )
    outside = {"range": reach.share(ANY), "area of applicability": reach.share(APPLICABILITY)}
    study = saved.about["study"]
    said = [FAR.format(share=share, what=what, study=study) for what, share in outside.items()]
    context.progress("; ".join(said), 1, 1)
    n, p = saved.arrays["plots"].shape
    by_chance = 1 - (1 - 2 / (n + 1)) ** p
    if reach.share(ANY) > MUCH + by_chance or reach.share(APPLICABILITY) > MUCH:
        per = reach.table[: len(saved.names)].sort_values("share_outside", ascending=False)
        worst = [f"{r.predictor} {r.share_outside:.0%}" for r in per.head(3).itertuples()]
        warn(
            f"{'; '.join(said)} (most by {', '.join(worst)}): the map is a guess there; "
            "model_distance.csv has every predictor",
            PhytomassWarning,
            stacklevel=2,
        )
    return reach


def _compare_seasons(about: Mapping[str, Any], period: str) -> None:
    trained, here = (_months(one) for one in (str(about["period"]), period))
    if not trained & here:
        warn(
            f"the images are of {period}, the model was trained on those of {about['period']}: "
            "another season, in which the same forest looks otherwise",
            PhytomassWarning,
            stacklevel=2,
        )


def _months(period: str) -> set[int]:
    start, end = period_months(period)
    return {month % 12 for month in range(start, end)}


def _map(
    reads: TravelReads, context: Context, saved: SavedModel, name: str, mask: MaskSettings | None,
    period: str,
) -> MapCounts:  # fmt: skip
    low, high = saved.about["agb_mg_ha_of_plots"]
    stack = "predictors" if name == "agb" else BEFORE
    tags = {
        "title": reads.name,
        "quantity": "aboveground biomass, dry mass",
        "units": "Mg/ha",
        "period": period,
        "model": f"{saved.about['model']}, trained elsewhere ({saved.about['study']})",
        "predictors": ", ".join(saved.names),
    }
    what = "map" if name == "agb" else "map, earlier date"
    return predict_map(
        saved.estimator,
        stack_in(reads.results, stack),
        saved.names,
        reads.area(mask),
        context.folder / f"{name}.tif",
        rules=MapRules(reads.map.minimum, (low, high)),
        tags=tags,
        walking=walking_in(context, name, what),
    )


def _card(
    reads: TravelReads, saved: SavedModel, reach: Reach, counts: dict[str, MapCounts]
) -> dict[str, Any]:
    about = {k: v for k, v in saved.about.items() if k not in ("layers", "study", "period")}
    return {
        **about,
        "predictors": list(saved.names),
        "scores": {},
        "trained_elsewhere": {
            "study": saved.about["study"],
            "period": saved.about["period"],
            "folder": reads.map.model_from,
            "outside_range": reach.share(ANY),
            "outside_applicability": reach.share(APPLICABILITY),
            "judged_here": False,
        },
        "pixels": {name: vars(count) for name, count in counts.items()},
    }


STEP = Step(
    name="map",
    title=TITLES["map"],
    reads=TravelReads,
    work=_work,
    writes=WRITES["map"],
)
"""In place of `maps.STEP` where the project has `map.model_from`."""
