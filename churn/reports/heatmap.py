"""Which column moved on which night?

One row a column, one cell a night, shaded by its PSI as a share of its limit. A cell over the limit has another colour
and a bolt through it, one without a figure a sign of its own: shades alone would leave out who cannot tell them apart.
Names stand beside the drawing as text of the page, so that they are cut to fit a phone and the cells share the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from churn.reports.axis import place
from churn.reports.charts import Alt, chart
from churn.reports.markup import Markup, element, joined, words

PITCH = 20  # pixels from row to row, as the stylesheet sets the names
_CELL = PITCH - 3
_MOST_TICKS = 4
_SHADES = (("low", 0.25), ("some", 0.5), ("near", 1.0))  # up to which share of the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """A name, and by night the figure as a share of its limit; None where it could not be told."""

    name: str
    ratios: tuple[float | None, ...]


def heatmap(alt: Alt, rows: Sequence[HeatRow], *, nights: Sequence[date], known: Sequence[bool]) -> Markup:
    """Returns rows of cells over nights, with the names and the key; `known` is False of a night without a profile."""
    names = element("ol", *(element("li", words(row.name)) for row in rows), aria_hidden="true")
    drawn = (_row(row, known=known, top=PITCH * place) for place, row in enumerate(rows))
    height = PITCH * len(rows)
    cells = chart(alt, *drawn, _ticks(nights, height=height), class_="chart cells", height=height)
    return joined([_key(), element("div", names, cells, class_="heat")])


def _row(row: HeatRow, *, known: Sequence[bool], top: int) -> Markup:
    kinds = [_kind(ratio, is_known) for ratio, is_known in zip(row.ratios, known, strict=True)]
    paths = (_path(kind, [at for at, one in enumerate(kinds) if one == kind]) for kind in sorted({*kinds}))
    box = {"viewBox": f"0 0 {max(len(kinds), 1)} 1", "preserveAspectRatio": "none", "width": "100%"}
    return element("svg", *paths, y=top, height=_CELL, **box)


def _kind(ratio: float | None, is_known: bool) -> str:  # noqa: FBT001 - one of two facts of a cell
    if not is_known:
        return "absent"
    if ratio is None:
        return "untold"
    return next((shade for shade, below in _SHADES if ratio < below), "over")


def _path(kind: str, cells: Iterable[int]) -> Markup:
    """Returns all cells of one kind in a row as one path: a year of nights then takes kilobytes."""
    places = list(cells)
    if kind == "absent":
        return element("path", d="".join(f"M{at}.2 .9L{at}.8 .1" for at in places), class_="untold")
    if kind == "untold":
        return element("path", d="".join(f"M{at}.25 .5H{at}.75" for at in places), class_="untold")
    cell = element("path", d="".join(f"M{at}.04 0h.92v1h-.92z" for at in places), class_=f"cell {kind}")
    if kind != "over":
        return cell
    return joined([cell, element("path", d="".join(f"M{at}.25 .42h.5v.16h-.5z" for at in places), class_="bolt")])


def _ticks(nights: Sequence[date], *, height: int) -> Markup:
    step = max(1, -(-len(nights) // _MOST_TICKS))
    marks = []
    for at in range(0, len(nights), step):
        x = place(100 * at / len(nights))
        marks.append(element("line", x1=x, x2=x, y1=height, y2=height + 5, class_="grid"))
        marks.append(element("text", words(f"{nights[at]:%m-%d}"), x=x, y=height + 18))
    return joined([*marks, element("text", words("night (month-day)"), y=height + 34, class_="axis")])


def _key() -> Markup:
    meanings = {
        "low": "under a quarter of the limit",
        "some": "up to half of it",
        "near": "up to the limit",
        "over": "at or over the limit",
        "untold": "no figure: too few rows",
        "absent": "no profile of that night",
    }
    return element("ul", *(_meaning(kind, text) for kind, text in meanings.items()), class_="keys")


def _meaning(kind: str, text: str) -> Markup:
    box = {"viewBox": "0 0 1 1", "width": 14, "height": 14, "aria_hidden": "true", "class_": "key"}
    return element("li", element("svg", _path(kind, [0]), **box), words(text))
