"""Why did this version become champion, or why not: the case file of one decision, for whoever asks in a year.

One frozen value in, one page out. Counts and shares alone, no customer's number. Curves of two models share one chart:
the challenger's line is solid, the champion's dotted and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from churn.findings import Finding
from churn.promotion.comparison import PairedDifference
from churn.promotion.curves import PrecisionRecall, Roc
from churn.promotion.diagrams import Captured, Recalibrated
from churn.promotion.groups import GroupRates
from churn.promotion.metrics import Estimate
from churn.promotion.slices import Slice
from churn.promotion.stability import Moves
from churn.reports.axis import Axis
from churn.reports.charts import Alt, Line, line_chart
from churn.reports.outcome import Table
from churn.reports.page import Section, page


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric of both models on the same rows; `champion` and `gain` are None where nobody was champion."""

    name: str
    unit: str
    challenger: Estimate
    champion: float | None
    gain: PairedDifference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of one model on the rows of the decision."""

    roc: Roc
    precision_recall: PrecisionRecall
    recalibrated: Recalibrated
    captured: Captured


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """All that the page of one decision shows.

    `figures` are headline figures as text. `challenger` and `champion` are the curves of a classifier; None of a
    regression, the champion's also where there was none. `list_share` is the campaign's share of the rows, `moves` how
    its list changes. `shadow` are the nights that the challenger scored beside the champion, as text.
    """

    title: str
    figures: Mapping[str, str]
    findings: Mapping[str, Finding]
    metrics: tuple[Compared, ...]
    challenger: Curves | None
    champion: Curves | None
    groups: tuple[GroupRates, ...]
    slices: tuple[Slice, ...]
    list_share: float
    moves: Moves | None
    shadow: tuple[str, ...]


def case_page(case: CaseFile) -> str:
    """Returns the case file as one HTML page without anything to load; the same values give the same text."""
    return page(case.title, figures=case.figures, sections=tuple(_sections(case)))


def _sections(case: CaseFile) -> Iterator[Section]:
    yield _gates(case.findings)
    yield _metrics(case.metrics)
    if case.challenger:
        yield from _curves(case.challenger, case.champion)
    if case.groups:
        yield _fairness(case.groups, share=case.list_share)
    if case.slices:
        yield _slices(case.slices)
    if case.moves:
        yield _moves(case.moves, share=case.list_share)
    if case.shadow:
        rows = tuple((night,) for night in case.shadow)
        reading = "Nights that the challenger scored beside the champion, apart from what was delivered."
        yield Section(heading="In the shadow", reading=reading, table=Table(header=("Night",), rows=rows))


def _gates(findings: Mapping[str, Finding]) -> Section:
    header = (
        "Gate",
        "Answer",
        "Figure",
        "95 % from",
        "95 % to",
        "Limit",
        "Smallest effect these rows show",
        "Unit",
        "Rows (n)",
        "Evidence",
    )
    reading = "Every gate with its evidence; a fail keeps the champion, and so does what the rows cannot tell."
    rows = tuple(_gate(name, found) for name, found in findings.items())
    return Section(heading="Gates", reading=reading, table=Table(header=header, rows=rows), wide=True)


def _gate(name: str, found: Finding) -> tuple[str, ...]:
    low, high = found.interval or (None, None)
    figures = map(_number, (found.figure, low, high, found.limit, found.smallest_effect))
    return name, str(found.answer), *figures, found.unit, f"{found.n:,}", found.reason


def _metrics(metrics: tuple[Compared, ...]) -> Section:
    header = ("Metric", "Challenger", "95 % from", "95 % to", "Champion", "Gain", "95 % from", "95 % to", "Unit")
    n = f"n = {metrics[0].challenger.n:,} rows" if metrics else "no rows"
    reading = f"Both models scored the same rows when this was decided ({n}); a gain over 0 is the challenger's."
    rows = tuple(map(_metric, metrics))
    return Section(heading="Figures", reading=reading, table=Table(header=header, rows=rows), wide=True)


def _metric(one: Compared) -> tuple[str, ...]:
    ends = (None, None, None) if one.gain is None else (one.gain.difference, *one.gain.interval)
    figures = (one.challenger.figure, *one.challenger.interval, one.champion, *ends)
    return one.name, *map(_number, figures), one.unit


def _number(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.4g}"


def _curves(ours: Curves, theirs: Curves | None) -> Iterator[Section]:
    n = f"n = {ours.roc.n:,} rows, {ours.roc.n_positive:,} positive"
    other = " The dotted line is the champion's." if theirs else ""
    yield _section(
        "ROC curve",
        f"The farther the line rises over the dashed diagonal of chance, the better the ranking ({n}).{other}",
        names=("false positive rate (share)", "true positive rate (share)"),
        ours=(ours.roc.false_positive_rates, ours.roc.true_positive_rates),
        theirs=(theirs.roc.false_positive_rates, theirs.roc.true_positive_rates) if theirs else None,
        reference=_diagonal("chance"),
    )
    yield from _curves_of_use(ours, theirs, n=n, other=other)


def _curves_of_use(ours: Curves, theirs: Curves | None, *, n: str, other: str) -> Iterator[Section]:
    """Yields what the scores are worth to who acts on them."""
    rate = ours.precision_recall.n_positive / ours.precision_recall.n
    yield _section(
        "Precision and recall",
        f"How many of those who are picked are positive (up) when so large a share is found (right) ({n}).{other}",
        names=("recall (share)", "precision (share)"),
        ours=(ours.precision_recall.recalls, ours.precision_recall.precisions),
        theirs=(theirs.precision_recall.recalls, theirs.precision_recall.precisions) if theirs else None,
        reference=Line(xs=(0.0, 1.0), ys=(rate, rate), reference=f"base rate {rate:.3f}"),
    )
    yield _section(
        "Reliability (CORP)",
        f"What isotonic regression would make of each score: on the dashed diagonal a score means what it says ({n}; "
        f"{_where_rows_are(ours.recalibrated)}).{other}",
        names=("score (probability)", "recalibrated probability"),
        ours=(ours.recalibrated.scores, ours.recalibrated.rates),
        theirs=(theirs.recalibrated.scores, theirs.recalibrated.rates) if theirs else None,
        reference=_diagonal("as promised"),
    )
    yield _section(
        "Captured positives",
        f"The share of all positives that a list of the highest scores reaches, by the size of the list ({n}).{other}",
        names=("share of the rows on the list", "share of the positives reached"),
        ours=(ours.captured.listed, ours.captured.captured),
        theirs=(theirs.captured.listed, theirs.captured.captured) if theirs else None,
        reference=_diagonal("at random"),
    )


def _where_rows_are(curve: Recalibrated) -> str:
    low = sum(curve.shares[:2])
    return f"{100 * low:.0f} % of the rows score under 0.2"


def _section(
    heading: str,
    reading: str,
    *,
    names: tuple[str, str],
    ours: tuple[tuple[float, ...], tuple[float, ...]],
    theirs: tuple[tuple[float, ...], tuple[float, ...]] | None,
    reference: Line,
) -> Section:
    x, y = (Axis(name=name, low=0.0, high=1.0) for name in names)
    beside = (Line(xs=theirs[0], ys=theirs[1], other="champion"),) if theirs else ()
    chart = line_chart(
        Alt(name=heading, shows=reading), x=x, y=y, lines=(reference, *beside, Line(xs=ours[0], ys=ours[1]))
    )
    header = ("Model", names[0].capitalize(), names[1].capitalize())
    rows = tuple(_points("challenger", ours)) + (tuple(_points("champion", theirs)) if theirs else ())
    return Section(heading=heading, reading=reading, chart=chart, table=Table(header=header, rows=rows))


def _points(model: str, curve: tuple[tuple[float, ...], tuple[float, ...]]) -> Iterator[tuple[str, ...]]:
    yield from ((model, f"{x:.4f}", f"{y:.4f}") for x, y in zip(*curve, strict=True))


def _diagonal(name: str) -> Line:
    return Line(xs=(0.0, 1.0), ys=(0.0, 1.0), reference=name)


def _fairness(groups: tuple[GroupRates, ...], *, share: float) -> Section:
    header = (
        "Attribute",
        "Group",
        "On the list (share)",
        "Positives on the list (share)",
        "Mean score",
        "Mean label",
        "Customers (n)",
        "Rows (n)",
    )
    reading = (
        f"How the groups that no model sees fare with the challenger, on a list of {100 * share:g} % of the rows; the "
        "gates say what differs surely."
    )
    return Section(
        heading="Fairness", reading=reading, table=Table(header=header, rows=tuple(map(_group, groups))), wide=True
    )


def _group(group: GroupRates) -> tuple[str, ...]:
    rates = (group.selected, group.true_positive_rate, group.mean_score, group.mean_label)
    return group.attribute, group.name, *map(_number, rates), f"{group.customers:,}", f"{group.n:,}"


def _slices(slices: tuple[Slice, ...]) -> Section:
    header = ("Slice", "Excess loss (ratio)", "95 % from", "95 % to", "Rows (n)")
    reading = (
        "Where the challenger looked weakest on one half of the customers, as the other half sees it; the interval is "
        "widened by the number of slices."
    )
    rows = tuple((one.name, *map(_number, (one.excess, *one.interval)), f"{one.n:,}") for one in slices)
    return Section(heading="Weak slices", reading=reading, table=Table(header=header, rows=rows), wide=True)


def _moves(moves: Moves, *, share: float) -> Section:
    reading = f"How the list of the {100 * share:g} % that score highest would change with the challenger."
    rows = tuple((word, f"{count:,}") for word, count in _words(moves))
    return Section(heading="Top list", reading=reading, table=Table(header=("On the list", "Rows (n)"), rows=rows))


def _words(moves: Moves) -> tuple[tuple[str, int], ...]:
    return ("stay", moves.stay), ("would leave", moves.leave), ("would enter", moves.enter)
