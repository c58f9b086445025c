"""How were the rows spread then, and how are they now?

Two bars a bin, one under the other: grey for then, coloured for now; both shares stand beside the bin's name, so that
neither colour nor length has to be read alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from churn.reports.axis import place
from churn.reports.charts import ROW_HEIGHT, Alt, chart, row_text
from churn.reports.markup import Markup, element, joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A bin's name, and its share of the rows then and now, 0 to 1."""

    name: str
    then: float
    now: float


def pair_chart(alt: Alt, pairs: Sequence[Pair]) -> Markup:
    """Returns two horizontal bars a bin, the longest of all over the whole width."""
    longest = max((share for pair in pairs for share in (pair.then, pair.now)), default=0.0) or 1.0
    drawn = (_pair(pair, top=ROW_HEIGHT * row, longest=longest) for row, pair in enumerate(pairs))
    return chart(alt, *drawn, class_="chart rows bars", height=ROW_HEIGHT * len(pairs))


def _pair(pair: Pair, *, top: int, longest: float) -> Markup:
    text = row_text(pair.name, f"{100 * pair.then:.1f} → {100 * pair.now:.1f} %", top=top)
    bars = (
        element("rect", y=top + y, width=place(100 * share / longest), height=7, class_=class_)
        for y, share, class_ in ((19, pair.then, "then"), (27, pair.now, "bar"))
    )
    return joined([text, *bars])
