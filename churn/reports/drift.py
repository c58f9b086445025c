"""What moved, since when, does it matter, and what is to be done?

One frozen value of plain figures in, one page out: it knows no statistic, so that whatever finds drift can fill it.
Shares and counts alone, no customer's number. A night without a profile is drawn as one, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from churn.reports.axis import Axis, Nights
from churn.reports.charts import Alt, Dot, Line, line_chart
from churn.reports.heatmap import HeatRow, heatmap
from churn.reports.markup import Markup
from churn.reports.outcome import Table
from churn.reports.page import Section, page
from churn.reports.pairs import Pair, pair_chart


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNights:
    """The PSI of a column by night (0 and up, no unit; None: it could not be told), and the limit that it has.

    `weight` is the column's part in the model (0 to 1; None of the score); `watched` is False of a column that moves
    by construction.
    """

    name: str
    limit: float
    psi: tuple[float | None, ...]
    weight: float | None = None
    watched: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Shares of the rows (0 to 1) by bin, then and now, of so many rows; `words` say what moved."""

    name: str
    labels: tuple[str, ...]
    shares_then: tuple[float, ...]
    shares_now: tuple[float, ...]
    n_then: int
    n_now: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """A night's figure on ripe labels with its 95 % interval and its rows, and what was estimated at the time.

    None where there is none: labels that are not ripe yet, a night that was not estimated.
    """

    night: date
    version: int
    figure: float | None
    interval: tuple[float, float] | None
    n: int | None
    estimated: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """One metric over nights; `reading` says how the estimate did so far, in words."""

    metric: str
    unit: str
    points: tuple[Realised, ...]
    reading: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPage:
    """All that the drift report shows.

    `verdict` is the word for the whole (drift, no drift, …), `action` what is to be done about
    it, `grounds` why. `figures` are headline figures as text, with unit and n. `rows` counts the rows of
    each of `nights`, None where the night has no profile; `columns` have a PSI for each night, the score among them.
    `faults` are the broken feeds in words. `worst` are the columns that moved most; `scores` and `segments` are spread
    like columns.
    """

    title: str
    verdict: str
    action: str
    grounds: tuple[str, ...]
    figures: Mapping[str, str]
    faults: tuple[str, ...]
    nights: tuple[date, ...]
    rows: tuple[int | None, ...]
    columns: tuple[ColumnNights, ...]
    worst: tuple[Spread, ...]
    scores: Spread | None
    segments: Spread | None
    outcomes: tuple[Outcomes, ...]


def drift_page(report: DriftPage) -> str:
    """Returns the report as one HTML page without anything to load; the same values give the same text."""
    first = {"what to do": report.action, "verdict": report.verdict}
    return page(report.title, figures={**first, **report.figures}, sections=tuple(_sections(report)))


def _sections(report: DriftPage) -> Iterator[Section]:
    yield _decision(report)
    yield _faults(report.faults)
    yield _heat(report)
    yield from map(_spread, report.worst)
    if report.scores:
        yield _spread(report.scores)
    if report.segments:
        yield _spread(report.segments)
    yield from map(_outcomes, report.outcomes)


def _decision(report: DriftPage) -> Section:
    reading = f"{_sentence(report.action)} The first ground decided."
    rows = tuple((str(number), ground) for number, ground in enumerate(report.grounds, start=1))
    return Section(heading="Decision", reading=reading, table=Table(header=("No.", "Ground"), rows=rows), wide=True)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _faults(faults: tuple[str, ...]) -> Section:
    reading = (
        "What is broken is mended at its source, and the night is made again; nothing is learned from it."
        if faults
        else "No feed shows a fault that is known by its signs: null-filled, frozen, of another scale or sign, "
        "truncated, loaded twice, shifted in time."
    )
    rows = tuple((fault,) for fault in faults) or (("none",),)
    return Section(heading="Faults of feeds", reading=reading, table=Table(header=("Fault",), rows=rows), wide=True)


def _heat(report: DriftPage) -> Section:
    heading, ranked = "Columns over nights", sorted(report.columns, key=_rank)
    known = [rows is not None for rows in report.rows]
    rows = [HeatRow(name=_named(column), ratios=_ratios(column)) for column in ranked]
    alt = Alt(name=heading, shows=_shows(report, ranked))
    return Section(
        heading=heading,
        reading=f"Each cell is a night's PSI (no unit) as a share of the column's limit, the newest night to the "
        f"right, the column that is farthest now on top, what is not watched (it moves by construction) below. "
        f"{_counted(report)}",
        chart=heatmap(alt, rows, nights=report.nights, known=known) if report.nights else None,
        table=_heat_table(report, ranked),
        wide=True,
    )


def _counted(report: DriftPage) -> str:
    known = [rows for rows in report.rows if rows is not None]
    absent = len(report.nights) - len(known)
    span = f"n = {min(known):,} to {max(known):,} rows a night" if known else "no night has a profile"
    return f"{len(report.nights)} nights, {absent} of them without a profile; {span}."


def _rank(column: ColumnNights) -> tuple[bool, float, str]:
    told = [psi for psi in column.psi if psi is not None]
    return not column.watched, -(told[-1] / column.limit) if told else 0.0, column.name


def _ratios(column: ColumnNights) -> tuple[float | None, ...]:
    return tuple(None if psi is None else psi / column.limit for psi in column.psi)


