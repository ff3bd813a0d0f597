from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.errors import InputError
from phytomass.report import map_figure, write_report
from tests.report.fabricate import write_raster
from tests.report.page import Page, parse, value_of

SECTIONS = {
    "plots": "Plots",
    "errors": "Errors of the field",
    "predictors": "Predictors",
    "models": "Models",
    "area": "Stocks and where they are",
    "change": "Change",
    "potential": "Potential",
    "uncertainty": "How sure single pixels are",
    "truth": "Against the known truth",
    "limits": "Limits of this study in words",
    "sources": "Where every number comes from",
}


def report_of(folder: Path, **more: str) -> Page:
    return parse(write_report(folder, **more).read_text(encoding="utf-8"))


def close(shown: str, true: float, digits: int = 4) -> bool:
    if true == 0:
        return value_of(shown) == 0
    step = 10.0 ** (np.floor(np.log10(abs(true))) + 1 - digits)
    return abs(value_of(shown) - true) <= 0.5001 * step


class TestPage:
    def test_it_is_well_formed(self, page: Page) -> None:
        assert page.problems == []
        assert page.open_tags == []
        assert len(page.ids) == len(set(page.ids))

    def test_it_needs_no_network_and_no_script(self, report_text: str, page: Page) -> None:
        assert not re.search(r"https?:|//[a-z]|@import|url\(", report_text.split("<body>")[0])
        assert "http" not in report_text.split("<body>")[1].replace("data:", "")
        assert page.tags.isdisjoint({"script", "iframe", "object", "embed", "video"})
        assert all(str(image["src"]).startswith("data:image/") for image in page.images)
        assert all(link.startswith("#") for link in page.links)

    def test_images_load_nothing_themselves(self, page: Page) -> None:
        for image in page.images:
            kind, _, data = str(image["src"]).partition(";base64,")
            content = base64.b64decode(data, validate=True)
            if kind.endswith("svg+xml"):
                links = re.findall(rb'(?:href|src)="([^"]{0,40})', content)
                assert all(link.startswith((b"#", b"data:")) for link in links)
                assert b"<!DOCTYPE" not in content
            else:
                assert content.startswith(b"\x89PNG\r\n\x1a\n")

    def test_every_link_has_its_target(self, page: Page) -> None:
        assert {link[1:] for link in page.links} <= set(page.ids)

    def test_every_image_says_what_it_shows_and_how_large_it_is(self, page: Page) -> None:
        assert len(page.images) > 25
        for image in page.images:
            assert len(str(image["alt"])) > 10
            assert int(str(image["width"])) > 0
            assert int(str(image["height"])) > 0

    def test_all_sections_are_there_in_order(self, page: Page) -> None:
        shown = [heading for heading in page.headings if heading in SECTIONS.values()]
        assert shown == list(SECTIONS.values())
        assert ": left out, " not in page.text

    def test_the_title_is_the_projects(self, page: Page) -> None:
        assert page.headings[0] == "Kurram valley plantations"

    def test_no_number_is_nan(self, page: Page) -> None:
        assert not re.search(r"\b(nan|inf|None)\b", page.text)


