"""The drift report, read back and opened in a browser: every figure is there, nothing is loaded, nothing sticks out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from churn.reports.drift import ColumnNights, DriftPage, drift_page
from tests.browser import measured, needs_browser, opened, shot
from tests.reports.drifted import ABSENT, MOVED_FROM, NAMES, NIGHTS, report

_HOSTILE = "</title><script>alert('x')</script> & \"tenure\" < 30 \x00"
_SMALLEST = DriftPage(
    title="Drift",
    verdict="insufficient evidence",
    action="nothing",
    grounds=("no night",),
    figures={},
    faults=(),
    nights=(),
    rows=(),
    columns=(),
    worst=(),
    scores=None,
    segments=None,
    outcomes=(),
)


def sections(page: DriftPage) -> dict[str, ET.Element]:
    parsed = ET.fromstring(drift_page(page))
    return {section.findtext("h2") or "": section for section in parsed.iter("section")}


def cells(section: ET.Element) -> list[list[str]]:
    return [[cell.text or "" for cell in row] for row in section.iter("tr")]


def row_of(table: list[list[str]], name: str) -> list[str]:
    (found,) = (row for row in table if row[0] == name)
    return found


def test_every_section_has_its_reading_its_table_and_each_chart_its_alt_text() -> None:
    found = sections(report())
    assert list(found) == [
        "Decision",
        "Faults of feeds",
        "Columns over nights",
        "avg_monthly_spend",
        "plan",
        "churn_score",
        "Segments",
        "AUC: outcomes against the estimate",
    ]
    for section in found.values():
        assert len(section.findtext("p") or "") > 20
        header, *rows = cells(section)
        assert rows
        assert all(header)
        assert {len(row) for row in rows} == {len(header)}
    charts = [chart for chart in found.values() if chart.find(".//svg[@role='img']") is not None]
    assert len(charts) == 6
    assert all(len(chart.findtext(".//svg[@role='img']/desc") or "") > 30 for chart in charts)
    assert all(chart.find("details//table") is not None for chart in charts)


def test_what_to_do_and_its_grounds_come_first() -> None:
    page = report()
    parsed = ET.fromstring(drift_page(page))
    told = [found.text for found in parsed.iter("dd")]
    assert told == [page.action, page.verdict, *page.figures.values()]
    decision = sections(page)["Decision"]
    assert page.action[1:] in (decision.findtext("p") or "")
    assert [row[1] for row in cells(decision)[1:]] == list(page.grounds)


def test_the_table_behind_the_heat_map_holds_every_psi_limit_part_and_count() -> None:
    page = report()
    header, counts, *rows = cells(sections(page)["Columns over nights"])
    assert header[3:] == list(map(str, page.nights))
    assert counts[3:] == ["" if n is None else f"{n:,}" for n in page.rows]
    assert len(rows) == len(NAMES) + 1
    for column in page.columns:
        name = column.name if column.watched else f"{column.name} (not watched)"
        _, weight, limit, *psis = row_of(rows, name)
        assert weight == ("" if column.weight is None else f"{100 * column.weight:.1f}")
        assert limit == "0.2"
        assert psis == ["" if psi is None else f"{psi:.3f}" for psi in column.psi]


def test_the_column_that_is_farthest_now_stands_on_top_and_what_is_not_watched_below() -> None:
    names = [item.text for item in sections(report())["Columns over nights"].iterfind(".//ol/li")]
    assert names[0] == "avg_monthly_spend"
    assert names[-1] == "tenure_days (not watched)"
    assert names[-2] == "upgrades_365d"


def drawn(column: ColumnNights, *, rows: tuple[int | None, ...]) -> dict[str, list[int]]:
    """The nights by the kind of their cell, read back from the paths of the only row."""
    nights = NIGHTS[: len(rows)]
    section = sections(replace(report(), columns=(column,), rows=rows, nights=nights))["Columns over nights"]
    (image,) = section.iterfind("./div[@class='heat']/svg")
    paths = image.findall("./svg/path")
    return {
        path.attrib["class"]: sorted(int(float(at)) for at in re.findall(r"M([\d.]+)", path.attrib["d"]))
        for path in paths
    }


def test_a_cell_is_shaded_by_its_share_of_the_limit_and_marked_from_the_limit_on() -> None:
    column = ColumnNights(name="a", limit=0.4, psi=(0.0, 0.0999, 0.1, 0.1999, 0.2, 0.3999, 0.4, 9.0))
    found = drawn(column, rows=(100,) * 8)
    shades = {"cell low": [0, 1], "cell some": [2, 3], "cell near": [4, 5], "cell over": [6, 7]}
    assert found == {**shades, "bolt": [6, 7]}


def test_a_night_without_a_profile_is_drawn_otherwise_than_one_that_cannot_tell() -> None:
    section = sections(report())["Columns over nights"]
    strokes = [path.attrib["d"] for path in section.iterfind("./div[@class='heat']//path[@class='untold']")]
    assert strokes.count(f"M{ABSENT}.2 .9L{ABSENT}.8 .1") == len(NAMES) + 1
    assert len([stroke for stroke in strokes if "H" in stroke]) == 1
    assert "30 nights, 1 of them without a profile" in (section.findtext("p") or "")
    untold = drawn(ColumnNights(name="a", limit=0.2, psi=(None, None, 0.1)), rows=(None, 5, 900))
    assert untold["cell near"] == [2]


def test_both_distributions_of_a_column_stand_in_bars_and_in_the_table() -> None:
    spend = report().worst[0]
    section = sections(report())["avg_monthly_spend"]
    rows = cells(section)[1:]
    assert [row[0] for row in rows] == list(spend.labels)
    assert [float(row[1]) for row in rows] == pytest.approx([100 * share for share in spend.shares_then], abs=0.006)
    assert [float(row[2]) for row in rows] == pytest.approx([100 * share for share in spend.shares_now], abs=0.006)
    then, now = (
        [float(bar.attrib["width"].rstrip("%")) for bar in section.iterfind(f".//rect[@class='{kind}']")]
        for kind in ("then", "bar")
    )
    longest = max((*spend.shares_then, *spend.shares_now))
    told = [pair for pair in zip(spend.shares_then, spend.shares_now, strict=True) if any(pair)]
    assert then == pytest.approx([100 * share / longest for share, _ in told], abs=0.006)
    assert now == pytest.approx([100 * share / longest for _, share in told], abs=0.006)
    reading = section.findtext("p") or ""
    assert reading.startswith("Median 41 → 29; 0 → 7 % null since 2026-01-03.")
    assert "n = 10,000 rows then, 9,900 now" in reading


def test_outcomes_stand_beside_the_estimate_with_their_interval_version_and_rows() -> None:
    page = report()
    section = sections(page)["AUC: outcomes against the estimate"]
    for row, point in zip(cells(section)[1:], page.outcomes[0].points, strict=True):
        figures = (point.figure, *(point.interval or (None, None)), point.estimated)
        assert row[:2] == [str(point.night), str(point.version)]
        assert row[2:6] == ["" if figure is None else f"{figure:.4f}" for figure in figures]
        assert row[6] == ("" if point.n is None else f"{point.n:,}")
    assert len(list(section.iterfind(".//circle"))) == 12
    assert {note.text for note in section.iterfind(".//text[@class='note']")} == {"version 4", "estimated"}
    assert page.outcomes[0].reading in (section.findtext("p") or "")


def test_nights_without_ripe_labels_or_an_estimate_leave_a_table() -> None:
    (outcomes,) = report().outcomes
    none = tuple(replace(point, figure=None, interval=None, n=None, estimated=None) for point in outcomes.points)
    page = replace(report(), outcomes=(replace(outcomes, points=none),))
    section = sections(page)["AUC: outcomes against the estimate"]
    assert section.find("svg") is None
    assert len(cells(section)) == 31


def test_a_broken_feed_is_named_and_its_absence_too() -> None:
    broken = replace(report(), faults=("payments: 12 % of the rows of 2026-01-12 are missing (truncated load)",))
    assert cells(sections(broken)["Faults of feeds"])[1] == list(broken.faults)
    assert "No feed shows a fault" in (sections(report())["Faults of feeds"].findtext("p") or "")


def test_the_smallest_report_is_a_page() -> None:
    assert list(sections(_SMALLEST)) == ["Decision", "Faults of feeds", "Columns over nights"]


def test_a_hostile_name_stays_text_wherever_it_stands() -> None:
    page = report()
    spread = replace(page.worst[0], name=_HOSTILE, words=_HOSTILE, labels=(_HOSTILE, *page.worst[0].labels[1:]))
    hostile = replace(
        page,
        title=_HOSTILE,
        verdict=_HOSTILE,
        action=_HOSTILE,
        grounds=(_HOSTILE,),
        faults=(_HOSTILE,),
        figures={_HOSTILE: _HOSTILE},
        columns=(replace(page.columns[0], name=_HOSTILE),),
        worst=(spread,),
        outcomes=(replace(page.outcomes[0], metric=_HOSTILE, unit=_HOSTILE, reading=_HOSTILE),),
    )
    parsed = ET.fromstring(drift_page(hostile))
    assert "script" not in {found.tag for found in parsed.iter()}
    assert parsed.findtext("head/title") == _HOSTILE.replace("\x00", "\ufffd")


def test_the_page_has_nothing_to_load_and_is_the_same_for_the_same_values() -> None:
    text = drift_page(report())
    assert text == drift_page(report())
    assert not re.search(r"https?:|//|url\(|@import|\b(src|href)=", text)
    tags = {found.tag for found in ET.fromstring(text).iter()}
    assert not {"script", "link", "img", "iframe", "object", "use", "image"} & tags


def test_a_year_of_nights_takes_kilobytes() -> None:
    steady = ColumnNights(name="a", limit=0.2, psi=(0.01,) * 365)
    page = replace(_SMALLEST, nights=tuple(NIGHTS[0].fromordinal(NIGHTS[0].toordinal() + k) for k in range(365)))
    with_one, with_thirty = (
        len(drift_page(replace(page, rows=(9000,) * 365, columns=(steady,) * count))) for count in (1, 30)
    )
    assert (with_thirty - with_one) / 29 < 25_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "drift.html"
    file.write_text(drift_page(report()))
    return file


@needs_browser
def test_the_browser_shows_the_whole_page_and_complains_of_nothing(page: Path) -> None:
    seen = opened(page)
    assert seen.console == ()
    ours = ET.fromstring(drift_page(report()))
    shown = "".join(seen.document.itertext()).split()
    assert shown == "".join(ours.itertext()).split()
    assert len(list(seen.document.iter("path"))) == len(list(ours.iter("path"))) > 60


@needs_browser
def test_a_page_that_would_load_something_is_heard_on_the_console(page: Path) -> None:
    spoiled = page.with_name("spoiled.html")
    spoiled.write_text(page.read_text().replace("</main>", '</main><img src="https://example.invalid/a.png"></img>'))
    seen = opened(spoiled)
    assert "Content Security Policy" in " ".join(seen.console)


@needs_browser
@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_sticks_out_and_every_chart_has_a_size(page: Path, width: int) -> None:
    found = measured(page, width=width)
    assert found["width"] == width
    assert found["page"] == width
    assert found["over"] == []
    assert len(found["charts"]) == 6
    assert all(least > 60 for size in found["charts"] for least in size)


@needs_browser
def test_light_and_dark_are_two_papers(page: Path) -> None:
    light, dark = (measured(page, width=800, arguments=flags) for flags in ((), ("--force-dark-mode",)))
    assert (light["dark"], dark["dark"]) == (False, True)
    assert (light["paper"], dark["paper"]) == ("rgb(255, 255, 255)", "rgb(20, 24, 29)")
    assert light["ink"] != dark["ink"]


@needs_browser
def test_the_picture_shows_alarms_only_from_the_night_on_that_they_began(page: Path) -> None:
    alone = page.with_name("alone.html")
    spend = next(column for column in report().columns if column.name == "avg_monthly_spend")
    alone.write_text(drift_page(replace(report(), columns=(spend,), worst=(), scores=None, segments=None, outcomes=())))
    pixels = np.asarray(Image.open(shot(alone, width=1000, height=1600)).convert("RGB")).astype(int)
    orange = np.abs(pixels - (0xC0, 0x4F, 0x00)).sum(axis=2) < 12
    rows = np.flatnonzero(orange.sum(axis=1) > 100)
    blue = np.abs(pixels[rows[0]] - (0xE5, 0xF1, 0xF7)).sum(axis=1) < 12
    first, last = np.flatnonzero(blue)[0], np.flatnonzero(orange[rows[0]])[-1]
    began = (np.flatnonzero(orange[rows[0]])[0] - first) / (last - first)
    assert began == pytest.approx(MOVED_FROM / len(NIGHTS), abs=0.01)
