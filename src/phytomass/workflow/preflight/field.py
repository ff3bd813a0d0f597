"""The field side of a check: sheets, species, and the errors that models train with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phytomass.accounting import sample_of
from phytomass.allometry import check_species
from phytomass.errors import InputError, Problem
from phytomass.features import listed
from phytomass.inventory import (
    Inventory,
    Survey,
    design_of,
    read_controls,
    stress_of_plots,
    survey_inventory,
)
from phytomass.inventory.field_error import control_errors, with_controls
from phytomass.models import plots_needed
from phytomass.workflow.load import OpenProject
from phytomass.workflow.named import found_files, named_files
from phytomass.workflow.plot_errors import check_training
from phytomass.workflow.preflight.findings import Findings

SHOWN = 5


def check_field(findings: Findings, opened: OpenProject, crs: str | None) -> Survey:
    """Check field sheets, species and training errors, each as far as it can be read.

    Parameters
    ----------
    findings : Findings
        Gets what is found.
    opened : OpenProject
        The project.
    crs : str or None
        CRS of the grid; None while it is not known.
    """
    project, root = opened.project, opened.root
    survey = survey_inventory(project.inventory, root, crs, project.is_mapped)
    findings.problems += survey.problems
    findings.warnings += survey.warnings
    findings.notes += survey.notes
    findings.sizes.n_trees = 0 if survey.trees is None else len(survey.trees)
    findings.sizes.n_plots = 0 if survey.plots is None else len(survey.plots)
    known = findings.attempt(
        lambda: [found_files(root, *one) for one in named_files(project.allometry, "allometry")]
    )
    if known is not None and survey.trees is not None and "agb_kg" not in survey.trees:
        findings.attempt(lambda: _refuse_species(survey.trees, opened))
        findings.attempt(lambda: _refuse_stress(survey, opened, crs))
        findings.attempt(lambda: _say_controls(findings, survey.trees, opened))
    if survey.plots is not None:
        inventory = Inventory(survey.trees, survey.plots, pd.DataFrame(), ())
        findings.attempt(lambda: _refuse_design(opened, survey))
        if project.is_mapped:
            findings.attempt(lambda: check_training(opened, inventory))
            findings.attempt(lambda: _enough_plots(opened, findings.sizes.n_plots))
    return survey


def _refuse_design(opened: OpenProject, survey: Survey) -> None:
    """Refuse a design that the plots contradict."""
    design = design_of(opened.project.inventory, opened.root)
    if design.is_sample and survey.plots is not None and not survey.problems:
        sample_of(survey.plots, design)


def _refuse_species(trees: pd.DataFrame | None, opened: OpenProject) -> None:
    assert trees is not None  # noqa: S101  # asked before
    problems: list[Problem] = check_species(trees, opened.project.allometry, opened.root)
    if problems:
        raise InputError.of(_folded(problems))


def _say_controls(findings: Findings, trees: pd.DataFrame | None, opened: OpenProject) -> None:
    """Say what trees measured twice tell of the errors of measurement; refuse what tells nothing."""
    source, errors = opened.project.inventory.controls, opened.project.errors
    if source is None or trees is None:
        return
    found = control_errors(trees, read_controls(source, opened.root), errors)
    with_controls(errors, found)
    for row in found.drop_duplicates("quantity").to_dict("records"):
        unit = row["quantity"].rpartition("_")[2]
        what = (
            f"{row['quantity']} was measured twice on {row['n_pairs']} trees: one measurement errs by "
            f"{row['error_sd']:.2g} {unit} (SD), the list differs by {row['difference']:+.2g} {unit}"
        )
        findings.notes.append(Problem(str(source.path), what, row["reason"]))


def _refuse_stress(survey: Survey, opened: OpenProject, crs: str | None) -> None:
    """Refuse a raster of environmental stress that says nothing of the plots."""
    stress = opened.project.allometry.environmental_stress
    if isinstance(stress, Path) and survey.plots is not None and survey.located:
        stress_of_plots(survey.plots, crs or survey.crs, opened.root / stress)


def _folded(problems: list[Problem]) -> list[Problem]:
    """Tell what is wrong with many species in the same way once, with the first few of them."""
    alike: dict[str, list[Problem]] = {}
    for problem in problems:
        alike.setdefault(problem.what, []).append(problem)
    return [ones[0] if len(ones) == 1 else _together(ones) for ones in alike.values()]


def _together(problems: list[Problem]) -> Problem:
    names = [problem.where.removeprefix("species ") for problem in problems]
    first = problems[0]
    others = ", and the same for each of the others"
    return Problem(
        f"{len(names)} species: {listed(names, SHOWN)}", first.what, first.remedy + others
    )


def _enough_plots(opened: OpenProject, n: int) -> None:
    """Compare the plots with what the models need at the very least, with one predictor."""
    most = max((plots_needed(model, 1), model.key) for model in opened.project.models)
    if n < most[0]:
        raise InputError(
            f"model {most[1]} needs {most[0]} plots or more to train on, there are {n}",
            where=opened.project.inventory.file_of_plots,
            remedy="add plots, or leave the model out",
        )