class TestNumbers:
    def test_plot_statistics(self, page: Page, results_folder: Path) -> None:
        table = pd.read_csv(results_folder / "plot_statistics.csv")
        for heading, column in (("Mean", "mean"), ("SD", "sd"), ("Sum", "sum"), ("Max", "max")):
            shown = page.column("Biomass and carbon of the plots", heading)
            assert all(close(s, v) for s, v in zip(shown, table[column], strict=True))

    def test_estimates(self, page: Page, results_folder: Path) -> None:
        table = pd.read_csv(results_folder / "estimates.csv", dtype={"period": str})
        rows = page.table("Estimates for the whole mapped area")
        head = rows[0]
        for quantity, words in (("stock", "Stock"), ("map_mean", "Mean of the map")):
            true = table.query(
                f"quantity == '{quantity}' and zone == 'all' and pool == 'AGB' and "
                "kind == 'dry_mass' and period == '2020' and statistic in ('mean', 'total')"
            )["value"].item()
            shown = [
                row[head.index("Mean or total")]
                for row in rows[1:]
                if row[head.index("Quantity")] == words
                and row[head.index("Pool, kind")] == "AGB, dry mass"
                and row[head.index("Date")] == "2020"
            ]
            assert len(shown) == 1
            assert close(shown[0], true)

    def test_the_first_screen(self, page: Page, results_folder: Path) -> None:
        table = pd.read_csv(results_folder / "estimates.csv", dtype={"period": str})
        whole = table[(table["zone"] == "all") & (table["period"] == "2020")]
        pick = whole.set_index(["quantity", "pool", "kind", "statistic"])["value"]
        mean = pick["map_mean", "AGB", "dry_mass", "mean"]
        spread = pick["map_mean", "AGB", "dry_mass", "spatial_SD"]
        first = page.text[: page.text.index("Contents")]
        assert f"{mean:.2f} Mg/ha {0.9 * mean:.2f} to {1.1 * mean:.1f} (95 %)" in first
        assert "model-assisted: the map, corrected by plots" in first
        assert "intervals hold: error of sampling; error of the field that plots share" in first
        assert "(2.0 %, 20 pixels) have no prediction" in first
        assert f"± {spread:.2f}" not in first
        assert f"pixels of the map spread by {spread:.1f} Mg/ha (SD)" in first
        co2e = pick["stock", "total", "CO2e", "total"]
        assert f"{round(co2e, -2):,.0f} Mg CO₂".replace(",", " ") in first
        assert "random forest" in first.lower()
        assert "in repeated k-fold" in first

    def test_the_strongest_predictor(self, page: Page, results_folder: Path) -> None:
        table = pd.read_csv(results_folder / "correlations.csv")
        best = table.loc[table["r"].abs().idxmax()]
        said = re.search(r"Strongest: (\S+), r = (\S+?)\.?\s", page.text)
        assert said is not None
        assert said[1] == best["predictor"]
        assert abs(value_of(said[2]) - best["r"]) < 0.01

    def test_model_scores(self, page: Page, results_folder: Path) -> None:
        table = pd.read_csv(results_folder / "model_comparison.csv")
        head, *rows = page.table("Scores of every model")
        assert len(rows) == len(table)
        row = next(r for r in rows if r[:3] == ["spatial blocks", "Random forest", "optical + SAR"])
        true = table.query(
            "model == 'random_forest' and predictors == 'both' and split == 'spatial_blocks'"
        ).iloc[0]
        assert row[head.index("R²")] == f"{true['r2']:.3f}"
        assert close(row[head.index("RMSE, Mg/ha")], true["rmse"])
        assert row[head.index("n test")] == str(int(true["n_test"]))

    def test_equations(self, page: Page, results_folder: Path) -> None:
        trees = pd.read_csv(results_folder / "trees.csv")
        head, *rows = page.table("Allometric equations")
        row = next(r for r in rows if r[0] == "dodonaea_viscosa")
        mine = trees["equation_id"] == "dodonaea_viscosa"
        assert row[head.index("Trees")] == str(int(mine.sum()))
        share = trees.loc[mine, "agb_kg"].sum() / trees["agb_kg"].sum()
        assert close(row[head.index("Share of AGB")], 100 * share, 3)
        assert row[head.index("Doubtful")] == "yes"

    def test_outlier_bounds(self, page: Page, results_folder: Path) -> None:
        agb = pd.read_csv(results_folder / "plots.csv")["agb_mg_ha"]
        caption = next(c for c in page.tables if c.startswith("Plots flagged as outliers"))
        assert f"{agb.mean() + 3 * agb.std():.1f}\u202fMg/ha" in caption
        assert page.column("Plots flagged", "Plot") == ["P006"]

    def test_rejected_rows_by_reason(self, page: Page) -> None:
        assert page.column("Rows of the field data", "Rows") == ["6", "6", "5"]
        assert len(page.column("The first 10 rejected rows", "Row")) == 10

    def test_class_shares_and_elevation(self, page: Page, results_folder: Path) -> None:
        classes = pd.read_csv(results_folder / "class_shares.csv")
        shown = page.column("Classes of AGB", "Area, ha")
        assert all(close(s, v) for s, v in zip(shown, classes["area_ha"], strict=True))
        profile = pd.read_csv(results_folder / "elevation_profile.csv")
        shown = page.column("AGB (dry mass) by elevation band", "Change, Mg/ha")
        assert all(close(s, v, 3) for s, v in zip(shown, profile["change_mg_ha"], strict=True))

    def test_truth_in_words(self, page: Page, results_folder: Path) -> None:
        table = pd.read_csv(results_folder / "truth_comparison.csv")
        own = table[table["used_for_map"]].iloc[0]
        off = 100 * abs(own["map_mean"] / own["truth_mean"] - 1)
        assert f"is {off:.2f} % below the truth ({own['truth_mean']:.1f} Mg/ha)" in page.text

    def test_sources_name_step_and_fingerprint(self, page: Page, results_folder: Path) -> None:
        said = json.loads((results_folder / "provenance.json").read_text())
        digest = next(
            o["sha256"] for s in said["steps"] for o in s["outputs"] if o["path"] == "agb.tif"
        )
        assert ["Summary", "agb.tif", "map", f"{digest[:12]}…"] in page.table("The result files")
        assert "seed 20" in page.text
        assert ["carbon.root_shoot", "0.26"] in page.table("Settings of the project")


