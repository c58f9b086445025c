"""Positions on the paper, read back from the SVG: twice as much lies twice as far, an interval covers its mark."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.reports.axis import Axis, Nights
from churn.reports.charts import Alt, Bar, Dot, Line, Measured, bar_chart, interval_chart, line_chart
from churn.reports.markup import Markup, element, words
from churn.reports.timeline import Months, Row, Run, timeline

_ALT = Alt(name="a <chart>", shows="what it shows & more")
_UNIT = Axis(name="share", low=0.0, high=1.0)


def _of(svg: Markup, class_: str) -> list[ET.Element]:
    """The elements of a class, in drawing order."""
    return [found for found in ET.fromstring(svg).iter() if class_ in found.get("class", "").split()]


def _at(found: ET.Element, name: str) -> float:
    return float(found.attrib[name].removesuffix("%"))


def _run(*days: date, role: str = "train") -> Run:
    return Run(role=role, dates=days)


def _row(*runs: Run, group: str = "parts") -> Row:
    return Row(name="row", note="", group=group, runs=runs)


@pytest.mark.parametrize(
    "svg",
    [
        line_chart(_ALT, x=_UNIT, y=_UNIT, lines=[Line(xs=(0.0, 1.0), ys=(0.0, 1.0), reference="<chance>")]),
        bar_chart(_ALT, [Bar(name="a<b", percent=12.0)]),
        bar_chart(_ALT, []),
        interval_chart(_ALT, [Measured(name="a", figure=0.5, interval=None, text="0.5")], axis=_UNIT),
        timeline(_ALT, [_row(_run(date(2026, 1, 1)))], horizon_days=30),
    ],
)
def test_every_chart_names_and_describes_itself(svg: Markup) -> None:
    image = ET.fromstring(svg)
    assert (image.tag, image.get("role")) == ("svg", "img")
    assert [(child.tag, child.text) for child in image][:2] == [("title", _ALT.name), ("desc", _ALT.shows)]


def test_a_line_goes_through_its_points_with_y_upwards() -> None:
    svg = line_chart(_ALT, x=_UNIT, y=Axis(name="y", low=0.0, high=10.0), lines=[Line(xs=(0.0, 0.25), ys=(0.0, 8.0))])
    assert _of(svg, "line")[0].get("points") == "0.00,100.00 25.00,20.00"


def test_a_reference_is_dashed_and_named_and_a_measured_line_is_neither() -> None:
    lines = [Line(xs=(0.0, 1.0), ys=(0.0, 1.0), reference="chance"), Line(xs=(0.0, 1.0), ys=(0.0, 0.5))]
    svg = line_chart(_ALT, x=_UNIT, y=_UNIT, lines=lines)
    assert [len(_of(svg, class_)) for class_ in ("reference", "line", "note")] == [1, 1, 1]
    assert _of(svg, "note")[0].text == "chance"


def test_the_interval_of_a_dot_covers_it() -> None:
    svg = line_chart(_ALT, x=_UNIT, y=_UNIT, dots=[Dot(x=0.2, y=0.3, interval=(0.25, 0.5))])
    (bar,), (dot,) = _of(svg, "interval"), _of(svg, "dot")
    assert (_at(dot, "cx"), _at(dot, "cy")) == (20, 70)
    assert (_at(bar, "x1"), _at(bar, "x2"), _at(bar, "y1"), _at(bar, "y2")) == (20, 20, 75, 50)


def test_a_dot_without_an_interval_has_no_bar() -> None:
    assert not _of(line_chart(_ALT, x=_UNIT, y=_UNIT, dots=[Dot(x=0.2, y=0.3, interval=None)]), "interval")


def test_the_interval_of_a_row_covers_its_mark_on_the_same_height() -> None:
    rows = [Measured(name=f"fold {k}", figure=0.4, interval=(0.3, 0.6), text="") for k in range(2)]
    svg = interval_chart(_ALT, rows, axis=_UNIT, reference=0.5)
    whole = [line for line in _of(svg, "interval") if line.get("x1") != line.get("x2")]
    for bar, dot in zip(whole, _of(svg, "dot"), strict=True):
        assert (_at(bar, "x1"), _at(dot, "cx"), _at(bar, "x2")) == (30, 40, 60)
        assert bar.get("y1") == bar.get("y2") == dot.get("cy")
    assert {_at(line, "x1") for line in _of(svg, "reference")} == {50}


def test_a_bar_of_half_the_share_is_half_as_long() -> None:
    svg = bar_chart(_ALT, [Bar(name="a", percent=40.0), Bar(name="b", percent=20.0), Bar(name="c", percent=0.0)])
    assert [_at(bar, "width") for bar in _of(svg, "bar")] == [100, 50, 0]
    assert [text.text for text in _of(svg, "figure")] == ["40.0 %", "20.0 %", "0.0 %"]


def test_bars_that_are_all_zero_have_no_length() -> None:
    assert [_at(bar, "width") for bar in _of(bar_chart(_ALT, [Bar(name="a", percent=0.0)]), "bar")] == [0]


def test_a_long_name_is_cut_on_the_chart_only_as_far_as_needed() -> None:
    names = [text.text or "" for name in ("f" * 36, "g" * 37) for text in _of(bar_chart(_ALT, [_bar(name)]), "name")]
    assert names == ["f" * 36, "g" * 35 + "…"]


def _bar(name: str) -> Bar:
    return Bar(name=name, percent=1.0)


def test_a_date_twice_as_far_lies_twice_as_far_to_the_right() -> None:
    first = date(2026, 1, 1)
    svg = timeline(_ALT, [_row(_run(first, first + timedelta(20), first + timedelta(40)))], horizon_days=5)
    start, near, far = (_at(mark, "x") for mark in _of(svg, "at"))
    assert start == 0
    assert far == pytest.approx(2 * near, abs=0.02)


def test_a_label_window_begins_at_its_date_and_is_as_long_as_the_horizon() -> None:
    day = date(2026, 1, 11)
    svg = timeline(_ALT, [_row(_run(day, day + timedelta(30)))], horizon_days=30)
    first, second = _of(svg, "window")
    assert _at(first, "x") == _at(_of(svg, "at")[0], "x")
    assert _at(first, "x") + _at(first, "width") == pytest.approx(_at(second, "x"), abs=0.02)
    assert _at(first, "x") == pytest.approx(100 * 10 / 90, abs=0.01)  # January to March


def test_a_later_part_begins_at_a_dashed_line_in_each_row_of_its_group() -> None:
    train, test = date(2026, 1, 1), date(2026, 3, 1)
    fold = _row(_run(train), _run(test, role="test"), group="fold")
    rows = [_row(_run(train)), _row(_run(test, role="test")), fold]
    svg = timeline(_ALT, rows, horizon_days=30)
    borders = _of(svg, "border")
    assert [_at(line, "x1") for line in borders] == [_at(_of(svg, "at")[1], "x")] * 3
    assert [_at(line, "y1") // 40 for line in borders] == [0, 1, 2]


def test_roles_differ_by_sign_and_not_by_colour_alone() -> None:
    roles = ("train", "validation", "calibration", "test")
    svg = timeline(_ALT, [_row(_run(date(2026, 1, 1), role=role)) for role in roles], horizon_days=1)
    assert len({mark.get("d") for mark in _of(svg, "mark")}) == len(roles)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 20_000), st.integers(0, 400))
def test_months_hold_every_window_and_have_one_to_six_ticks(first: date, days: int, horizon_days: int) -> None:
    last = first + timedelta(days)
    months = Months.around([last, first], horizon_days=horizon_days)
    assert 0 <= months.percent(first) < 100
    assert months.percent(last + timedelta(horizon_days)) <= 100
    assert 1 <= len(months.ticks()) <= 6
    assert all(day.day == 1 and months.first <= day < months.end for day in months.ticks())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_an_axis_holds_its_values_and_has_two_to_six_ticks(values: list[float]) -> None:
    values = [round(value, 3) for value in values]
    axis = Axis.around("x", values)
    assert axis.low <= min(values) <= max(values) <= axis.high
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 6
    assert len({axis.text(tick) for tick in ticks}) == len(ticks)
    assert all(float(axis.text(tick).replace(",", "")) == pytest.approx(tick, abs=1e-9) for tick in ticks)


def test_the_middle_of_an_axis_is_half_way_wherever_it_begins() -> None:
    axis = Axis(name="x", low=10.0, high=30.0)
    assert [axis.percent(value) for value in (10.0, 20.0, 30.0)] == [0, 50, 100]


@given(st.text(st.characters(exclude_characters="\r")))  # a reader of XML turns it into a line feed
def test_any_text_stays_text(text: str) -> None:
    found = ET.fromstring(element("text", words(text), name=text))
    assert len(found) == 0
    read = found.text or ""
    assert len(read) == len(text)
    assert all(ours == theirs or theirs == "\ufffd" for ours, theirs in zip(text, read, strict=True))


@pytest.mark.parametrize("text", ["a < b & \"c\" 'd' é 😀\n", "\t", "\ud7ff\ue000\ufffd"])
def test_text_that_a_document_may_hold_is_not_changed(text: str) -> None:
    assert ET.fromstring(element("text", words(text))).text == text


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ud800", "\ufffe"])
def test_a_character_that_no_document_may_hold_is_replaced(text: str) -> None:
    assert words(text) == "\ufffd"


@pytest.mark.parametrize(("at", "anchor"), [(0.2, "start"), (0.8, "end")])
def test_the_name_of_an_upright_line_stands_on_the_side_with_more_room(at: float, anchor: str) -> None:
    svg = line_chart(_ALT, x=_UNIT, y=_UNIT, lines=[Line(xs=(at, at), ys=(1.0, 0.0), reference="version 4")])
    (name,) = _of(svg, "note")
    assert (name.text, name.get("text-anchor"), _at(name, "y")) == ("version 4", anchor, 100)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 1000))
def test_nights_have_one_to_four_ticks_that_lie_on_the_axis(first: date, days: int) -> None:
    axis = Nights(first=first, last=first + timedelta(days))
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 4
    assert all(0 <= axis.percent(tick) <= 100 for tick in ticks)
    assert axis.text(ticks[0]) == f"{first:%m-%d}"