def _named(column: ColumnNights) -> str:
    return column.name if column.watched else f"{column.name} (not watched)"


def _shows(report: DriftPage, ranked: list[ColumnNights]) -> str:
    over = [
        f"{column.name} on {count} nights"
        for column in ranked
        if (count := sum(psi is not None and psi >= column.limit for psi in column.psi))
    ]
    return f"{len(ranked)} columns over {len(report.nights)} nights. Over the limit: {', '.join(over) or 'none'}."


def _heat_table(report: DriftPage, ranked: list[ColumnNights]) -> Table:
    header = ("PSI of column (no unit)", "Part in the model (%)", "Limit", *map(str, report.nights))
    counts = ("rows of the night (n)", "", "", *("" if rows is None else f"{rows:,}" for rows in report.rows))
    return Table(header=header, rows=(counts, *map(_heat_row, ranked)))


def _heat_row(column: ColumnNights) -> tuple[str, ...]:
    weight = "" if column.weight is None else f"{100 * column.weight:.1f}"
    figures = ("" if psi is None else f"{psi:.3f}" for psi in column.psi)
    return _named(column), weight, f"{column.limit:g}", *figures


def _spread(spread: Spread) -> Section:
    triples = tuple(zip(spread.labels, spread.shares_then, spread.shares_now, strict=True))
    pairs = tuple(Pair(name=label, then=then, now=now) for label, then, now in triples if then or now)
    sizes = f"n = {spread.n_then:,} rows then, {spread.n_now:,} now"
    said = _sentence(spread.words.removeprefix(f"{spread.name}: "))
    return Section(
        heading=spread.name,
        reading=f"{said} Share of the rows by bin: the upper, grey bar is then, the lower one now ({sizes}).",
        chart=pair_chart(Alt(name=spread.name, shows=f"{said} {len(pairs)} bins, {sizes}."), pairs),
        table=Table(
            header=("Bin", "Then (% of rows)", "Now (% of rows)"),
            rows=tuple((label, f"{100 * then:.2f}", f"{100 * now:.2f}") for label, then, now in triples),
        ),
    )


def _outcomes(outcomes: Outcomes) -> Section:
    heading = f"{outcomes.metric}: outcomes against the estimate"
    return Section(
        heading=heading,
        reading=f"Each dot is a night's {outcomes.metric} on ripe labels with its 95 % interval, the dotted line what "
        f"was estimated at the time without labels, which assumes no concept drift. {_sentence(outcomes.reading)}",
        chart=_outcome_chart(heading, outcomes),
        table=Table(header=_outcome_header(outcomes), rows=tuple(map(_outcome_row, outcomes.points))),
        wide=True,
    )


def _outcome_header(outcomes: Outcomes) -> tuple[str, ...]:
    figure = f"{outcomes.metric} ({outcomes.unit})"
    return "Night", "Version", f"Realised {figure}", "95 % from", "95 % to", f"Estimated {figure}", "Ripe rows (n)"


def _outcome_row(point: Realised) -> tuple[str, ...]:
    figures = (point.figure, *(point.interval or (None, None)), point.estimated)
    written = ("" if figure is None else f"{figure:.4f}" for figure in figures)
    return str(point.night), str(point.version), *written, "" if point.n is None else f"{point.n:,}"


def _outcome_chart(heading: str, outcomes: Outcomes) -> Markup | None:
    ends = [end for point in outcomes.points for end in _ends(point)]
    if not ends:
        return None
    nights = [point.night for point in outcomes.points]
    y = Axis.around(f"{outcomes.metric} ({outcomes.unit})", ends)
    return line_chart(
        Alt(name=heading, shows=_outcome_words(outcomes)),
        x=Nights(first=min(nights), last=max(nights)),
        y=y,
        lines=(*_changes(outcomes.points, y), *_estimates(outcomes.points)),
        dots=tuple(
            Dot(x=point.night.toordinal(), y=point.figure, interval=point.interval)
            for point in outcomes.points
            if point.figure is not None
        ),
        shape="long",
    )


def _ends(point: Realised) -> Iterator[float]:
    yield from (end for end in (point.figure, *(point.interval or ()), point.estimated) if end is not None)


def _estimates(points: tuple[Realised, ...]) -> Iterator[Line]:
    known = [(point.night.toordinal(), point.estimated) for point in points if point.estimated is not None]
    if known:
        xs, ys = zip(*known, strict=True)
        yield Line(xs=tuple(map(float, xs)), ys=ys, other="estimated")


def _changes(points: tuple[Realised, ...], y: Axis) -> Iterator[Line]:
    """Returns a dashed line where another version began to score."""
    for before, after in pairwise(points):
        if before.version != after.version:
            at = float(after.night.toordinal())
            yield Line(xs=(at, at), ys=(y.high, y.low), reference=f"version {after.version}")


def _outcome_words(outcomes: Outcomes) -> str:
    ripe = [point for point in outcomes.points if point.figure is not None]
    told = f"{len(ripe)} of {len(outcomes.points)} nights have ripe labels"
    if not ripe:
        return f"{told}."
    first, last = ripe[0], ripe[-1]
    return f"{told}, from {first.figure:.4f} on {first.night} to {last.figure:.4f} on {last.night} ({outcomes.unit})."
