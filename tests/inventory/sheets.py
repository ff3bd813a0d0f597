"""Field sheets written and read back, for the tests of what can be in them."""

from __future__ import annotations

from pathlib import Path

from phytomass.inventory import InventorySettings, read_inventory

UTM = "EPSG:32643"
PLOTS = "plot_id,easting,northing\nA,500000,3800000\nB,500100,3800000\n"


def read(folder: Path, tree_rows: str, plot_rows: str = PLOTS, crs: str = UTM, **settings: object):  # type: ignore[no-untyped-def]
    (folder / "trees.csv").write_text(tree_rows, encoding="utf-8")
    (folder / "plots.csv").write_text(plot_rows, encoding="utf-8")
    source = settings.pop("trees", {})
    plot_source = settings.pop("plots", {})
    full = InventorySettings.model_validate(
        {
            "trees": {"path": "trees.csv", **source},  # type: ignore[dict-item]
            "plots": {"path": "plots.csv", **plot_source},  # type: ignore[dict-item]
            **(
                {}
                if {"plot_radius_m", "plot_side_m", "subplots", "plot_area_ha"} & set(settings)
                else {"plot_area_ha": 0.1}
            ),
            **settings,
        }
    )
    return read_inventory(full, folder, crs), full
