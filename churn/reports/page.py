"""How does a report reach its reader? As one file: words, charts, the tables behind them, nothing to load.

Every report is a page of sections. The stylesheet is the one look of all of them: a phone, a wide screen, paper, light
and dark. A content security policy forbids the file itself to load or to run anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from churn.reports.markup import Markup, element, joined, words
from churn.reports.outcome import Table
from churn.reports.stylesheet import STYLESHEET

_NUMBER = re.compile(r"[-−+]?[\d,]*\.?\d+(e[-+]?\d+)?( %)?|")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, one sentence that says how to read the chart, the chart, and the table of its numbers.

    Each column of the table has its unit in the header. Without a chart (None) the table is shown itself. A `wide`
    section takes the whole line on a wide screen.
    """

    heading: str
    reading: str
    chart: Markup | None = None
    table: Table
    wide: bool = False


def page(title: str, *, figures: Mapping[str, str], sections: Sequence[Section]) -> str:
    """Returns the whole page as HTML that is well-formed XML too; the same values give the same text."""
    body = (
        element("header", element("h1", words(title)), _figures(figures)),
        element("main", *map(_section, sections)),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(title), element('body', *body), lang='en')}\n"


def _head(title: str) -> Markup:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", words(title)),
        element("style", Markup(STYLESHEET)),
    )


def _figures(figures: Mapping[str, str]) -> Markup:
    if not figures:
        return Markup("")
    pairs = (
        element("div", element("dt", words(name)), element("dd", words(figure))) for name, figure in figures.items()
    )
    return element("dl", *pairs)


def _section(section: Section) -> Markup:
    table = _table(section)
    shown = (
        (section.chart, element("details", element("summary", words("The numbers as a table")), table))
        if section.chart
        else (table,)
    )
    words_first = element("h2", words(section.heading)), element("p", words(section.reading))
    return element("section", *words_first, *shown, class_="wide" if section.wide else "half")


def _table(section: Section) -> Markup:
    header, rows = section.table.header, section.table.rows
    kinds = tuple(map(_kind, zip(*rows, strict=True))) or ("text",) * len(header)
    head = element(
        "tr", *(element("th", words(name), scope="col", class_=kind) for name, kind in zip(header, kinds, strict=True))
    )
    table = element(
        "table",
        element("caption", words(section.heading)),
        element("thead", head),
        element("tbody", *(_table_row(row, kinds) for row in rows)),
    )
    # a table wider than the phone scrolls in its own box, by keyboard too
    return element("div", table, class_="table", role="region", aria_label=f"Table: {section.heading}", tabindex=0)


def _kind(column: tuple[str, ...]) -> str:
    """Returns how a column is set: numbers to the right, dates never broken, text as it comes."""
    if all(map(_NUMBER.fullmatch, column)):
        return "number"
    return "date" if all(map(_DATE.fullmatch, column)) else "text"


def _table_row(row: tuple[str, ...], kinds: tuple[str, ...]) -> Markup:
    first = element("th", words(row[0]), scope="row", class_=kinds[0])
    rest = (element("td", words(cell), class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True))
    return joined([Markup("<tr>"), first, *rest, Markup("</tr>")])
