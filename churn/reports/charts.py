"""How does a table of numbers look: as a line, as bars, as dots with intervals?

Written by hand as SVG for the stylesheet of `page`: no script, no library, nothing to load. Colour never stands alone:
lines differ by dash, rows carry their name and figure as text, and each chart names itself to a screen reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from churn.reports.axis import Axis, Scale, place
from churn.reports.markup import Markup, element, joined, words

ROW_HEIGHT = 40  # pixels; the name of a row stands over its bar, so that long names fit a phone
_LONGEST_NAME = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Alt:
    """What a chart says to who cannot see it: its name, and what it shows in a sentence or two."""

    name: str
    shows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points joined by a straight line; a reference (chance, the diagonal) is dashed and names itself at its end.

    `other` names the line of another model: it is dotted, and has its name in its middle.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    reference: str = ""
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A measured point and its interval upwards and downwards; None where it has none."""

    x: float
    y: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A named share of the whole, in percent."""

    name: str
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A named figure with its interval (None where there is none), and how both are written."""

    name: str
    figure: float
    interval: tuple[float, float] | None
    text: str


def line_chart(
    alt: Alt, *, x: Scale, y: Axis, lines: Sequence[Line] = (), dots: Sequence[Dot] = (), shape: str = "square"
) -> Markup:
    """Returns a chart of lines and of dots with intervals over two axes, square or `long` (over nights)."""
    return chart(
        alt,
        _grid(x, y),
        joined(_reference(line, x=x, y=y) for line in lines if line.reference),
        joined(_other(line, x=x, y=y) for line in lines if line.other),
        joined(_polyline(line, x=x, y=y, class_="line") for line in lines if not (line.reference or line.other)),
        joined(_dot(dot, x=x, y=y) for dot in dots),
        class_=f"chart {shape}",
    )


def bar_chart(alt: Alt, bars: Sequence[Bar]) -> Markup:
    """Returns one horizontal bar a row, the longest over the whole width; the share stands beside the name."""
    longest = max((bar.percent for bar in bars), default=0.0) or 1.0
    rows = (
        joined(
            [
                row_text(bar.name, f"{bar.percent:.1f} %", top=ROW_HEIGHT * row),
                element("rect", y=ROW_HEIGHT * row + 20, width="100%", height=10, class_="track"),
                element(
                    "rect",
                    y=ROW_HEIGHT * row + 20,
                    width=place(100 * bar.percent / longest),
                    height=10,
                    class_="bar",
                ),
            ]
        )
        for row, bar in enumerate(bars)
    )
    return chart(alt, *rows, class_="chart rows bars", height=ROW_HEIGHT * len(bars))


def interval_chart(alt: Alt, rows: Sequence[Measured], *, axis: Axis, reference: float | None = None) -> Markup:
    """Returns one dot with its interval a row over one axis, with a dashed line at `reference`."""
    height = ROW_HEIGHT * len(rows)
    marks = [row_text(row.name, row.text, top=ROW_HEIGHT * number) for number, row in enumerate(rows)]
    marks += [_measured(row, axis=axis, y=ROW_HEIGHT * number + 27) for number, row in enumerate(rows)]
    if reference is not None:
        at = axis.percent(reference)
        marks = [*(upright(at, row=number, class_="reference") for number in range(len(rows))), *marks]
    return chart(alt, _bottom_axis(axis, height=height), *marks, class_="chart rows", height=height)


def chart(alt: Alt, *marks: Markup, **attributes: object) -> Markup:
    """Returns marks as one image with a name and a description."""
    named = element("title", words(alt.name)), element("desc", words(alt.shows))
    return element("svg", *named, *marks, role="img", **attributes)


def _bottom_axis(axis: Axis, *, height: int) -> Markup:
    marks = []
    for tick in axis.ticks():
        at = place(axis.percent(tick))
        marks.append(element("line", x1=at, x2=at, y1=0, y2=height, class_="grid"))
        marks.append(element("text", words(axis.text(tick)), x=at, y=height + 16, text_anchor="middle"))
    marks.append(element("text", words(axis.name), x="50%", y=height + 34, text_anchor="middle", class_="axis"))
    return joined(marks)


def row_text(name: str, figure: str, *, top: int) -> Markup:
    """Returns the line of text over a row's marks: its name to the left, its figure to the right."""
    left = element("text", words(shortened(name)), y=top + 14, class_="name")
    return joined([left, element("text", words(figure), x="100%", y=top + 14, text_anchor="end", class_="figure")])


