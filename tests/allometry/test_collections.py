"""Collections of published equations: named by anyone, chosen by themselves where turned on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from phytomass.allometry import AllometrySettings, choose_equations, load_equations
from phytomass.errors import InputError

NAMES = ["Acer rubrum", "Acer saccharum", "Quercus alba", "Abies balsamea", "Pinus contorta"]
NAMES += ["Eucalyptus globulus", "Rhizophora apiculata", "Euterpe precatoria"]


def chosen(**settings: Any) -> dict[str, str]:
    table = choose_equations(NAMES, AllometrySettings(fallback="chave2014", **settings))
    return dict(zip(table["species"], table["equation_id"], strict=True))


def test_no_species_gets_an_equation_of_a_collection_unasked() -> None:
    """A pine of the Himalaya is no pine of North America."""
    assert set(chosen().values()) == {"chave2014"}


def test_taxa_get_the_equations_of_the_collections_turned_on() -> None:
    assert chosen(collections=["north_america", "australia", "mangroves", "palms"]) == {
        "Acer rubrum": "jenkins2003_soft_maple_birch",
        "Acer saccharum": "jenkins2003_hard_maple_oak_hickory_beech",
        "Quercus alba": "jenkins2003_hard_maple_oak_hickory_beech",
        "Abies balsamea": "jenkins2003_true_fir_hemlock",
        "Pinus contorta": "jenkins2003_pine",
        "Eucalyptus globulus": "paul2016_eucalypts",
        "Rhizophora apiculata": "komiyama2005_mangroves",
        "Euterpe precatoria": "goodman2013_palms",
    }


def test_an_equation_can_be_named_without_its_collection() -> None:
    named = chosen(species={"Pinus contorta": "jenkins2003_pine"})
    assert named["Pinus contorta"] == "jenkins2003_pine"
    assert named["Quercus alba"] == "chave2014"


def test_an_unknown_collection_is_an_error_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no collection 'north america' .*north_america"):
        chosen(collections=["north america"])


def test_a_taxon_has_one_equation_in_a_collection() -> None:
    taxa = [(e.collection, t) for e in load_equations().values() for t in e.taxa]
    assert max(Counter(taxa).values()) == 1