FILES_BEHIND = {
    "plots": ["plots.csv", "plot_statistics.csv", "trees.csv"],
    "errors": ["field_error.csv", "error_shares.csv"],
    "predictors": ["predictors.csv", "correlations.csv", "predictors.tif"],
    "models": ["model_comparison.csv"],
    "area": ["class_shares.csv", "elevation_profile.csv", "estimates.csv"],
    "uncertainty": ["reliability.csv", "agb_uncertainty.tif"],
    "truth": ["truth_comparison.csv"],
}


class TestUncertainty:
    def test_coverage_is_weighed_by_class_and_the_worst_is_named(self, page: Page) -> None:
        assert "held 86 % of the plots" in page.text.replace("\u202f", " ")  # (90 + 81) / 2 = 85.5
        assert "81 % in the worst tenth" in page.text.replace("\u202f", " ")
        assert "more than 10 Mg/ha the model says 18 on average, and they hold 14" in (
            page.text.replace("\u202f", " ").replace("\u00a0", " ")
        )
        assert "agb_uncertainty.tif" in page.text


class TestAbsentFiles:
    def test_nothing_at_all_is_still_a_report(self, tmp_path: Path) -> None:
        page = report_of(tmp_path)
        assert page.problems == []
        assert page.headings[0] == "Forest biomass and carbon"
        left_out = [key for key in SECTIONS if key not in ("limits", "sources")]
        for key in left_out:
            assert f"{SECTIONS[key]}: left out, no " in page.text
        assert not page.images

    @pytest.mark.parametrize("key", FILES_BEHIND)
    def test_a_section_goes_with_its_files(
        self, key: str, some_results: Callable[..., Path]
    ) -> None:
        kept = [n for other, names in FILES_BEHIND.items() if other != key for n in names]
        small = [n for n in kept if not n.endswith(".tif")]
        page = report_of(some_results(*small))
        assert SECTIONS[key] not in page.headings
        assert f"{SECTIONS[key]}: left out, no" in page.text
        assert f"#{key}" not in page.links
        assert page.problems == []

    @pytest.mark.parametrize(
        "name",
        [
            "plots.csv",
            "plot_statistics.csv",
            "rejected_rows.csv",
            "trees.csv",
            "predictors.csv",
            "correlations.csv",
            "model_comparison.csv",
            "predictions.csv",
            "map_model.json",
            "class_shares.csv",
            "elevation_profile.csv",
            "estimates.csv",
            "truth_comparison.csv",
            "provenance.json",
            "agb.tif",
            "agb_change.tif",
            "agb_uncertainty.tif",
            "reliability.csv",
        ],
    )
    def test_one_file_alone_makes_a_report(
        self, name: str, some_results: Callable[..., Path]
    ) -> None:
        page = report_of(some_results(name))
        assert page.problems == []
        assert not re.search(r"\b(nan|inf|None)\b", page.text)

    @pytest.mark.parametrize("name", ["plots.csv", "rejected_rows.csv", "estimates.csv"])
    def test_a_table_without_rows(self, name: str, some_results: Callable[..., Path]) -> None:
        folder = some_results(name)
        header = (folder / name).read_text().splitlines()[0]
        (folder / name).write_text(header + "\n")
        page = report_of(folder)
        assert page.problems == []
        if name == "rejected_rows.csv":
            (folder / "plots.csv").write_text(
                "plot_id,easting,northing,agb_mg_ha\nP1,453100,3781900,12.5\n"
            )
            assert "No row of the field data was rejected." in report_of(folder).text