def upright(percent: float, *, row: int, class_: str) -> Markup:
    """Returns a line through one row's marks; it stops short of the text, so that no figure is struck through."""
    at, top = place(percent), ROW_HEIGHT * row
    return element("line", x1=at, x2=at, y1=top + 18, y2=top + ROW_HEIGHT, class_=class_)


def shortened(name: str) -> str:
    """Returns a name that fits its row; the table has the whole of it.

    >>> shortened("support_contacts_30d_of_the_last_contract_of_the_customer")
    'support_contacts_30d_of_the_last_co…'
    """
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _measured(row: Measured, *, axis: Axis, y: int) -> Markup:
    dot = element("circle", cx=place(axis.percent(row.figure)), cy=y, r=5, class_="dot")
    if row.interval is None:
        return dot
    low, high = (place(axis.percent(end)) for end in row.interval)
    ends = (element("line", x1=end, x2=end, y1=y - 5, y2=y + 5, class_="interval") for end in (low, high))
    return joined([element("line", x1=low, x2=high, y1=y, y2=y, class_="interval"), *ends, dot])


def _grid(x: Scale, y: Axis) -> Markup:
    return joined([*_columns(x), *_levels(y)])


def _columns(x: Scale) -> Iterable[Markup]:
    for tick in x.ticks():
        at = place(x.percent(tick))
        yield element("line", x1=at, x2=at, y1="0%", y2="100%", class_="grid")
        yield element("text", words(x.text(tick)), x=at, y="100%", dy=18, text_anchor="middle")
    yield element("text", words(x.name), x="50%", y="100%", dy=38, text_anchor="middle", class_="axis")


def _levels(y: Axis) -> Iterable[Markup]:
    for tick in y.ticks():
        at = place(100 - y.percent(tick))
        yield element("line", x1="0%", x2="100%", y1=at, y2=at, class_="grid")
        yield element("text", words(y.text(tick)), x="0%", y=at, dx=-8, dy="0.35em", text_anchor="end")
    yield element("text", words(f"↑ {y.name}"), x="0%", y="0%", dx=-40, dy=-14, class_="axis")


def _polyline(line: Line, *, x: Scale, y: Axis, class_: str) -> Markup:
    """Returns the line in a box of its own from 0 to 100, stretched to the plot: SVG allows no percent in points."""
    points = " ".join(f"{x.percent(a):.2f},{100 - y.percent(b):.2f}" for a, b in zip(line.xs, line.ys, strict=True))
    drawn = element("polyline", points=points, class_=class_, vector_effect="non-scaling-stroke")
    return element("svg", drawn, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height="100%")


def _reference(line: Line, *, x: Scale, y: Axis) -> Markup:
    """Returns a dashed line with its name over it: at the end of one that rises, at the start of a level one.

    The name of an upright one stands beside its end, on the side that has more room.
    """
    level, upright = line.ys[0] == line.ys[-1], line.xs[0] == line.xs[-1]
    to_the_right = level or (upright and x.percent(line.xs[0]) < 50)
    end, anchor, dx = 0 if level else -1, *(("start", 8) if to_the_right else ("end", -6))
    at = place(x.percent(line.xs[end])), place(100 - y.percent(line.ys[end]))
    name = element("text", words(line.reference), x=at[0], y=at[1], dx=dx, dy=-8, text_anchor=anchor, class_="note")
    return joined([_polyline(line, x=x, y=y, class_="reference"), name])


def _other(line: Line, *, x: Scale, y: Axis) -> Markup:
    middle = len(line.xs) // 2
    at = place(x.percent(line.xs[middle])), place(100 - y.percent(line.ys[middle]))
    name = element("text", words(line.other), x=at[0], y=at[1], dx=8, dy=18, class_="note")
    return joined([_polyline(line, x=x, y=y, class_="other"), name])


def _dot(dot: Dot, *, x: Scale, y: Axis) -> Markup:
    across, up = place(x.percent(dot.x)), place(100 - y.percent(dot.y))
    mark = element("circle", cx=across, cy=up, r=4.5, class_="dot")
    if dot.interval is None:
        return mark
    low, high = (place(100 - y.percent(end)) for end in dot.interval)
    return joined([element("line", x1=across, x2=across, y1=low, y2=high, class_="interval"), mark])
