"""The whole page, read back: well-formed, the same bytes, nothing to load, a table and a text behind each chart."""

from __future__ import annotations

import dataclasses
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from churn.reports import stylesheet
from churn.reports.parts import Fold, Part
from churn.reports.training import TrainingReport, training_page
from tests.reports.trained import classified, regressed

_HOSTILE = "</title><script>alert('x')</script> & \"tenure\" < 30 \x00"


def _parsed(report: TrainingReport) -> ET.Element:
    return ET.fromstring(training_page(report))


def _sections(page: ET.Element) -> dict[str, ET.Element]:
    return {section.findtext("h2") or "": section for section in page.iter("section")}


def _cells(section: ET.Element) -> list[list[str]]:
    return [[cell.text or "" for cell in row] for row in section.iter("tr")]


def _days(*numbers: int) -> tuple[date, ...]:
    return tuple(date(2026, 1, 1) + timedelta(number) for number in numbers)


def _split(horizon_days: int = 30, **parts: Part) -> TrainingReport:
    return TrainingReport(title="t", figures={}, horizon_days=horizon_days, parts=parts)


def _reading(report: TrainingReport) -> str:
    return _sections(_parsed(report))["Parts of the data"].findtext("p") or ""


@pytest.mark.parametrize("report", [classified(), regressed()], ids=["classified", "regressed"])
def test_a_page_is_well_formed_and_its_tags_are_closed_for_html_too(report: TrainingReport) -> None:
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            open_tags.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            assert tag == "meta"

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    text = training_page(report)
    Reader().feed(text)
    assert not open_tags
    assert text.startswith("<!DOCTYPE html>")
    assert ET.fromstring(text).get("lang") == "en"


def test_the_same_values_give_the_same_bytes() -> None:
    assert training_page(classified()).encode() == training_page(classified()).encode()


def test_importance_in_another_order_gives_the_same_bytes() -> None:
    report = dataclasses.replace(classified(), importance={"a": 1.0, "b": 1.0, "c": 2.0})
    turned = dict(reversed([*report.importance.items()]))
    assert training_page(report) == training_page(dataclasses.replace(report, importance=turned))