class TestHardInput:
    def test_user_text_is_escaped(self, some_results: Callable[..., Path]) -> None:
        folder = some_results("plots.csv", "trees.csv", "provenance.json")
        plots = pd.read_csv(folder / "plots.csv")
        plots.loc[plots["outlier"], "plot_id"] = "<script>alert('x')</script>"
        plots.to_csv(folder / "plots.csv", index=False)
        trees = pd.read_csv(folder / "trees.csv")
        trees.loc[:3, "species"] = "Quercus & <b>"
        trees.to_csv(folder / "trees.csv", index=False)
        target = write_report(folder, title="A < B & <i>C</i>", description='"quoted"')
        text = target.read_text(encoding="utf-8")
        page = parse(text)
        assert "<script>" not in text
        assert page.column("Plots flagged", "Plot") == ["<script>alert('x')</script>"]
        assert "Quercus & <b>" in page.column("Species", "Species")
        assert page.headings[0] == "A < B & <i>C</i>"
        assert "i" not in page.tags

    def test_missing_values_are_dashes(self, some_results: Callable[..., Path]) -> None:
        names = ("plots.csv", "plot_statistics.csv", "model_comparison.csv", "estimates.csv")
        folder = some_results(*names, "correlations.csv", "map_model.json")
        holes = {
            "plots.csv": ["agb_mg_ha", "agb_before_mg_ha"],
            "plot_statistics.csv": ["sd", "skewness"],
            "model_comparison.csv": ["r2", "rmse", "bias"],
            "estimates.csv": ["value", "area_ha", "n"],
            "correlations.csv": ["r", "p"],
        }
        for name, columns in holes.items():
            table = pd.read_csv(folder / name)
            table[columns] = table[columns].astype(float)
            table.loc[table.index[::2], columns] = np.nan
            table.to_csv(folder / name, index=False)
        page = report_of(folder)
        assert not re.search(r"\b(nan|NaN|inf)\b", page.text)
        assert page.column("Biomass and carbon", "SD")[0] == "–"
        assert "–" in page.column("Scores of every model", "R²")

    def test_names_no_font_has_and_signs_of_mathematics(
        self, some_results: Callable[..., Path]
    ) -> None:
        folder = some_results("correlations.csv", "estimates.csv")
        table = pd.read_csv(folder / "correlations.csv")
        table["predictor"] = ["$x^2", "林地", "a_b$", *table["predictor"].tolist()[3:]]
        table.to_csv(folder / "correlations.csv", index=False)
        estimates = (folder / "estimates.csv").read_text(encoding="utf-8")
        (folder / "estimates.csv").write_text(
            estimates.replace("North valley", "وادی $"), encoding="utf-8"
        )
        page = report_of(folder)
        assert "林地" in page.column("Correlation with plot AGB", "Predictor")
        assert "وادی $" in page.column("Zones", "Zone")

    @pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2227", None])
    def test_maps_in_degrees_in_feet_and_without_crs(
        self, tmp_path: Path, crs: str | None, recwarn: pytest.WarningsRecorder
    ) -> None:
        from affine import Affine

        side = 0.001 if crs == "EPSG:4326" else 30.0
        values = np.linspace(0, 100, 1200).reshape(1, 30, 40)
        place = Affine(side, 0, 71.0, 0, -side, 34.0)
        write_raster(tmp_path / "agb.tif", values, ["agb"], crs, place)
        page = report_of(tmp_path)
        assert f"Coordinates in {crs or 'no CRS'}" in page.text

    def test_a_map_without_a_value(self, tmp_path: Path) -> None:
        write_raster(tmp_path / "agb.tif", np.full((1, 12, 12), np.nan), ["agb"])
        write_raster(tmp_path / "agb_change.tif", np.full((1, 12, 12), np.nan), ["agb_change"])
        write_raster(tmp_path / "predictors.tif", np.full((2, 12, 12), np.nan), ["a", "b"])
        assert report_of(tmp_path).problems == []

    def test_a_change_that_is_zero_everywhere(self, tmp_path: Path) -> None:
        write_raster(tmp_path / "agb_change.tif", np.zeros((1, 12, 12)), ["agb_change"])
        assert "Change" in report_of(tmp_path).headings

    def test_a_long_strip_of_land(self, tmp_path: Path) -> None:
        write_raster(tmp_path / "agb.tif", np.ones((1, 400, 8)), ["agb"])
        assert len(report_of(tmp_path).images) == 2

    def test_one_plot(self, tmp_path: Path) -> None:
        (tmp_path / "plots.csv").write_text(
            "plot_id,easting,northing,agb_mg_ha,outlier\nP1,453100,3781900,12.5,False\n"
        )
        page = report_of(tmp_path)
        assert "No plot is flagged as an outlier." in page.text
        assert "computed for 1 field plot" in page.text

    def test_scores_far_below_zero(self, some_results: Callable[..., Path]) -> None:
        folder = some_results("model_comparison.csv")
        table = pd.read_csv(folder / "model_comparison.csv")
        table.loc[0, ["r2", "rmse"]] = [-250.0, 9e4]
        table.to_csv(folder / "model_comparison.csv", index=False)
        assert "−250.000" in report_of(folder).column("Scores of every model", "R²")


