"""What was trained, on which dates, how well does it rank, and do its probabilities mean what they say?

One frozen value in, one page out. What a regression or a dataset without dates does not have is None or empty, and its
section is left out.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations

from churn.promotion.curves import PrecisionRecall, Reliability, Roc
from churn.reports import curve_sections
from churn.reports.axis import Axis
from churn.reports.charts import Alt, Bar, Measured, bar_chart, interval_chart
from churn.reports.outcome import Table
from churn.reports.page import Section, page
from churn.reports.parts import Fold, Part
from churn.reports.timeline import Row, Run, timeline

_BARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTrial:
    """One kind of calibration that was tried out of fold.

    `brier` is its Brier score (0 best; None: it could not be fitted), `gain` how much lower that is than the best
    simpler kind's, with a 95 % interval; both None for the kind that is compared with. `decision` is "chosen" or says
    why not.
    """

    kind: str
    brier: float | None
    gain: float | None
    interval: tuple[float, float] | None
    decision: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """All that the training report shows.

    `figures` are headline figures as text, with unit and n. `parts` go by name in order of time: train, validation,
    calibration, test. `validation` is a fold inside of train that chose the number of trees. `fold_metric` names the
    folds' figure. The curves are those of the test rows. `importance` is the gain by feature, `settings` text by name.
    """

    title: str
    figures: Mapping[str, str]
    horizon_days: int
    parts: Mapping[str, Part]
    validation: Fold | None = None
    folds: tuple[Fold, ...] = ()
    fold_metric: str = "AUC"
    roc: Roc | None = None
    precision_recall: PrecisionRecall | None = None
    reliability: Reliability | None = None
    predicted_against_observed: Reliability | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    calibration_trials: tuple[CalibrationTrial, ...] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def training_page(report: TrainingReport) -> str:
    """Returns the report as one HTML page without anything to load; the same values give the same text."""
    return page(report.title, figures=report.figures, sections=tuple(_sections(report)))


def _sections(report: TrainingReport) -> Iterator[Section]:
    yield _split(report)
    if report.roc:
        yield curve_sections.roc_section(report.roc)
    if report.precision_recall:
        yield curve_sections.precision_recall_section(report.precision_recall)
    if report.reliability:
        yield curve_sections.reliability_section(report.reliability)
    if report.predicted_against_observed:
        yield curve_sections.predicted_section(report.predicted_against_observed)
    yield from _sections_of_learning(report)


def _sections_of_learning(report: TrainingReport) -> Iterator[Section]:
    judged = tuple(fold for fold in report.folds if fold.figure is not None or fold.failure)
    if judged:
        yield _folds(judged, metric=report.fold_metric)
    if report.calibration_trials:
        yield _calibration(report.calibration_trials)
    if report.importance:
        yield _importance(report.importance)
    if report.settings:
        rows = tuple(report.settings.items())
        reading = "What the model was trained with."
        yield Section(heading="Settings", reading=reading, table=Table(header=("Setting", "Value"), rows=rows))


def _split(report: TrainingReport) -> Section:
    heading, rows = "Parts of the data", _rows(report)
    reading = _reading_of_split(report)
    dated = any(run.dates for row in rows for run in row.runs)
    alt = Alt(name=heading, shows=f"{'; '.join(f'{row.name}: {row.note}' for row in rows)}. {reading}")
    return Section(
        heading=heading,
        reading=reading,
        chart=timeline(alt, rows, horizon_days=report.horizon_days) if dated else None,
        table=_table_of_dates(report),
        wide=True,
    )


def _inner(report: TrainingReport) -> tuple[Fold, ...]:
    return (*((report.validation,) if report.validation else ()), *report.folds)


def _rows(report: TrainingReport) -> tuple[Row, ...]:
    outer = (
        Row(name=name, note=_note(part), group="parts", runs=(Run(role=name, dates=part.dates),))
        for name, part in report.parts.items()
    )
    inner = (
        Row(
            name=fold.name,
            note=f"{_count(fold.train.dates, 'date')}, then {_count(fold.test.dates, 'date')}",
            group=f"inner {number}",
            runs=(
                Run(role="train", dates=fold.train.dates),
                Run(role="validation" if fold is report.validation else "test", dates=fold.test.dates),
            ),
        )
        for number, fold in enumerate(_inner(report))
    )
    return (*outer, *inner)


def _note(part: Part) -> str:
    dates = _count(part.dates, "date") if part.dates else ""
    return " of ".join(filter(None, (dates, part.customers))) or "no dates"


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


def _reading_of_split(report: TrainingReport) -> str:
    signs = "Each mark is a date (● train, ▲ validation, ■ calibration, ◆ test)"
    windows = f"the thin bar behind it is its label window of {report.horizon_days} days"
    told = _told(report)
    if not any(part.dates for part in report.parts.values()):
        return f"The rows have no dates: {_own_customers(told)}."
    if told:
        return f"{signs}, {windows}; look out: label windows overlap between {', '.join(told)}, so figures may flatter."
    if any(part.customers for part in report.parts.values()):
        return f"{signs}, {windows}; where two parts share days they share no customer."
    return f"{signs}, {windows}; no window reaches into a later part, whose first date is a dashed line."


def _own_customers(told: list[str]) -> str:
    if told:
        return f"look out: customers may be shared between {', '.join(told)}, so figures may flatter"
    return "each part has its own customers"


def _told(report: TrainingReport) -> list[str]:
    """Returns the pairs of parts of which one is told what the other is asked."""
    pairs = [
        (f"{one} and {other}", report.parts[one], report.parts[other]) for one, other in combinations(report.parts, 2)
    ]
    pairs += [(f"train and test of {fold.name}", fold.train, fold.test) for fold in _inner(report)]
    return [names for names, one, other in pairs if one.overlaps(other, horizon_days=report.horizon_days)]


def _table_of_dates(report: TrainingReport) -> Table:
    parts = [*report.parts.items()]
    for fold in _inner(report):
        parts += [(f"{fold.name}: train", fold.train), (f"{fold.name}: test", fold.test)]
    header = (
        "Part",
        "Dates (n)",
        "First",
        "Last",
        "Last label window ends before",
        "Customers",
        "Rows (n)",
        "All dates",
    )
    return Table(header=header, rows=tuple(_row_of_dates(name, part, report.horizon_days) for name, part in parts))


def _row_of_dates(name: str, part: Part, horizon_days: int) -> tuple[str, ...]:
    days = part.dates
    span = (str(days[0]), str(days[-1]), str(days[-1] + timedelta(days=horizon_days))) if days else ("", "", "")
    rows = "" if part.n_rows is None else f"{part.n_rows:,}"
    return name, str(len(days)), *span, part.customers or "all", rows, ", ".join(map(str, days))


def _folds(judged: tuple[Fold, ...], *, metric: str) -> Section:
    measured = tuple(fold for fold in judged if fold.figure is not None)
    heading = f"{metric} by cross-validation fold"
    if not measured:
        reading = f"None of {_count(judged, 'fold')} could be judged; the table says why."
        return Section(heading=heading, reading=reading, table=_table_of_folds(judged, metric=metric))
    figures = [fold.figure for fold in measured if fold.figure is not None]
    mean = statistics.fmean(figures)
    spread = f", standard deviation {statistics.stdev(figures):.4f}" if len(figures) > 1 else ""
    failed = len(judged) - len(measured)
    over = f"{len(measured)} of {_count(judged, 'fold')}; the table says why {failed} could not be judged"
    reading = (
        f"Each dot is the {metric} of a model that learned from the fold's train dates alone, its bar the 95 % "
        f"interval; the dashed line is their mean, {mean:.4f}{spread}, "
        f"over {over if failed else _count(figures, 'fold')}."
    )
    rows = tuple(
        Measured(name=fold.name, figure=figure, interval=fold.interval, text=_with_interval(figure, fold.interval))
        for fold, figure in zip(measured, figures, strict=True)
    )
    shows = f"{'; '.join(f'{row.name}: {row.text}' for row in rows)}. Mean {mean:.4f}{spread}."
    chart = interval_chart(Alt(name=heading, shows=shows), rows, axis=_axis_of(metric, rows), reference=mean)
    return Section(heading=heading, reading=reading, chart=chart, table=_table_of_folds(judged, metric=metric))


def _table_of_folds(judged: tuple[Fold, ...], *, metric: str) -> Table:
    header, rows = ("Fold", metric, "95 % from", "95 % to", "Test rows (n)"), tuple(map(_row_of_fold, judged))
    if not any(fold.failure for fold in judged):
        return Table(header=header, rows=rows)
    reasons = [fold.failure for fold in judged]
    with_reasons = tuple((*row, reason) for row, reason in zip(rows, reasons, strict=True))
    return Table(header=(*header, "Why there is no figure"), rows=with_reasons)


def _row_of_fold(fold: Fold) -> tuple[str, ...]:
    low, high = (f"{end:.4f}" for end in fold.interval) if fold.interval else ("", "")
    figure = "" if fold.figure is None else f"{fold.figure:.4f}"
    return fold.name, figure, low, high, "" if fold.n is None else f"{fold.n:,}"


def _axis_of(name: str, rows: tuple[Measured, ...], *more: float) -> Axis:
    return Axis.around(name, [end for row in rows for end in (row.figure, *(row.interval or ()))] + list(more))


def _with_interval(figure: float, interval: tuple[float, float] | None, *, form: str = ".4f") -> str:
    return f"{figure:{form}}" + (f" ({interval[0]:{form}} to {interval[1]:{form}})" if interval else "")


def _calibration(trials: tuple[CalibrationTrial, ...]) -> Section:
    heading = "Choice of calibration"
    rows = tuple(
        Measured(
            name=trial.kind,
            figure=trial.gain,
            interval=trial.interval,
            text=_with_interval(trial.gain, trial.interval, form="+.5f"),
        )
        for trial in trials
        if trial.gain is not None
    )
    reading = (
        "Right of the dashed line the probabilities come closer to what happened than by the best simpler kind; an "
        "interval that holds the line shows no gain."
    )
    decisions = "; ".join(f"{trial.kind}: {trial.decision}" for trial in trials)
    axis = _axis_of("Brier score gained over the best simpler kind", rows, 0.0)
    chart = interval_chart(Alt(name=heading, shows=f"{decisions}."), rows, axis=axis, reference=0.0) if rows else None
    header = ("Calibration", "Brier score, out of fold", "Gain", "95 % from", "95 % to", "Decision", "Rows (n)")
    return Section(
        heading=heading,
        reading=f"{reading} {decisions}.",
        chart=chart,
        table=Table(header=header, rows=tuple(map(_row_of_trial, trials))),
    )


def _row_of_trial(trial: CalibrationTrial) -> tuple[str, ...]:
    gain = "" if trial.gain is None else f"{trial.gain:+.5f}"
    low, high = (f"{end:+.5f}" for end in trial.interval) if trial.interval else ("", "")
    brier = "" if trial.brier is None else f"{trial.brier:.5f}"
    return trial.kind, brier, gain, low, high, trial.decision, f"{trial.n:,}"


def _importance(importance: Mapping[str, float]) -> Section:
    heading, total = "Feature importance", sum(importance.values()) or 1.0
    ranked = sorted(importance.items(), key=lambda pair: (-pair[1], pair[0]))
    shares = {name: 100 * gain / total for name, gain in ranked}
    bars = tuple(Bar(name=name, percent=share) for name, share in [*shares.items()][:_BARS])
    which = f"the {_BARS} largest of {len(shares)} features" if len(shares) > _BARS else f"{len(shares)} features"
    reading = (
        f"Share of the trees' total gain that splits on each feature brought ({which}); it says nothing about cause."
    )
    shows = f"{which}, led by {', '.join(f'{bar.name} ({bar.percent:.1f} %)' for bar in bars[:3])}."
    table = Table(
        header=("Feature", "Share of gain (%)", "Gain (loss units)"),
        rows=tuple((name, f"{shares[name]:.2f}", f"{gain:.4g}") for name, gain in ranked),
    )
    return Section(heading=heading, reading=reading, chart=bar_chart(Alt(name=heading, shows=shows), bars), table=table)