@pytest.mark.parametrize("report", [classified(), regressed()], ids=["classified", "regressed"])
def test_a_page_has_nothing_to_load_and_nothing_to_run(report: TrainingReport) -> None:
    text = training_page(report)
    assert not re.search(r"https?:|//|url\(|@import|\b(src|href)=", text)
    assert not {"script", "link", "img", "iframe", "object", "use", "image"} & {
        e.tag for e in ET.fromstring(text).iter()
    }
    policies = [found.get("content", "") for found in ET.fromstring(text).iter("meta") if found.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_a_hostile_name_stays_text_wherever_it_stands() -> None:
    report = classified()
    trials = tuple(dataclasses.replace(t, kind=_HOSTILE, decision=_HOSTILE) for t in report.calibration_trials or ())
    hostile = dataclasses.replace(
        report,
        title=_HOSTILE,
        figures={_HOSTILE: _HOSTILE},
        parts={_HOSTILE: Part(dates=_days(1))},
        folds=tuple(dataclasses.replace(fold, name=_HOSTILE, failure=_HOSTILE) for fold in report.folds),
        fold_metric=_HOSTILE,
        importance={_HOSTILE: 1.0},
        calibration_trials=trials,
        settings={_HOSTILE: _HOSTILE},
    )
    page = _parsed(hostile)
    assert "script" not in {found.tag for found in page.iter()}
    shown = _HOSTILE.replace("\x00", "\ufffd")
    assert page.findtext("head/title") == shown
    assert shown in [cell for row in _cells(_sections(page)["Feature importance"]) for cell in row]


def test_every_chart_has_its_reading_its_alt_text_and_its_table() -> None:
    sections = _sections(_parsed(classified()))
    assert list(sections) == [
        "Parts of the data",
        "ROC curve",
        "Precision and recall",
        "Reliability",
        "AUC by cross-validation fold",
        "Choice of calibration",
        "Feature importance",
        "Settings",
    ]
    for section in sections.values():
        assert len(section.findtext("p") or "") > 20
        header, *rows = _cells(section)
        assert rows
        assert all(header)
        assert {len(row) for row in rows} == {len(header)}
    charts = [section for section in sections.values() if section.find("svg") is not None]
    assert len(charts) == 7
    assert all(section.find("details//table") is not None for section in charts)
    assert all(len(section.findtext("svg/desc") or "") > 40 for section in charts)


def test_no_section_of_a_curve_speaks_of_one_datasets_label() -> None:
    for heading, section in _sections(_parsed(classified())).items():
        if heading != "Settings":
            assert "churn" not in " ".join(section.itertext()), heading


def test_what_a_regression_without_dates_lacks_is_left_out() -> None:
    sections = _sections(_parsed(regressed()))
    assert list(sections) == ["Parts of the data", "Predicted against observed", "Feature importance"]
    split = sections["Parts of the data"]
    assert (split.find("svg"), split.find("details")) == (None, None)
    assert ["train", "0", "", "", "", "60 % of customers", "2,400", ""] in _cells(split)


def test_the_smallest_report_is_a_page() -> None:
    assert list(_sections(_parsed(_split(train=Part(dates=()))))) == ["Parts of the data"]


def test_tables_hold_the_numbers_of_their_charts() -> None:
    report = classified()
    sections = _sections(_parsed(report))
    assert report.roc
    assert report.reliability
    assert len(_cells(sections["ROC curve"])) == 1 + len(report.roc.true_positive_rates)
    assert [row[-1] for row in _cells(sections["Reliability"])[1:]] == [f"{g.n:,}" for g in report.reliability.bins]
    assert _cells(sections["AUC by cross-validation fold"])[1] == ["fold 1", "0.7500", "0.7190", "0.7780", "2,000"]
    assert _cells(sections["Choice of calibration"])[2][1:4] == ["0.08911", "+0.00040", "+0.00011"]
    shares = [float(row[1]) for row in _cells(sections["Feature importance"])[1:]]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    assert shares == sorted(shares, reverse=True)
    dates = _cells(sections["Parts of the data"])
    assert dates[1][:5] == ["train", "12", "2024-01-01", "2024-12-01", "2024-12-31"]
    assert [row[0] for row in dates[4:7]] == ["validation: train", "validation: test", "fold 1: train"]


def test_numbers_stand_to_the_right_and_dates_are_not_broken() -> None:
    sections = _sections(_parsed(classified()))
    kinds = {name: [cell.get("class") for cell in next(section.iter("tr"))] for name, section in sections.items()}
    assert kinds["Parts of the data"] == ["text", "number", "date", "date", "date", "text", "number", "text"]
    assert kinds["Choice of calibration"] == ["text", "number", "number", "number", "number", "text", "number"]


def test_only_the_largest_features_are_drawn_and_the_table_has_all() -> None:
    report = dataclasses.replace(regressed(), importance={f"f{k:02}": float(k) for k in range(50)})
    section = _sections(_parsed(report))["Feature importance"]
    names = [text.text for text in section.iter("text") if text.get("class") == "name"]
    assert names == [f"f{k:02}" for k in range(49, 29, -1)]
    assert len(_cells(section)) == 51
    assert "the 20 largest of 50 features" in (section.findtext("p") or "")


def test_a_model_that_used_no_feature_has_shares_of_zero() -> None:
    section = _sections(_parsed(dataclasses.replace(regressed(), importance={"a": 0.0})))["Feature importance"]
    assert _cells(section)[1] == ["a", "0.00", "0"]


@pytest.mark.parametrize(("gap", "told"), [(30, False), (29, True)])
def test_the_split_says_whether_a_label_window_reaches_into_a_later_part(gap: int, told: bool) -> None:
    reading = _reading(_split(train=Part(dates=_days(0, 10)), test=Part(dates=_days(10 + gap))))
    assert ("label windows overlap between train and test" in reading) is told
    assert ("no window reaches into a later part" in reading) is not told


def test_an_overlap_inside_a_fold_is_told_too() -> None:
    report = _split(train=Part(dates=_days(0)))
    fold = Fold(name="fold 1", train=Part(dates=_days(0)), test=Part(dates=_days(5)))
    assert "train and test of fold 1" in _reading(dataclasses.replace(report, folds=(fold,)))
    assert "train and test of fold 1" in _reading(dataclasses.replace(report, validation=fold))


def test_parts_of_other_customers_may_share_days() -> None:
    reading = _reading(
        _split(
            train=Part(dates=_days(0), buckets=tuple(range(20, 100))),
            test=Part(dates=_days(0), buckets=tuple(range(20))),
        )
    )
    assert "overlap" not in reading
    assert "share no customer" in reading


@pytest.mark.parametrize("buckets", [(19, *range(20, 100)), tuple(range(20)), None])
def test_parts_that_share_a_customer_and_days_are_told_however_both_are_described(
    buckets: tuple[int, ...] | None,
) -> None:
    test = Part(dates=_days(0), buckets=tuple(range(20)))
    reading = _reading(_split(train=Part(dates=_days(0), buckets=buckets), test=test))
    assert "overlap between train and test" in reading
    assert "share no customer" not in reading


def test_parts_without_dates_are_told_where_they_share_customers() -> None:
    shared = Part(dates=(), buckets=(1, 2, 3))
    assert "customers may be shared between train and test" in _reading(_split(train=shared, test=shared))
    assert "own customers" in _reading(_split(train=shared, test=Part(dates=(), buckets=(4,))))


def test_a_fold_without_a_figure_is_counted_and_its_reason_stands_in_the_table() -> None:
    report = classified()
    failed = dataclasses.replace(
        report.folds[1], figure=None, interval=None, n=None, failure="0 of 21 rows are positive"
    )
    section = _sections(_parsed(dataclasses.replace(report, folds=(report.folds[0], failed, *report.folds[2:]))))[
        "AUC by cross-validation fold"
    ]
    assert "over 4 of 5 folds; the table says why 1 could not be judged" in (section.findtext("p") or "")
    header, _, second, *_ = _cells(section)
    assert header[-1] == "Why there is no figure"
    assert second == ["fold 2", "", "", "", "", "0 of 21 rows are positive"]


def test_folds_that_all_failed_leave_a_table_of_reasons() -> None:
    failed = Fold(name="fold 1", train=Part(dates=_days(0)), test=Part(dates=_days(40)), failure="one class")
    section = _sections(_parsed(dataclasses.replace(classified(), folds=(failed,))))["AUC by cross-validation fold"]
    assert "None of 1 fold could be judged" in (section.findtext("p") or "")
    assert section.find("svg") is None
    assert _cells(section)[1][-1] == "one class"


def test_folds_without_figures_are_drawn_on_the_timeline_alone() -> None:
    report = dataclasses.replace(
        classified(), folds=(Fold(name="fold 1", train=Part(dates=_days(0)), test=Part(dates=_days(40))),)
    )
    assert "AUC by cross-validation fold" not in _sections(_parsed(report))


def _luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [stylesheet.LIGHT, stylesheet.DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_the_paper(colours: dict[str, str]) -> None:
    def contrast(name: str) -> float:
        bright, dim = sorted((_luminance(colours[name]), _luminance(colours["paper"])), reverse=True)
        return (bright + 0.05) / (dim + 0.05)

    assert min(contrast(name) for name in ("ink", "soft", "train")) >= 4.5  # links have the colour of train
    assert min(contrast(name) for name in ("validation", "calibration", "test")) >= 3


def test_every_colour_has_a_light_and_a_dark_form_and_no_other_is_used() -> None:
    assert set(stylesheet.LIGHT) == set(stylesheet.DARK)
    assert set(re.findall(r"var\(--(\w+)\)", stylesheet.STYLESHEET)) == set(stylesheet.LIGHT)
    assert "#" not in re.sub(r"--\w+: #\w{6};", "", stylesheet.STYLESHEET)