class TestWriting:
    def test_the_same_results_give_the_same_bytes(
        self, results_folder: Path, report_text: str, tmp_path: Path
    ) -> None:
        moved = tmp_path / "elsewhere"
        shutil.copytree(results_folder, moved)
        (moved / "report.html").unlink(missing_ok=True)
        assert write_report(moved).read_bytes() == report_text.encode("utf-8")

    def test_times_of_the_run_do_not_change_the_report(
        self, some_results: Callable[..., Path]
    ) -> None:
        folder = some_results("provenance.json", "plots.csv")
        before = write_report(folder).read_bytes()
        said = json.loads((folder / "provenance.json").read_text())
        for step in said["steps"]:
            step |= {"started": "2031-05-05T05:05:05Z", "seconds": 77.0, "status": "skipped"}
        (folder / "provenance.json").write_text(json.dumps(said))
        assert write_report(folder).read_bytes() == before

    def test_the_callers_matplotlib_style_does_not_matter(
        self, some_results: Callable[..., Path]
    ) -> None:
        import matplotlib as mpl

        folder = some_results("plots.csv")
        before = write_report(folder).read_bytes()
        with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "x"}):
            assert write_report(folder).read_bytes() == before

    def test_an_error_leaves_the_earlier_report(self, some_results: Callable[..., Path]) -> None:
        folder = some_results("plots.csv")
        target = write_report(folder)
        before = target.read_bytes()
        (folder / "plots.csv").write_text("plot_id\nP1\n")
        with pytest.raises(InputError, match="has no column agb_mg_ha"):
            write_report(folder)
        assert target.read_bytes() == before
        assert sorted(p.name for p in folder.iterdir()) == ["plots.csv", "report.html"]

    def test_progress_ends_at_its_total(self, tmp_path: Path) -> None:
        seen: list[tuple[str, int, int]] = []
        write_report(tmp_path, progress=lambda *now: seen.append(now))
        assert seen[0][:2] == ("report", 0)
        assert seen[-1][1] == seen[-1][2]
        assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)

    def test_title_and_target(self, tmp_path: Path) -> None:
        target = write_report(tmp_path, tmp_path / "deep" / "r.html", title="T", description="D.")
        assert target == tmp_path / "deep" / "r.html"
        page = parse(target.read_text(encoding="utf-8"))
        assert page.headings[0] == "T"
        assert "D." in page.text


class TestMapFigure:
    def test_it_is_a_png_with_the_colours_of_the_map(self, tmp_path: Path) -> None:
        from matplotlib.image import imread

        values = np.full((1, 60, 60), np.nan)
        values[0, :, :30] = 0.0
        values[0, :, 30:50] = 100.0
        write_raster(tmp_path / "agb.tif", values, ["agb"])
        target = map_figure(tmp_path, tmp_path / "map.png")
        pixels = np.round(255 * imread(target)[..., :3]).astype(int).reshape(-1, 3)
        shares = {
            name: float((np.abs(pixels - np.array(rgb)).max(axis=1) <= 1).mean())
            for name, rgb in {
                "low": (253, 231, 37),
                "high": (68, 1, 84),
                "none": (236, 238, 236),
            }.items()
        }
        assert shares["low"] / shares["high"] == pytest.approx(1.5, rel=0.1)
        assert shares["low"] / shares["none"] == pytest.approx(3.0, rel=0.1)

    def test_it_is_the_same_every_time(self, results_folder: Path, tmp_path: Path) -> None:
        first = map_figure(results_folder, tmp_path / "a.png").read_bytes()
        assert map_figure(results_folder, tmp_path / "b.png").read_bytes() == first
