"""How are the curves of a score shown? One section a curve, for every report that has curves of one model."""

from __future__ import annotations

from churn.promotion.curves import Bin, PrecisionRecall, Reliability, Roc
from churn.reports.axis import Axis
from churn.reports.charts import Alt, Dot, Line, line_chart
from churn.reports.outcome import Table
from churn.reports.page import Section


def roc_section(curve: Roc) -> Section:
    """Returns the ROC curve with the diagonal of chance."""
    heading, negatives = "ROC curve", curve.n - curve.n_positive
    xs, ys = curve.false_positive_rates, curve.true_positive_rates
    chart = line_chart(
        Alt(name=heading, shows=f"From (0, 0) to (1, 1) over {curve.n:,} rows; {_waypoint(curve)}."),
        x=_share("false positive rate"),
        y=_share("true positive rate"),
        lines=(_diagonal(0.0, 1.0, "chance"), Line(xs=xs, ys=ys)),
    )
    header = (
        f"False positive rate (share of {negatives:,} negatives)",
        f"True positive rate (share of {curve.n_positive:,} positives)",
    )
    reading = (
        f"The farther the line rises over the dashed diagonal of chance, the better the model ranks ({_n(curve)})."
    )
    return Section(heading=heading, reading=reading, chart=chart, table=_pairs(header, xs, ys))


def precision_recall_section(curve: PrecisionRecall) -> Section:
    """Returns the precision-recall curve with the base rate."""
    heading, rate = "Precision and recall", curve.n_positive / curve.n
    xs, ys = curve.recalls, curve.precisions
    chart = line_chart(
        Alt(
            name=heading,
            shows=f"Over {curve.n:,} rows; precision is {_at(xs, ys, 0.5):.2f} at recall 0.5 and ends at {ys[-1]:.3f}.",
        ),
        x=_share("recall"),
        y=_share("precision"),
        lines=(Line(xs=(0.0, 1.0), ys=(rate, rate), reference=f"base rate {rate:.3f}"), Line(xs=xs, ys=ys)),
    )
    header = (f"Recall (share of {curve.n_positive:,} positives)", "Precision (share of the rows that are picked)")
    reading = (
        "How many of the rows that are picked are positive (up), when so large a share of all positives is found "
        f"(right); picking blindly gives the dashed base rate ({_n(curve)})."
    )
    return Section(heading=heading, reading=reading, chart=chart, table=_pairs(header, xs, ys))


def reliability_section(curve: Reliability) -> Section:
    """Returns observed rate against mean score, with intervals and the diagonal."""
    reading = (
        "On the dashed diagonal a score means what it says; over it the model promises too little, under it too much "
        f"({len(curve.bins)} bins of about equally many of {curve.n:,} rows, bars are 95 % intervals)."
    )
    names = ("mean score (probability)", "observed rate (share)")
    return _binned("Reliability", curve, reading=reading, names=names)


def predicted_section(curve: Reliability) -> Section:
    """Returns mean observed value against mean prediction, in the target's unit."""
    reading = (
        "On the dashed diagonal the predictions are right on average; over it they are too low, under it too high "
        f"({len(curve.bins)} bins of about equally many of {curve.n:,} rows, bars are 95 % intervals)."
    )
    names = ("mean prediction (unit of the target)", "mean observed (unit of the target)")
    return _binned("Predicted against observed", curve, reading=reading, names=names)


def _binned(heading: str, curve: Reliability, *, reading: str, names: tuple[str, str]) -> Section:
    bounds = [end for group in curve.bins for end in (group.mean_score, group.observed, *(group.interval or ()))]
    both = Axis.around("", [*bounds, 0.0])  # one range for both, so that the diagonal is one
    x, y = (Axis(name=name, low=both.low, high=both.high) for name in names)
    dots = tuple(Dot(x=group.mean_score, y=group.observed, interval=group.interval) for group in curve.bins)
    first, last = curve.bins[0], curve.bins[-1]
    ends = f"the lowest has {_pair(first)}, the highest {_pair(last)}"
    chart = line_chart(
        Alt(name=heading, shows=f"{len(curve.bins)} bins of {curve.n:,} rows: {ends}."),
        x=x,
        y=y,
        lines=(_diagonal(both.low, both.high, "as promised"),),
        dots=dots,
    )
    header = (names[0].capitalize(), names[1].capitalize(), "95 % from", "95 % to", "Rows (n)")
    return Section(
        heading=heading, reading=reading, chart=chart, table=Table(header=header, rows=tuple(map(_bin, curve.bins)))
    )


def _bin(group: Bin) -> tuple[str, ...]:
    low, high = (f"{end:.4g}" for end in group.interval) if group.interval else ("", "")
    return f"{group.mean_score:.4g}", f"{group.observed:.4g}", low, high, f"{group.n:,}"


def _pair(group: Bin) -> str:
    return f"{group.observed:.3g} observed where {group.mean_score:.3g} was predicted"


def _pairs(header: tuple[str, str], xs: tuple[float, ...], ys: tuple[float, ...]) -> Table:
    return Table(header=header, rows=tuple((f"{x:.4f}", f"{y:.4f}") for x, y in zip(xs, ys, strict=True)))


def _share(name: str) -> Axis:
    return Axis(name=f"{name} (share)", low=0.0, high=1.0)


def _diagonal(low: float, high: float, name: str) -> Line:
    return Line(xs=(low, high), ys=(low, high), reference=name)


def _n(curve: Roc | PrecisionRecall) -> str:
    return f"n = {curve.n:,} rows, {curve.n_positive:,} positive"


def _waypoint(curve: Roc) -> str:
    found = _at(curve.false_positive_rates, curve.true_positive_rates, 0.1)
    return f"at a false positive rate of 0.1 the true positive rate is {found:.2f}"


def _at(xs: tuple[float, ...], ys: tuple[float, ...], x: float) -> float:
    import numpy as np

    return float(np.interp(x, xs, ys))
